"""A change that is cut off or overtaken: nothing is paid twice, and what is delivered is of one brief."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.large_project import LargeProject
from tests.fakes.providers import Asked, FakeProvider, Reply, provider
from tests.support.commands import Started, hishamos_process, start_hishamos

pytestmark = pytest.mark.slow
KEY = "many-numbers"


class Watched:
    """A library of six modules whose model does something at a question that is awaited."""

    def __init__(self) -> None:
        self.model = LargeProject(6, uses=True)
        self.at = 0
        self.then: Callable[[], None] = lambda: None

    def __call__(self, asked: Asked) -> Reply:
        """The reply of the model, after what is done at this question."""
        self.at -= 1
        if self.at == 0:
            self.then()
        return self.model(asked)

    @property
    def asked(self) -> Counter[str]:
        """How often each question was asked from the last time on."""
        found = Counter(self.model.tasks)
        self.model.tasks.clear()
        return found


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def fake(watched: Watched) -> Iterator[FakeProvider]:
    with provider(watched) as made:
        yield made


def variables(fake: FakeProvider) -> dict[str, str]:
    return {
        "HISHAMOS_LLM": "compatible:m", "HISHAMOS_LLM_FREE": "compatible:*", "HISHAMOS_LLM_CONCURRENCY": "1",
        "HISHAMOS_LLM_URLS": json.dumps(fake.urls), "HISHAMOS_LLM_PER_MINUTE": "10000",
    }  # fmt: skip


def done(home: Path, fake: FakeProvider, *arguments: str) -> str:
    ended = hishamos_process(home, *arguments, **variables(fake))
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def submit(home: Path, fake: FakeProvider, watched: Watched, **values: int) -> None:
    """The brief, in which some numbers are others."""
    watched.model.values = {int(name[1:]): value for name, value in values.items()}
    (home / "brief.md").write_text(watched.model.brief())
    done(home, fake, "ideas", "submit", "brief.md")


def delivered(home: Path, number: int) -> list[str]:
    """Lines about a number in the module, its test and the requirements that are delivered."""
    tree = home / "state" / "projects" / KEY / "repository"
    code = (tree / f"src/many/number_{number}.py").read_text().splitlines()
    tests = next((tree / "tests").glob(f"*number_{number}.py")).read_text().splitlines()
    return [
        next(line for line in lines if key in line) for lines, key in ((code, "return"), (tests, "assert"))
    ]


def test_a_change_that_is_killed_goes_on_and_asks_nothing_twice(
    tmp_path: Path, watched: Watched, fake: FakeProvider
) -> None:
    submit(tmp_path, fake, watched)
    done(tmp_path, fake, "build", KEY)
    submit(tmp_path, fake, watched, n2=1002, n4=1004)
    processes: list[Started] = []
    watched.asked.clear()
    watched.at, watched.then = 5, lambda: os.killpg(processes[0].pid, signal.SIGKILL)
    processes.append(start_hishamos(tmp_path, "build", KEY, output=subprocess.DEVNULL, **variables(fake)))
    assert processes[0].wait(300) == -signal.SIGKILL
    before = watched.asked
    assert sum(before.values()) == 5
    lost = list(before)[-1]

    done(tmp_path, fake, "build", KEY)
    after = watched.asked
    assert after.keys() & before.keys() <= {lost}, "what was answered is not asked again"
    assert set((before + after).values()) <= {1, 2}
    about = {name for name in before + after if "/revise " in name or "story" in name}
    assert {name[-4] for name in about if "number_" in name} == {"2", "4"}
    assert delivered(tmp_path, 2) == ["    return 1002", "    assert number_2() == 1002"]
    assert delivered(tmp_path, 4) == ["    return 1004", "    assert number_4() == 1004"]


def test_a_change_during_a_build_is_no_mixture(tmp_path: Path, watched: Watched, fake: FakeProvider) -> None:
    submit(tmp_path, fake, watched)
    done(tmp_path, fake, "build", KEY)
    submit(tmp_path, fake, watched, n2=1002)

    def another() -> None:
        values = watched.model.values
        (tmp_path / "brief.md").write_text(watched.model.brief().replace("must give 4.", "must give 1004."))
        done(tmp_path, fake, "ideas", "submit", "brief.md")
        watched.model.values = values

    watched.at, watched.then = 4, another
    ended = hishamos_process(tmp_path, "build", KEY, **variables(fake))
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "the brief was changed meanwhile" in ended.stdout
    assert delivered(tmp_path, 4) == ["    return 4", "    assert number_4() == 4"]
    assert delivered(tmp_path, 2) in (
        ["    return 1002", "    assert number_2() == 1002"],
        ["    return 2", "    assert number_2() == 2"],
    )
    watched.model.values = {2: 1002, 4: 1004}
    done(tmp_path, fake, "build", KEY)
    assert delivered(tmp_path, 2) == ["    return 1002", "    assert number_2() == 1002"]
    assert delivered(tmp_path, 4) == ["    return 1004", "    assert number_4() == 1004"]
    done(tmp_path, fake, "ideas", "submit", "brief.md")
    watched.asked.clear()
    done(tmp_path, fake, "build", KEY)
    assert not watched.asked
