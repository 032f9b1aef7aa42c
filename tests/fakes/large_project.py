"""A model that invents a library of many modules in several packages, planned in two levels when they are many."""

import json
import re
from typing import Any

from hishamos_pipeline.core.artifacts.documents import PILLARS
from tests.fakes.providers import Asked, Reply

_TASK = re.compile(r"# Task (\w+)/(\w+)(?: for ([^\s\\\\]+))?")
_COMPONENT = re.compile(r"the component `(\w+)`")


class LargeProject:
    """Answers every task of the chain.

    Args:
        modules: how many modules the project has.
        packages: how many packages they are in; one is a plan of one level.
    """

    def __init__(self, modules: int, packages: int = 1) -> None:
        self.modules, self.packages = modules, packages
        self.tasks: list[str] = []
        self.prompts: dict[str, int] = {}

    def __call__(self, asked: Asked) -> Reply:
        """The reply to one request."""
        match = _TASK.search(asked.text)
        assert match, asked.text[:500]
        task, unit = f"{match[1]}/{match[2]}", match[3] or ""
        if task == "architect/component":
            named = _COMPONENT.search(asked.text)
            assert named
            unit = named[1]
        self.tasks.append(f"{task} {unit}".strip())
        self.prompts[self.tasks[-1]] = len(asked.text)
        text = json.dumps(self._answer(task, unit))
        return Reply(text, usage=(len(asked.text) // 4, len(text) // 4))

    def brief(self) -> str:
        """The brief of the project."""
        wishes = "".join(
            f"\n## {n}. Number {n}\n\nThe function number {n} must give {n}.\n" for n in self.numbers
        )
        return f"---\nstack: python-library\n---\n# Many numbers\n{wishes}"

    @property
    def numbers(self) -> range:
        """The modules."""
        return range(1, self.modules + 1)

    def folder(self, number: int) -> str:
        """The folder that a module is in."""
        return "src/many" if self.packages == 1 else f"src/many/part_{self.part(number)}"

    def part(self, number: int) -> int:
        """The package that a module belongs to."""
        return (number - 1) * self.packages // self.modules

    def _answer(self, task: str, unit: str) -> dict[str, Any]:
        number = int(next(iter(re.findall(r"number_(\d+)", unit)), "0"))
        if task == "business_analyst/requirements":
            return {"summary": "Many numbers.", "requirements": [
                {"kind": "functional", "title": f"Number {n}", "statement": f"Number {n}.", "acceptance": [f"{n}"],
                 "sections": [f"{n}"]} for n in self.numbers]}  # fmt: skip
        if task == "business_analyst/stories":
            return {"epics": [{"title": "All", "stories": [
                {"title": f"Number {n}", "actor": "program", "want": f"number {n}", "requirements": [f"REQ-{n:03d}"],
                 "points": 1, "criteria": [{"given": "nothing", "when": f"number {n} is asked for", "then": f"{n}"}]}
                for n in self.numbers]}]}  # fmt: skip
        if task == "architect/architecture":
            return self._plan()
        if task == "architect/component":
            part = int(unit.rpartition("_")[2])
            mine = [n for n in self.numbers if self.part(n) == part]
            passed_on = "".join(f"from many.part_{part}.number_{n} import number_{n}\n" for n in mine)
            init = {"path": f"src/many/part_{part}/__init__.py", "purpose": "All of it.", "interface": passed_on,
                    "depends_on": [f"{self.folder(n)}/number_{n}.py" for n in mine]}  # fmt: skip
            return {"files": [*map(self._module, mine), init]}
        if task == "coding/new":
            body = f'def number_{number}() -> int:\n    """{number}."""\n    return {number}\n'
            return {"text": f'"""Number {number}."""\n\n\n{body}'}
        if task == "qa/story_tests":
            return {"text": self._test(int(unit.split("us_")[1][:3]))}
        if task == "documentation/document":
            return {"text": "# Many\n\n" + "".join(f"- US-{n:03d}\n" for n in self.numbers)}
        if task == "code_review/review":
            return {"scores": [{"pillar": p, "score": 9} for p in PILLARS], "findings": []}
        return {"goals": ["Numbers."] * (-(-self.modules // 20))}

    def _plan(self) -> dict[str, Any]:
        if self.packages == 1:
            return {"package": "many", "files": [self._module(n) for n in self.numbers]}
        components = [
            {"name": f"part_{p}", "purpose": f"Part {p}.", "folder": f"src/many/part_{p}",
             "offers": "".join(f"def number_{n}() -> int: ...\n" for n in self.numbers if self.part(n) == p),
             "depends_on": [f"part_{p - 1}"] if p else [],
             "requirements": [f"REQ-{n:03d}" for n in self.numbers if self.part(n) == p]}
            for p in range(self.packages)
        ]  # fmt: skip
        return {"package": "many", "files": [], "components": components}

    def _module(self, number: int) -> dict[str, Any]:
        return {
            "path": f"{self.folder(number)}/number_{number}.py",
            "purpose": f"Number {number}.",
            "interface": f'def number_{number}() -> int:\n    """{number}."""\n',
            "requirements": [f"REQ-{number:03d}"],
        }

    def _test(self, number: int) -> str:
        module = self.folder(number).removeprefix("src/").replace("/", ".")
        return (
            f'"""US-{number:03d}."""\n\nfrom {module}.number_{number} import number_{number}\n\n\n'
            f'def test_ac1_it_is_given() -> None:\n    """US-{number:03d}-AC1: it is given."""\n'
            f"    assert number_{number}() == {number}\n"
        )
