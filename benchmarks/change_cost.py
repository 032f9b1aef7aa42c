"""What a change costs with a model: calls and tokens against the build from scratch, and against the forecast."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import HISHAMOS, Row
from benchmarks.models import build_with, environment_of
from hishamos_pipeline.store.store import open_store
from tests.fakes.large_project import LargeProject
from tests.fakes.providers import FakeProvider, provider

KEY = "many-numbers"
# Modules and packages.
SIZES = ((12, 1), (40, 5))
# Seconds that a forecast of the larger project may take.
MOST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls and tokens of a project so far."""

    calls: int
    tokens: int

    def since(self, before: "Spent") -> "Spent":
        """What came after."""
        return Spent(self.calls - before.calls, self.tokens - before.tokens)


class Project:
    """A project of invented modules in a home of its own."""

    def __init__(self, home: Path, fake: FakeProvider, model: LargeProject) -> None:
        self.home, self.fake, self.model = home, fake, model

    def run(self, *arguments: str) -> str:
        """A command."""
        done = subprocess.run(
            [*HISHAMOS, *arguments],
            env=environment_of(self.home, self.fake),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def build(self) -> None:
        """Build the brief as the model has it now."""
        build_with(self.home, self.fake, self.model.brief())

    def spent(self) -> Spent:
        """What models have taken so far."""
        store = open_store(f"sqlite:///{self.home}/store.db")
        found = store.calls.spent(KEY)
        store.engine.dispose()
        return Spent(found.calls, found.input_tokens + found.output_tokens)

    def foretold(self) -> tuple[float, float, float]:
        """Likely and most calls of the next build, and the seconds that it took to tell."""
        began = time.perf_counter()
        steps = json.loads(self.run("plan", KEY, "--json"))
        seconds = time.perf_counter() - began
        return sum(s["likely_calls"] for s in steps), sum(s["most_calls"] for s in steps), seconds


def measure() -> list[Row]:
    """All rows."""
    return [row for modules, packages in SIZES for row in _rows(modules, packages)]


def _rows(modules: int, packages: int) -> list[Row]:
    model = LargeProject(modules, packages, uses=True)
    name = f"{modules} modules"
    with tempfile.TemporaryDirectory() as folder, provider(model) as fake:
        project = Project(Path(folder) / "home", fake, model)
        project.build()
        whole = project.spent()
        rows, times = [], []
        for title, wanted, bound in (
            ("one behaviour behind one signature", _behaviour, 0.10),
            ("one signature", _signature, 0.25),
            ("a feature more", _feature, 0.40),
            ("the brief again, one section changed", _section, 0.10),
            ("the brief again, in other words", _words, 0.0),
        ):
            row, seconds = _changed(project, whole, f"{name}: {title}", wanted, bound)
            rows.append(row)
            times.append(seconds)
    slowest = max(times)
    return [*rows, Row(f"{name}: `hishamos plan`, whole process", f"{slowest:.1f} s", f"under {MOST_SECONDS:g} s",
                       slowest < MOST_SECONDS)]  # fmt: skip


def _changed(
    project: Project, whole: Spent, title: str, wanted: Callable[[Project], int], bound: float
) -> tuple[Row, float]:
    """A change, its forecast and its build; ``wanted`` says how many planning calls may come on top of the bound."""
    before = project.spent()
    more = wanted(project)
    asked = project.spent()
    likely, most, seconds = project.foretold()
    project.run("build", KEY)
    spent, building = project.spent().since(before), project.spent().since(asked)
    share, tokens = spent.calls / whole.calls, spent.tokens / whole.tokens
    kept = spent.calls <= bound * whole.calls + more and building.calls <= most
    figure = (
        f"{spent.calls} of {whole.calls} calls ({share:.0%}), {tokens:.0%} of the tokens; building took "
        f"{building.calls}, foretold {likely:.0f}, at most {most:.0f}"
    )
    said = f"at most {bound:.0%} of the calls" + (f" and {more} for planning" if more else "")
    return Row(title, figure, said, kept), seconds


def _behaviour(project: Project) -> int:
    project.model.values[3] = 1003
    project.run("change", KEY, "number 3 gives 1003", "--yes")
    return 1  # finding out what the sentence means


def _signature(project: Project) -> int:
    project.model.parameters.add(1)
    project.model.values[1] = 1001
    project.run("change", KEY, "number 1 gives 1001 and takes an optional addend", "--yes")
    project.model.values[1] = 1001
    return 1


def _feature(project: Project) -> int:
    model = project.model
    model.modules += 1
    part = project.home.with_name("part.md")
    number = model.modules
    part.write_text(
        f"# More\n\n## {number}. Number {number}\n\nThe function number {number} must give {number}.\n"
    )
    project.run("change", KEY, "--file", str(part), "--yes")
    project.model.parameters.clear()
    return 0


def _section(project: Project) -> int:
    project.model.values[5] = 1005
    brief = project.home.with_suffix(".md")
    brief.write_text(project.model.brief())
    project.run("ideas", "submit", str(brief))
    return 2


def _words(project: Project) -> int:
    project.model.wording = "has to\ngive"
    brief = project.home.with_suffix(".md")
    brief.write_text(project.model.brief().replace("## 2. Number 2", "##  2. Number 2"))
    project.run("ideas", "submit", str(brief))
    return 1
