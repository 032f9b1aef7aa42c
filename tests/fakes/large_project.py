"""A model that invents a library of many modules in several packages, planned in two levels when they are many."""

import json
import re
from typing import Any

from hishamos_pipeline.core.artifacts.documents import PILLARS
from tests.fakes.providers import Asked, Reply

_TASK = re.compile(r"# Task (\w+)/(\w+)(?: for ([^\s\\\\]+))?")
_COMPONENT = re.compile(r"the component `(\w+)`")


class LargeProject:
    """Answers every task of the chain, as the product is wanted at the time.

    Args:
        modules: how many modules the project has; more of them are added by raising it.
        packages: how many packages they are in; one is a plan of one level.
        uses: whether the last module of each package is built on the first.
    """

    def __init__(self, modules: int, packages: int = 1, *, uses: bool = False) -> None:
        self.modules, self.packages = modules, packages
        self.tasks: list[str] = []
        self.prompts: dict[str, int] = {}
        self.values: dict[int, int] = {}  # numbers that are others than they are called
        self.parameters: set[int] = set()  # those whose function takes something
        self.wording = "must give"
        self._first, self._uses = modules, uses
        self._ids: dict[int, str] = {}  # requirements of what was added

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
        text = json.dumps(self._revised(task, unit, asked.text) or self._answer(task, unit))
        return Reply(text, usage=(len(asked.text) // 4, len(text) // 4))

    def brief(self) -> str:
        """The brief of the project."""
        wishes = "".join(
            f"\n## {n}. Number {n}\n\nThe function number {n} {self.wording} {self.value(n)}.\n"
            for n in self.numbers
        )
        return f"---\nstack: python-library\n---\n# Many numbers\n{wishes}"

    def value(self, number: int) -> int:
        """What a function gives."""
        return self.values.get(number, number)

    def used(self, number: int) -> int:
        """The module that a module is built on, 0 for none."""
        first = next(n for n in self.numbers if self.part(n) == self.part(number))
        is_last = number == max(n for n in range(1, self._first + 1) if self.part(n) == self.part(number))
        return first if self._uses and is_last and first != number else 0

    @property
    def numbers(self) -> range:
        """The modules."""
        return range(1, self.modules + 1)

    def folder(self, number: int) -> str:
        """The folder that a module is in."""
        return "src/many" if self.packages == 1 else f"src/many/part_{self.part(number)}"

    def part(self, number: int) -> int:
        """The package that a module belongs to."""
        return min((number - 1) * self.packages // self._first, self.packages - 1)

    def _answer(self, task: str, unit: str) -> dict[str, Any]:
        number = int(next(iter(re.findall(r"number_(\d+)", unit)), "0"))
        if task == "business_analyst/requirements":
            return {"summary": "Many numbers.", "requirements": [
                self._requirement(n) for n in self.numbers]}  # fmt: skip
        if task == "business_analyst/stories":
            return {"epics": [{"title": "All", "stories": [
                self._story(n) for n in self.numbers]}]}  # fmt: skip
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
            return {"text": self._code(number)}
        if task == "qa/story_tests":
            return {"text": self._test(int(unit.split("us_")[1][:3]))}
        if task == "documentation/document":
            return {"text": "# Many\n\n" + "".join(f"- US-{n:03d}\n" for n in self.numbers)}
        if task == "code_review/review":
            return {"scores": [{"pillar": p, "score": 9} for p in PILLARS], "findings": []}
        return {"goals": ["Numbers."] * (-(-self.modules // 20))}

    def _revised(self, task: str, unit: str, asked: str) -> dict[str, Any] | None:
        """The answer to a question about a change; ``None`` for any other."""
        number = int(next(iter(re.findall(r"number_(\d+)", unit)), "0"))
        told = [int(name) for name in re.findall(r"REQ-(\d+)", asked.partition("Rules:")[2])]
        if task == "business_analyst/change":
            number = int(next(iter(re.findall(r"number (\d+)", asked))))
            story = self._story_entry(number, is_there=True)
            return {"summary": "Another number.", "requirements": [self._changed(number)], "stories": [story]}
        if task == "business_analyst/revise_requirements":
            is_said = self.wording != "must give"
            added = [n for n in self.numbers if n > self._first and f"Number {n} gives" not in asked]
            return {
                "same": [f"REQ-{n:03d}" for n in told] if is_said else [],
                "requirements": [
                    *([] if is_said else map(self._changed, told)),
                    *({"change": "ADDED", "content": self._requirement(n)} for n in added),
                ],
            }
        if task == "business_analyst/revise_stories":
            about = re.findall(r"(REQ-\d+) \(functional\) Number (\d+)", asked)
            self._ids.update({int(n): name for name, n in about})
            numbers = dict.fromkeys(int(n) for _, n in about)
            return {"stories": [self._story_entry(n, is_there=f"US-{n:03d}" in asked) for n in numbers]}
        if task == "architect/revise":
            self._ids.update(
                {int(n): name for name, n in re.findall(r"(REQ-\d+)(?: \(functional\))? Number (\d+)", asked)}
            )
            new = [n for n in self.numbers if n > self._first and f"number_{n}.py" not in asked]
            return {"files": [self._module(n) for n in (*self.parameters, *new)]}
        if task == "coding/revise":
            return {"text": self._code(number)}
        if task == "qa/revise":
            return {"text": self._test(int(unit.split("us_")[1][:3]))}
        if task == "documentation/revise":
            return self._answer("documentation/document", unit)
        return None

    def _requirement(self, number: int) -> dict[str, Any]:
        takes = " It takes an optional addend." if number in self.parameters else ""
        said = f"Number {number} gives {self.value(number)}.{takes}"
        return {"kind": "functional", "title": f"Number {number}", "statement": said,
                "acceptance": [f"{self.value(number)}"], "sections": [f"{number}"]}  # fmt: skip

    def _story(self, number: int) -> dict[str, Any]:
        criterion = {
            "given": "nothing",
            "when": f"number {number} is asked for",
            "then": f"{self.value(number)}",
        }
        return {"title": f"Number {number}", "actor": "program", "want": f"number {number}",
                "requirements": [self.requirement(number)], "points": 1, "criteria": [criterion]}  # fmt: skip

    def _backlog_story(self, number: int) -> dict[str, Any]:
        return {**self._story(number), "epic": "EP-001", "depends_on": []}

    def requirement(self, number: int) -> str:
        """The id of the requirement of a number."""
        return self._ids.get(number, f"REQ-{number:03d}")

    def _changed(self, number: int) -> dict[str, Any]:
        return {"change": "MODIFIED", "id": self.requirement(number), "content": self._requirement(number)}

    def _story_entry(self, number: int, *, is_there: bool) -> dict[str, Any]:
        entry = {"change": "MODIFIED", "id": f"US-{number:03d}"} if is_there else {"change": "ADDED"}
        return {**entry, "content": self._backlog_story(number)}

    def _code(self, number: int) -> str:
        used = self.used(number)
        module = f"{self.folder(used)}/number_{used}".removeprefix("src/").replace("/", ".")
        imported = f"from {module} import number_{used}\n\n\n" if used else "\n"
        value = f"{self.value(number)}" + (f" + number_{used}() - number_{used}()" if used else "")
        more = "more: int = 0" if number in self.parameters else ""
        result = f"{value} + more" if more else value
        return (
            f'"""Number {number}."""\n\n{imported}def number_{number}({more}) -> int:\n    """{number}."""\n'
            f"    return {result}\n"
        )

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
        used, more = self.used(number), "more: int = 0" if number in self.parameters else ""
        return {
            "path": f"{self.folder(number)}/number_{number}.py",
            "purpose": f"Number {number}.",
            "interface": f'def number_{number}({more}) -> int:\n    """{number}."""\n',
            "requirements": [self.requirement(number)],
            "depends_on": [f"{self.folder(used)}/number_{used}.py"] if used else [],
        }

    def _test(self, number: int) -> str:
        module = self.folder(number).removeprefix("src/").replace("/", ".")
        return (
            f'"""US-{number:03d}."""\n\nfrom {module}.number_{number} import number_{number}\n\n\n'
            f'def test_ac1_it_is_given() -> None:\n    """US-{number:03d}-AC1: it is given."""\n'
            f"    assert number_{number}() == {self.value(number)}\n"
        )
