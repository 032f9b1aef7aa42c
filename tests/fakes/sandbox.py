"""A sandbox that runs nothing: it answers from a script and remembers what it was asked."""

from collections.abc import Mapping
from pathlib import Path

from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome


class FakeSandbox:
    """Answers each command with a scripted outcome, or with success.

    Args:
        outcomes: by argv.
        writes: files to write below the tree when a command is run, by argv: path to text.
    """

    name = "fake"

    def __init__(
        self,
        outcomes: Mapping[tuple[str, ...], Outcome],
        writes: Mapping[tuple[str, ...], Mapping[str, str]] | None = None,
    ) -> None:
        self._outcomes = dict(outcomes)
        self._writes = dict(writes or {})
        self._runs: list[tuple[Command, Path]] = []

    @property
    def runs(self) -> list[tuple[Command, Path]]:
        """What was run, in order."""
        return list(self._runs)

    async def run(self, command: Command, tree: Path, limits: Limits) -> Outcome:
        """Answer from the script."""
        self._runs.append((command, tree))
        for path, text in self._writes.get(tuple(command.argv), {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        return self._outcomes.get(tuple(command.argv), Outcome(0, "", 0.0))
