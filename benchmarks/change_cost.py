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
# Lines that a build may change for each that a careful person changes; the record of where files come from is derived.
MOST_LINES, DERIVED = 1.5, ":!PROVENANCE.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change: planning calls that may come on top of the bound, and lines that a careful person changes."""

    planning: int
    lines: int


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

    def head(self) -> str:
        """The newest commit."""
        return self._git("rev-parse", "HEAD").strip()

    def lines_since(self, commit: str) -> int:
        """Lines that are added or gone since a commit."""
        told = self._git("diff", "--numstat", commit, "HEAD", "--", ".", DERIVED)
        return sum(int(n) for line in told.splitlines() for n in line.split("\t")[:2])

    def _git(self, *arguments: str) -> str:
        folder = self.home / "projects" / KEY / "repository"
        return subprocess.run(
            ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
        ).stdout

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
        for title, want, bound in (
            ("one behaviour behind one signature", _behaviour, 0.10),
            ("one signature", _signature, 0.25),
            ("a feature more", _feature, 0.40),
            ("the brief again, one section changed", _section, 0.10),
            ("the brief again, in other words", _words, 0.0),
        ):
            row, seconds = _changed(project, whole, f"{name}: {title}", want, bound)
            rows.append(row)
            times.append(seconds)
    slowest = max(times)
    return [*rows, Row(f"{name}: `hishamos plan`, whole process", f"{slowest:.1f} s", f"under {MOST_SECONDS:g} s",
                       slowest < MOST_SECONDS)]  # fmt: skip


def _changed(
    project: Project, whole: Spent, title: str, want: Callable[[Project], Wanted], bound: float
) -> tuple[Row, float]:
    """A change, its forecast and its build."""
    before, head = project.spent(), project.head()
    wanted = want(project)
    asked = project.spent()
    likely, most, seconds = project.foretold()
    project.run("build", KEY)
    spent, building = project.spent().since(before), project.spent().since(asked)
    share, tokens = spent.calls / whole.calls, spent.tokens / whole.tokens
    lines = project.lines_since(head)
    kept = (
        spent.calls <= bound * whole.calls + wanted.planning
        and building.calls <= most
        and abs(likely - building.calls) <= 0.3 * max(likely, building.calls)
        and lines <= MOST_LINES * wanted.lines
    )
    figure = (
        f"{spent.calls} of {whole.calls} calls ({share:.0%}), {tokens:.0%} of the tokens; building took "
        f"{building.calls}, foretold {likely:.0f}, at most {most:.0f}; {lines} lines changed, "
        f"by a careful person {wanted.lines}"
    )
    said = f"at most {bound:.0%} of the calls" + (
        f" and {wanted.planning} for planning" if wanted.planning else ""
    )
    said += f"; foretold within 30%; at most {MOST_LINES} times the lines"
    return Row(title, figure, said, kept), seconds


def _behaviour(project: Project) -> Wanted:
    project.model.values[3] = 1003
    project.run("change", KEY, "number 3 gives 1003", "--yes")
    return Wanted(planning=1, lines=4)  # the sentence is read; a line of code and one of its test


def _signature(project: Project) -> Wanted:
    project.model.parameters.add(1)
    project.model.values[1] = 1001
    project.run("change", KEY, "number 1 gives 1001 and takes an optional addend", "--yes")
    project.model.values[1] = 1001
    return Wanted(planning=1, lines=8)  # two lines of code, one of its test, one of the reference


def _feature(project: Project) -> Wanted:
    model = project.model
    model.modules += 1
    part = project.home.with_name("part.md")
    number = model.modules
    part.write_text(
        f"# More\n\n## {number}. Number {number}\n\nThe function number {number} must give {number}.\n"
    )
    project.run("change", KEY, "--file", str(part), "--yes")
    project.model.parameters.clear()
    return Wanted(planning=0, lines=27)  # a module, its test, and an entry in each document


def _section(project: Project) -> Wanted:
    project.model.values[5] = 1005
    brief = project.home.with_suffix(".md")
    brief.write_text(project.model.brief())
    project.run("ideas", "submit", str(brief))
    return Wanted(planning=2, lines=4)


def _words(project: Project) -> Wanted:
    project.model.wording = "has to\ngive"
    brief = project.home.with_suffix(".md")
    brief.write_text(project.model.brief().replace("## 2. Number 2", "##  2. Number 2"))
    project.run("ideas", "submit", str(brief))
    return Wanted(planning=1, lines=0)
