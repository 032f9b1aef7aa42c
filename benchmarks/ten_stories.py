"""A model that invents a project of N stories: each a module of its own, so that all can be written at once."""

import json
import re
from collections.abc import Callable
from typing import Any

from hishamos_pipeline.core.artifacts.documents import PILLARS
from tests.fakes.providers import Asked, Reply

_TASK = re.compile(r"# Task (\w+)/(\w+)(?: for ([^\s\\]+))?")


class InventedProject:
    """Answers every task of the chain after a delay in seconds."""

    def __init__(self, stories: int, delay: float) -> None:
        self.stories = stories
        self.delay = delay

    def __call__(self, asked: Asked) -> Reply:
        """The reply to one request."""
        match = _TASK.search(asked.text)
        assert match, asked.text[:500]
        answer = self._answer(f"{match[1]}/{match[2]}", match[3] or "")
        text = json.dumps(answer)
        return Reply(text, delay=self.delay, usage=(len(asked.text) // 4, len(text) // 4))

    def brief(self) -> str:
        """The brief of the project."""
        return "# Many\n\n## Features\n" + "".join(f"- User can call feature {n}\n" for n in self._numbers)

    @property
    def _numbers(self) -> range:
        return range(1, self.stories + 1)

    def _answer(self, task: str, unit: str) -> dict[str, Any]:
        number = next(iter(re.findall(r"feature_(\d+)", unit)), "0")
        makers: dict[str, Callable[[], dict[str, Any]]] = {
            "business_analyst/requirements": self._requirements,
            "business_analyst/stories": self._stories,
            "architect/architecture": self._architecture,
            "scrum_master/sprint_goals": lambda: {"goals": ["All features."]},
            "coding/new": lambda: {"text": self._cli() if unit.endswith("cli.py") else _module(number)},
            "qa/story_tests": lambda: {"text": _test(int(unit.split("us_")[1][:3]))},
            "documentation/document": lambda: {"text": self._document()},
            "code_review/review": lambda: {
                "scores": [{"pillar": p, "score": 9} for p in PILLARS],
                "findings": [],
            },
        }
        return makers[task]()

    def _requirements(self) -> dict[str, Any]:
        listed = [
            {"kind": "functional", "title": f"Feature {n}", "statement": f"Feature {n} works.",
             "acceptance": ["It works."]}
            for n in self._numbers
        ]  # fmt: skip
        return {"summary": "Many features.", "requirements": listed}

    def _stories(self) -> dict[str, Any]:
        stories = [
            {"title": f"Feature {n}", "actor": "user", "want": f"to call feature {n}", "requirements": [f"REQ-{n:03d}"],
             "points": 1, "criteria": [{"given": "nothing", "when": f"feature {n} runs", "then": f"{n} comes out"}]}
            for n in self._numbers
        ]  # fmt: skip
        return {"epics": [{"title": "All", "stories": stories}]}

    def _architecture(self) -> dict[str, Any]:
        files = [
            {"path": f"src/many_features/feature_{n}.py", "purpose": f"Feature {n}.", "requirements": [f"REQ-{n:03d}"],
             "interface": f'def feature_{n}() -> int:\n    """{n}."""\n'}
            for n in self._numbers
        ]  # fmt: skip
        return {"package": "many_features", "commands": "Prints every feature's number.", "files": files}

    def _cli(self) -> str:
        imports = "".join(f"from many_features.feature_{n} import feature_{n}\n" for n in self._numbers)
        calls = "".join(f"    print(feature_{n}())\n" for n in self._numbers)
        return (
            f'"""Command line."""\n\nfrom collections.abc import Sequence\n\n{imports}\n\n'
            "def main(argv: Sequence[str] | None = None) -> int:\n"
            f'    """Print everything."""\n{calls}    return len(argv or ())\n'
        )

    def _document(self) -> str:
        return "# Many\n\n" + "".join(f"- US-{n:03d}\n" for n in self._numbers)


def _module(number: str) -> str:
    return f'"""Feature {number}."""\n\n\ndef feature_{number}() -> int:\n    """{number}."""\n    return {number}\n'


def _test(number: int) -> str:
    return (
        f'"""US-{number:03d}."""\n\nfrom many_features.cli import main\n'
        f"from many_features.feature_{number} import feature_{number}\n\n\n"
        f'def test_ac1_it_works() -> None:\n    """US-{number:03d}-AC1: it works."""\n'
        f"    assert feature_{number}() == {number}\n    assert main([]) == 0\n"
    )
