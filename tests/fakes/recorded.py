"""A model that answers from a folder of recordings: a whole project, by role, task and unit."""

import json
import re
from pathlib import Path

from tests.fakes.providers import Asked, Reply

RECORDINGS = Path(__file__).parent.parent / "recordings"
SUITE = Path(__file__).parent.parent.parent / "examples" / "suites" / "recorded"
# The recording that the examples show, too.
READING_LOG = SUITE / "reading-log" / "answers"
_TASK = re.compile(r"# Task (\w+)/(\w+)(?: for (\S+))?")


class RecordedModel:
    """Answers each task with its recording.

    Args:
        name: the folder under ``tests/recordings``, or the case of the recorded suite.
        delay: seconds that each answer takes.
    """

    def __init__(self, name: str, delay: float = 0.0) -> None:
        case = SUITE / name
        self.name, self.folder = name, case / "answers" if case.is_dir() else RECORDINGS / name
        self.brief = (case if case.is_dir() else self.folder) / "brief.md"
        self.delay = delay
        self.tasks: list[str] = []

    def __call__(self, asked: Asked) -> Reply:
        """The reply to a request; an unknown task is a failing server."""
        match = _TASK.search(asked.text)
        if match is None:
            return Reply(status=400, error="no task is named")
        role, task, unit = match[1], match[2], (match[3] or "").rstrip("\\n")
        unit = unit.split("\\n")[0]
        self.tasks.append(f"{role}/{task} {unit}".strip())
        if not (self.folder / role).is_dir() and not (self.folder / f"{role}.{task}.json").exists():
            return Reply(status=400, error=f"nothing is recorded for {role}/{task}")
        return Reply(self._text(role, task, unit), delay=self.delay, usage=(len(asked.text) // 4, 200))

    def _text(self, role: str, task: str, unit: str) -> str:
        known = self.folder / f"{role}.{task}.json"
        if known.exists():
            return json.dumps(json.loads(known.read_text().replace("PATH", unit)))
        return json.dumps({"text": (self.folder / role / f"{Path(unit).name}.txt").read_text()})
