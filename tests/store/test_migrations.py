"""Databases of older releases, with rows in them, as migrations leave them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hishamos_pipeline.core.pipeline.batch import BatchOverrides
from hishamos_pipeline.store import database
from hishamos_pipeline.store.batches.repository import BatchLimits
from hishamos_pipeline.store.store import open_store

FLEET = (
    "INSERT INTO fleets (id, name, kind, conditions, settings, budget_usd, lanes, most_failures, attempt, state,"
    " reason, started_by, started_at) VALUES (:id, :name, 'rebuild', '[\"all\"]', '{}', 2.5, 3, 5, 1, :state, '',"
    " 'user:ann', '2026-03-02 00:00:00')"
)
MEMBER = (
    "INSERT INTO fleet_members (fleet_id, project, canary, state, attempt, lane, backfill, run_id, refused, reason,"
    " seconds, requirements, requirements_verified, cost_usd, calls, tokens, models, prompt_versions)"
    " VALUES (:fleet, :project, false, :state, 1, 1, '', '', false, '', 0, 0, 0, 0, 0, 0, '[]', '[]')"
)
NOTICE = (
    "INSERT INTO notices (id, occasion, channel, event, project, run_id, step, reason, status, tries, error,"
    " created_at, next_try_at) VALUES (7, 'fleet/nightly', 'ops', 'fleet.stopped', '', '', '', 'why', 'waiting', 0, '',"
    " '2026-03-02 00:00:00', '2026-03-02 00:00:00')"
)


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> str:
    return database_url or f"sqlite:///{tmp_path}/old.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = database.open_engine(url)
    yield made
    made.dispose()


def test_fleets_and_notices_become_batches_and_notifications(engine: Engine, url: str) -> None:
    database.upgrade(engine, "0012")
    with database.for_writing(engine).begin() as connection:
        for number, name, state in ((4, "nightly", "running"), (5, "old", "finished")):
            connection.execute(text(FLEET), {"id": number, "name": name, "state": state})
        for number, project, state in ((4, "a", "launched"), (4, "b", "verified"), (5, "c", "verified")):
            connection.execute(text(MEMBER), {"fleet": number, "project": project, "state": state})
        connection.execute(text(NOTICE))
    database.upgrade(engine)
    store = open_store(url)
    try:
        nightly, old = store.batches.get("nightly"), store.batches.get("old")
        assert (nightly.id, nightly.slots, nightly.state, nightly.budget_usd) == (4, 3, "stopped", 2.5)
        assert "batch resume" in nightly.reason and (old.state, old.reason) == ("finished", "")
        assert {m.project: m.state for m in store.batches.members(nightly)} == {
            "a": "cancelled",
            "b": "verified",
        }
        (sent,) = store.notifications.newest(5)
        assert (sent.id, sent.event, sent.status) == (7, "batch.stopped", "waiting")
        assert store.batches.overrides("nightly") == BatchOverrides("nightly", True, 2.5, None, {})
        begun = store.batches.begin("next", "build", ["a"], canary=0, limits=BatchLimits())
        assert begun.id == 6, "ids go on where they were"
    finally:
        store.engine.dispose()
