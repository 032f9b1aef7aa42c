"""Batches from the command line; that the daemon builds them is shown in tests/end_to_end/test_ui.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.store.batches.repository import MemberResult
from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.support.commands import hishamos

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three submitted projects."""
    with opened(tmp_path) as store:
        for key in ("a", "b", "c"):
            store.projects.submit(Idea(key=key, title=key, features=("User can add a note",)), "test")
    return tmp_path


@contextmanager
def opened(home: Path) -> Iterator[ProjectStore]:
    """The store of the command."""
    (home / "state").mkdir(exist_ok=True)
    store = open_store(f"sqlite:///{home}/state/store.db")
    yield store
    store.engine.dispose()


def end(home: Path, batch: str, verified: int, seconds: float) -> None:
    """What the daemon would write down of a batch: the first projects verified, the others failed."""
    with opened(home) as store:
        row = store.batches.get(batch)
        keys = [member.project for member in store.batches.members(row)]
        store.batches.launch(row, {0: keys})
        good, bad = (
            MemberResult("verified", "r", "", seconds, 4, 4),
            MemberResult("failed", "r", "no reason", seconds, 4),
        )
        store.batches.settle(row, {key: good if n < verified else bad for n, key in enumerate(keys)})
        store.batches.end(row)


def test_a_batch_is_begun_shown_stopped_resumed_and_compared(home: Path) -> None:
    where = ("--where", "key!=c", "--where", "state=submitted")
    assert hishamos(home, "batch", "build", "one", *where, "--dry-run").stdout.split() == ["a", "b"]
    begun = hishamos(home, "batch", "build", "one", *where, "--budget-usd", "2.5")
    assert begun.returncode == 0 and "2 projects" in begun.stdout, begun.stderr
    assert "daemon is not running" in begun.stderr
    taken = hishamos(home, "batch", "build", "one", "--dry-run")
    assert taken.returncode == 2 and "already" in taken.stderr
    end(home, "one", 1, 4.0)
    shown = hishamos(home, "batch", "show", "one").stdout
    assert "build one is finished" in shown and "no reason" in shown and "of 2.5 USD" in shown
    listed = json.loads(hishamos(home, "batch", "list", "--json").stdout)
    assert [(row["name"], row["members"]) for row in listed] == [("one", {"verified": 1, "failed": 1})]
    assert "1 projects" in hishamos(home, "batch", "resume", "one", "--budget-usd", "3").stdout
    assert json.loads(hishamos(home, "batch", "show", "one", "--json").stdout)["budget_usd"] == 3
    refused = hishamos(home, "batch", "resume", "one")
    assert refused.returncode == 2 and "is running" in refused.stderr
    assert "cancels its runs" in hishamos(home, "batch", "stop", "one").stdout
    assert "stopping already" in hishamos(home, "batch", "stop", "one").stdout
    end(home, "one", 1, 4.0)
    assert "is stopped: somebody has stopped it" in hishamos(home, "batch", "show", "one").stdout
    assert "1 projects" in hishamos(home, "batch", "resume", "one").stdout
    assert hishamos(home, "batch", "show", "two").returncode == 3

    assert hishamos(home, "batch", "rebuild", "two", "--where", "batch=one").returncode == 0
    alone = hishamos(home, "batch", "compare", "one", "two")
    assert alone.returncode == 2 and "no project has ended in both" in alone.stderr
    end(home, "two", 2, 2.0)
    end(home, "one", 1, 4.0)
    table = hishamos(home, "batch", "compare", "one", "two").stdout
    assert "1 (50 %)" in table and "2 (100 %)" in table and "4 of 8" in table and "9 % to 91 %" in table
    both = json.loads(hishamos(home, "batch", "compare", "one", "two", "--all", "--json").stdout)
    assert (both["one"]["projects"], both["two"]["verified"]) == (2, 2)
    plot = hishamos(home, "batch", "compare", "one", "two", "--plot").stdout.splitlines()
    bars = [line.count("█") for line in plot if line.startswith(("one", "two"))]
    assert bars == [20, 40, 0, 0, 40, 13]  # two runs of 4 s are 8 s


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("Big Batch",), "cannot be a batch's name"),
        (("f", "--budget-usd", "nan"), "not a finite number"),
        (("f", "--where", "key=nothing", "--dry-run"), "no project meets the conditions"),
        (("f", "--where", "colour=red"), "fields are key, title"),
        (("f", "--where", "key=nothing"), "no project meets the conditions"),
        (("f", "--where", "batch=ghost"), "no batch 'ghost'"),
        (("f", "--set", "llm"), "SETTING=VALUE"),
        (("f", "--set", "budget_day_usd=9"), "cannot set budget_day_usd"),
        (("f", "--set", "llm=nobody:model"), "nobody"),
        (("f", "--set", "llm=anthropic:claude-sonnet-5-5"), "ANTHROPIC_API_KEY"),
    ],
)
def test_what_cannot_be_begun_says_so(home: Path, arguments: tuple[str, ...], why: str) -> None:
    refused = hishamos(home, "batch", "build", "--all", *arguments)
    assert refused.returncode != 0 and why in refused.stderr, (refused.stdout, refused.stderr)
    with opened(home) as store:
        assert store.batches.newest(9) == []
