"""Processes that race for the same rows, on both databases."""

import itertools
import multiprocessing
from typing import Any

import pytest

from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.database import current_revision, head_revision, open_engine
from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.support.ideas import IDEA

pytestmark = pytest.mark.slow


def _request(url: str, barrier: Any, results: Any) -> None:
    store = open_store(url)
    barrier.wait()
    try:
        for _ in range(10):
            store.export_requests.add("notes", "github", Target(), "t")
            store.deliveries.begin_export("notes", "zip")
        results.put("")
    except BaseException as error:
        results.put(repr(error))
    store.engine.dispose()


def test_exports_of_one_project_from_several_processes(store: ProjectStore) -> None:
    store.projects.submit(IDEA, "t")
    store.deliveries.record_tree("notes", "/x", [], passed=True)
    url = store.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_request, args=(url, barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [""] * 4
    for process in processes:
        process.join()
    assert len(store.export_requests.of_project("notes")) == 40
    assert [row.type for row in store.deliveries.exports("notes")] == ["zip"]


def _submit(url: str, first: int, barrier: Any, results: Any) -> None:
    store = open_store(url)
    barrier.wait()
    try:
        for number in range(first, first + 125):
            idea = IDEA.model_copy(update={"vision": f"vision {number % 7}"})
            store.projects.submit(idea, f"inbox/{number}")
        results.put("")
    except BaseException as error:
        results.put(repr(error))
    store.engine.dispose()


def test_five_hundred_submissions_of_one_key_at_once(store: ProjectStore) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_submit, args=(url, 125 * n, barrier, results)) for n in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=120) for _ in processes] == [""] * 4
    for process in processes:
        process.join()
    assert [project.key for project in store.projects.all()] == [IDEA.key]
    newest = store.projects.idea_revision(IDEA.key).revision
    hashes = [store.projects.idea_revision(IDEA.key, n).content_hash for n in range(1, newest + 1)]
    assert len(set(hashes)) == 7 and 7 <= newest <= 500  # each is there, numbered without a gap
    assert all(one != other for one, other in itertools.pairwise(hashes))
    assert [(r.project, r.revision) for r in store.builds.requested(9)] == [(IDEA.key, newest)]
    entries = store.audit.verify()
    assert (entries.entries, entries.problem) == (newest, "")


def _upgrade(url: str, barrier: Any, results: Any) -> None:
    from hishamos_pipeline.store.database import upgrade

    engine = open_engine(url)
    barrier.wait()
    try:
        results.put(upgrade(engine))
    except BaseException as error:
        results.put(repr(error))
    engine.dispose()


def test_several_processes_may_upgrade_at_once(database_url: str, tmp_path: Any, request: Any) -> None:
    url = database_url or f"sqlite:///{tmp_path}/new.db"
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_upgrade, args=(url, barrier, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [head_revision()] * 3
    for process in processes:
        process.join()
    engine = open_engine(url)
    assert current_revision(engine) == head_revision()
    engine.dispose()


def test_a_lock_is_held_by_one(store: ProjectStore, settings: Settings) -> None:
    """On a server by whatever machine; the embedded store leaves it to the machine's files."""
    other = open_store(settings.store_url)
    on_server = store.engine.dialect.name == "postgresql"
    with store.locks.hold("notes/stories", wait_seconds=1):
        with other.locks.hold("notes/idea", wait_seconds=0):
            pass
        if on_server:
            with (
                pytest.raises(ProjectBusyError, match="notes/stories"),
                other.locks.hold("notes/stories", wait_seconds=0),
            ):
                pass
    with other.locks.hold("notes/stories", wait_seconds=0):
        pass
    other.engine.dispose()
