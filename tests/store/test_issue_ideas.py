"""Which issue has become which project, and what it has still to be told, on both databases."""

from datetime import timedelta

from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock
from tests.support.ideas import IDEA

ISSUE = ("github", "ada/ideas", 7)


def test_an_issue_is_due_until_it_was_told(store: ProjectStore, clock: FixedClock) -> None:
    revision = store.projects.submit(IDEA, "t").revision
    assert store.issue_ideas.project_of(*ISSUE) == ""
    for _ in range(2):  # recorded twice, it is there once
        store.issue_ideas.keep(IDEA.key, *ISSUE, revision)
    assert store.issue_ideas.project_of(*ISSUE) == IDEA.key
    assert store.issue_ideas.due("github", "ada/ideas", 9) == []
    store.projects.set_state(IDEA.key, "failed", reason="x")
    (due,) = store.issue_ideas.due("github", "ada/ideas", 9)
    assert (due.number, due.revision, due.project.reason) == (7, revision, "x")
    assert store.issue_ideas.due("gitlab", "ada/ideas", 9) == []
    store.issue_ideas.answered(due)
    assert store.issue_ideas.due("github", "ada/ideas", 9) == []
    clock.advance(timedelta(seconds=1))
    store.projects.set_state(IDEA.key, "failed", reason="y")
    (again,) = store.issue_ideas.due("github", "ada/ideas", 9)
    store.issue_ideas.keep(IDEA.key, *ISSUE, revision + 1)
    store.issue_ideas.answered(again)  # of a revision that is not the newest any more
    assert len(store.issue_ideas.due("github", "ada/ideas", 9)) == 1
