"""Running a command on a generated tree: the interface, its limits and its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use at most: seconds, MiB, and bytes of output that are kept."""

    wall_seconds: float = 300
    cpu_seconds: int = 240
    memory_mb: int = 2048
    file_mb: int = 64
    output_bytes: int = 200_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    ``exit_code`` is ``None`` when it was killed; ``limit`` then names the limit that was hit, in words.
    ``output`` holds the head and the tail of standard output and error together.
    """

    exit_code: int | None
    output: str
    seconds: float
    limit: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Command:
    """An argv without a shell, and variables that are set besides the clean environment."""

    argv: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


class Sandbox(Protocol):
    """Runs untrusted commands."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    async def run(self, command: Command, tree: Path, limits: Limits) -> Outcome:
        """Run a command with ``tree`` as its working directory, and wait for its end.

        When it returns, nothing that the command started is left running.

        Raises:
            ToolMissingError: the program is not installed.
        """
        ...
