"""A sandbox that runs nothing: it answers from a script and remembers what it was asked."""

from collections.abc import Mapping
from pathlib import Path

from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain


class FakeSandbox:
    """Answers each command with a scripted outcome, or with success.

    Args:
        outcomes: by argv.
    """

    name = "fake"
    isolates = True

    def __init__(self, outcomes: Mapping[tuple[str, ...], Outcome] | None = None) -> None:
        self._outcomes = dict(outcomes or {})
        self._runs: list[tuple[Command, Path]] = []

    @property
    def runs(self) -> list[tuple[Command, Path]]:
        """What was run, in order."""
        return list(self._runs)

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """Answer from the script."""
        self._runs.append((command, tree))
        return self._outcomes.get(tuple(command.argv), Outcome(0, "", 0.0))
