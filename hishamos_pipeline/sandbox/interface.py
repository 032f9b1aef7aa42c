"""Running a command on a generated tree: the interface, its limits and its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use at most.

    Seconds, MiB, and bytes of output that are kept. Memory is that of all processes together and of each alone;
    ``disk_mb`` holds for the working folder and for ``/tmp`` each; ``file_mb`` for a single file.
    """

    wall_seconds: float = 300
    cpu_seconds: int = 240
    memory_mb: int = 2048
    file_mb: int = 64
    disk_mb: int = 256
    files: int = 20_000
    processes: int = 64
    printed_mb: int = 64
    output_bytes: int = 200_000


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The programs that a command finds: nothing else of this machine is there but its system folders.

    Args:
        programs: folder that comes first on the ``PATH``.
        folders: what the programs need, readable and nothing more.
        key: hash of what the toolchain holds.
        plugins: modules of pytest's extensions besides those that are always there; no others are loaded.
    """

    programs: Path
    folders: tuple[Path, ...]
    key: str = ""
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """An argv without a shell, run in a tree that it cannot change.

    Args:
        argv: the program, found in the toolchain or the system, and its arguments.
        variables: set besides the clean environment.
        collect: paths of files below the tree that are handed back if the command has written them.
        writes: whether it may change the tree, which is then a copy; what it has changed is told.
    """

    argv: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended; all of it but the figures was told by untrusted code.

    ``exit_code`` is ``None`` when it was killed: ``signal`` says by which, and ``limit``, in words, the limit that
    was hit. ``output`` holds the head and the tail of standard output and error together. ``files`` are the files
    that were collected, and ``changed`` the files of the tree that are not as they were: the tree itself never
    changes. ``memory_mb`` is the most that was seen at once, and ``cpu_seconds`` those of all processes.
    """

    exit_code: int | None
    output: str
    seconds: float
    limit: str = ""
    signal: str = ""
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    changed: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.limit

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return self.limit or (f"killed by {self.signal}" if self.signal else f"exit code {self.exit_code}")


class Sandbox(Protocol):
    """Runs untrusted commands."""

    @property
    def name(self) -> str:
        """What reports call it, and what ``HISHAMOS_SANDBOX`` names it."""
        ...

    @property
    def isolates(self) -> bool:
        """Whether it holds back hostile code; without, only accidents."""
        ...

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """Run a command with the files of ``tree`` in its working folder, and wait for its end.

        It may make new files beside those of the tree. When it returns, nothing that it started is left running, and
        ``tree`` is as it was.

        Raises:
            SandboxError: the command could not be started at all.
        """
        ...
