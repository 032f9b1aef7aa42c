"""The audit log: whole, in order, in the transaction of what it tells, and not to be changed unnoticed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor, this_user
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.store import database
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore

KEYS = ("vRjRHVhl7yPpyHSyoz2x_1xVTRmbEIXHqS6HlGqhd5k=",)


def submit(store: ProjectStore, key: str = "notes") -> None:
    store.projects.submit(Idea(key=key, title=key), "test")


def actions(store: ProjectStore) -> list[tuple[str, str, str]]:
    return [(row.actor, row.action, row.subject) for row in reversed(store.audit.page(PageQuery(100)).items)]


def test_it_says_who_did_what_to_what(store: ProjectStore) -> None:
    ann = store.acting_as(Actor("ann"))
    submit(ann)
    submit(ann)  # nothing new
    ann.export_requests.add("notes", "github", Target(), "ann")
    ann.credentials.set("GITHUB_TOKEN", "ghp_0123456789abcdef0123", KEYS)
    run = store.acting_as(Actor("r1", "run", EVERY_ORGANIZATION, "dagster", "user:ann"))
    run.projects.set_state("notes", "building")
    run.projects.set_state("notes", "failed", step="stories", reason="x")
    store.projects.set_state("notes", "archived")
    store.housekeeping.begin_deletion("notes", "cleanup")
    store.housekeeping.remove_project("notes")
    store.housekeeping.end_deletion("notes")
    assert actions(store) == [
        ("user:ann", "idea.submit", "notes"),
        ("user:ann", "export.request", "notes"),
        ("user:ann", "credential.set", "GITHUB_TOKEN"),
        ("run:r1", "project.build", "notes"),
        ("installation", "project.archive", "notes"),
        ("installation", "project.delete", "notes"),
        ("installation", "project.deleted", "notes"),
    ]
    verdict = store.audit.verify()
    assert (verdict.entries, verdict.problem) == (7, "")


def test_a_person_at_the_command_line_is_named(store: ProjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    submit(store.acting_as(this_user()))
    assert actions(store)[0][0] == "user:bob"


def test_secrets_are_in_no_entry(store: ProjectStore) -> None:
    secret = register("a-secret-of-the-audit-test")
    store.audit.record("thing.do", secret, {"why": f"because of {secret}"})
    (row,) = store.audit.page(PageQuery(1)).items
    assert secret not in row.subject + row.details


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_it(store: ProjectStore, statement: str) -> None:
    submit(store)
    with (
        pytest.raises(DBAPIError, match="only added to"),
        database.for_writing(store.engine).begin() as connection,
    ):
        connection.execute(text(statement))
    assert store.audit.verify().entries == 1


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET subject = 'other' WHERE id = 2", "number 2 was changed"),
        ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE id = 2", "number 2 was changed"),
        ("DELETE FROM audit WHERE id = 2", "before number 3"),
        ("DELETE FROM audit WHERE id = 1", "before number 2"),
    ],
)
def test_whoever_gets_around_that_is_noticed(store: ProjectStore, statement: str, problem: str) -> None:
    for number in range(4):
        submit(store, f"p{number}")
    tamper(store, statement)
    assert problem in store.audit.verify().problem


def test_a_log_that_was_cut_off_lacks_what_was_noted(store: ProjectStore) -> None:
    for number in range(3):
        submit(store, f"p{number}")
    noted = store.audit.verify().head
    assert store.audit.verify(noted).problem == ""
    tamper(store, "DELETE FROM audit WHERE id = 3")
    assert store.audit.verify().problem == ""
    assert "cut off" in store.audit.verify(noted).problem


def tamper(store: ProjectStore, statement: str) -> None:
    """Change the log as somebody who owns the database can."""
    postgresql = store.engine.dialect.name == "postgresql"
    names = ("audit_refuse ON audit",) if postgresql else ("audit_no_UPDATE", "audit_no_DELETE")
    with database.for_writing(store.engine).begin() as connection:
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))


def test_what_is_rolled_back_leaves_no_entry(store: ProjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(store)
    monkeypatch.setattr("hishamos_pipeline.store.audit.repository._hash", lambda _: None)
    with pytest.raises(DBAPIError):
        submit(store, "other")
    monkeypatch.undo()
    assert [row.key for row in store.projects.all()] == ["notes"]
    assert store.audit.verify().entries == 1


def test_many_at_once_make_one_chain(store: ProjectStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: submit(store, f"p{number}"), range(40)))
    verdict = store.audit.verify()
    assert (verdict.entries, verdict.problem) == (40, "")


def test_counters_of_many_at_once_add_up(store: ProjectStore) -> None:
    def add(number: int) -> None:
        labels = [{"asset": "a", "result": "made"}, {"result": "made", "asset": "b"}]
        store.counters.add(
            [("asset_results", label, 1.5) for label in (labels if number % 2 else labels[::-1])]
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert [(labels["asset"], value) for _, labels, value in store.counters.all()] == [
        ("a", 60.0),
        ("b", 60.0),
    ]
