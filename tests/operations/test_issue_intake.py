"""Labelled issues over the real clients of both hosts: taken in, refused, answered once whatever is lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import dagster as dg
import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.delivery.hosts.issues import Issues, issues_of
from hishamos_pipeline.errors import HostError, StorageError
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.operations.issue_intake import Served, brief_of, serve
from hishamos_pipeline.sensors.labelled_issues import labelled_issues
from hishamos_pipeline.settings import GitHostSettings, IssueIntake, Settings, get_settings
from hishamos_pipeline.store.store import ProjectStore
from tests.delivery.conftest import TOKEN, opened
from tests.fakes.clock import FixedClock
from tests.fakes.git_hosts import GitHosts, Repo
from tests.fakes.git_hosts.state import Comment, Issue
from tests.sensors.ticking import skipped
from tests.support.building import build

pytestmark = pytest.mark.real_servers
BODY = "<!-- Write your brief below. -->\n## Features\n- User can add a note\n- User can list notes\n"
LABEL = "build it"


@pytest.fixture
def database_url() -> str:
    """The embedded store alone: what it keeps of issues is tried on both by the tests of the store."""
    return ""


@dataclass
class Desk:
    """A repository with issues, and the way to have them served."""

    repo: Repo
    issues: Issues
    hosts: GitHosts
    store: ProjectStore
    settings: Settings
    asked: IssueIntake
    slept: list[float] = field(default_factory=list)

    def serve(self, **asked: str) -> list[str]:
        """What was done; what went wrong is an error."""
        served = self.tried(**asked)
        assert served.wrong == []
        return served.done

    def tried(self, **asked: str) -> Served:
        until = time.monotonic() + 60
        given = self.asked.model_copy(update=asked)
        return serve(self.store, self.issues, given, self.settings, most=20, until=until)

    def open(self, title: str, body: str = BODY, *labels: str) -> Issue:
        return self.repo.add_issue(title, body, *(labels or (LABEL,)))


@pytest.fixture(params=["github", "gitlab"])
def desk(request: pytest.FixtureRequest, hosts: GitHosts, store: ProjectStore, settings: Settings) -> Desk:
    """An empty repository for ideas."""
    kind = request.param
    repo = (hosts.github if kind == "github" else hosts.gitlab).create("ada/ideas")
    asked = IssueIntake(host=kind, repository="ada/ideas", label=LABEL, authors="*")
    return Desk(repo, issues_of(opened(hosts, kind), "ada/ideas"), hosts, store, settings, asked)


def test_a_labelled_issue_becomes_a_project_and_is_answered(desk: Desk) -> None:
    other, pull = desk.open("Not asked for", BODY, "bug"), desk.repo.add_issue("x", BODY, LABEL, is_pull=True)
    issue = desk.open("My notes")
    (done,) = desk.serve()
    assert done.startswith(f"ada/ideas#{issue.number}: Taken in as project `my-notes`")
    assert issue.labels == [] and "revision 1" in issue.comments[0] and len(issue.comments) == 1
    assert (other.comments, pull.comments, pull.labels) == ([], [], [LABEL])
    revision = desk.store.projects.idea_revision("my-notes")
    assert revision.source == f"{desk.asked.host}:ada/ideas#{issue.number}"
    assert len(desk.store.projects.idea("my-notes").features) == 2
    assert desk.serve() == []


def test_what_is_no_brief_is_refused_with_the_fix_and_taken_once_it_is_mended(desk: Desk) -> None:
    issue = desk.open("Notes", "colour: red\ntitle: x\n")
    desk.serve()
    assert (
        "colour: is not a field" in issue.comments[0]
        and "set the label `build it` again" in issue.comments[0]
    )
    assert issue.labels == [] and desk.store.projects.all() == []
    issue.body = BODY
    assert desk.serve() == []  # a change alone asks for nothing
    issue.labels.append(LABEL)
    desk.serve()
    assert [project.key for project in desk.store.projects.all()] == ["notes"] and len(issue.comments) == 2


def test_comments_of_those_who_may_ask_belong_to_the_brief(desk: Desk) -> None:
    issue = desk.open("Notes")
    issue.comments += [
        Comment("As a writer, I want to archive a note, so that the list stays short", "ada"),
        Comment("As a stranger, I want to delete everything", "mallory"),
        Comment("<!-- hidden -->", "ada"),
    ]
    desk.serve(authors="ada")
    idea = desk.store.projects.idea("notes")
    assert len(idea.features) == 3 and "archive a note" in idea.features[-1]
    assert [section.title for section in idea.sections if section.title.startswith("Comment")] == [
        "Comment of ada"
    ]
    assert "everything" not in idea.model_dump_json()
    issue.labels.append(LABEL)
    desk.serve(authors="ada")  # our own answer is no wish
    assert desk.store.projects.idea_revision("notes").revision == 1


def test_a_changed_issue_is_the_next_revision_when_it_is_labelled_again(desk: Desk) -> None:
    issue = desk.open("Notes")
    desk.serve()
    issue.body += "- User can delete a note\n"
    desk.serve()
    assert desk.store.projects.idea_revision("notes").revision == 1
    issue.labels.append(LABEL)
    desk.serve()
    assert desk.store.projects.idea_revision("notes").revision == 2
    assert "revision 2" in issue.comments[-1]


def test_no_issue_takes_over_the_project_of_another(desk: Desk) -> None:
    desk.store.projects.submit(Idea(key="shelf", title="Shelf"), "inbox/shelf.md")
    first, second, third = desk.open("Notes"), desk.open("Notes"), desk.open("Shelf")
    desk.serve()
    assert "Taken in" in first.comments[0]
    for refused, key in ((second, "notes"), (third, "shelf")):
        assert f"another project '{key}'" in refused.comments[0] and "another title" in refused.comments[0]
    assert desk.store.projects.idea_revision("shelf").revision == 1


@pytest.mark.parametrize("lost", ["half_body", "reset"])
def test_an_answer_is_given_once_although_the_hosts_is_lost(desk: Desk, lost: str) -> None:
    issue = desk.open("Notes")
    desk.hosts.faults.add("POST", r"(comments|notes)$", kind=lost)
    try:
        desk.serve()
    except HostError:
        desk.serve()
    assert len(issue.comments) == 1 and issue.labels == []


def test_a_tick_that_dies_before_the_label_is_off_is_made_up_for(desk: Desk) -> None:
    issue = desk.open("Notes")
    desk.hosts.faults.add(None, r"(labels/|issues/1$)", kind="status", status=500, times=9)
    with pytest.raises(HostError):
        desk.serve()
    assert issue.labels == [LABEL]
    desk.hosts.faults.clear()
    desk.serve()
    assert len(issue.comments) == 1 and issue.labels == []
    assert desk.store.projects.idea_revision("notes").revision == 1


def test_the_mark_is_found_among_hundreds_of_comments(desk: Desk) -> None:
    issue = desk.open("Notes")
    issue.comments.extend([Comment("me too", "bob")] * 250)
    desk.serve()
    desk.store.projects.set_state("notes", "verified")
    desk.serve()
    for _ in range(2):  # what was said already is not said again
        issue.labels.append(LABEL)
        desk.serve()
    assert len(issue.comments) == 253 and "Nothing has changed" in issue.comments[-1]


async def test_an_issue_is_told_how_its_project_has_ended(
    desk: Desk, notes: ProjectRun, notes_idea: Idea
) -> None:
    issue = desk.open("Notes")
    desk.store.issue_ideas.keep(notes.key, desk.asked.host, "ada/ideas", issue.number, 1)
    issue.labels.clear()
    assert desk.serve() == []  # it is waiting
    await build(notes)
    assert desk.serve() == [f"ada/ideas#{issue.number}: exported"]
    assert "built and verified" in issue.comments[0] and "requirements are shown by" in issue.comments[0]
    assert desk.serve() == []
    desk.store.projects.set_state(notes.key, "failed", step="stories", reason="`x` broke")
    desk.serve()
    assert "is failed at stories" in issue.comments[1] and "'x' broke" in issue.comments[1]
    changed = notes_idea.model_copy(update={"vision": "another one"})
    desk.store.projects.submit(changed, "inbox/notes.md")
    desk.store.projects.set_state(notes.key, "blocked", reason="not the issue's business")
    assert desk.serve() == [] and len(issue.comments) == 2


def test_a_new_title_is_the_next_revision_of_the_same_project(desk: Desk) -> None:
    issue = desk.open("Notes")
    desk.serve()
    issue.title = "My notes"
    issue.labels.append(LABEL)
    desk.serve()
    (project,) = desk.store.projects.all()
    assert (project.key, project.title) == ("notes", "My notes")
    assert desk.store.projects.idea_revision("notes").revision == 2


def test_a_tick_that_dies_between_submitting_and_recording_knows_its_own_project(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = desk.open("Notes")
    with monkeypatch.context() as patched:

        def dies(*_: object) -> None:
            raise StorageError("the store is away")

        patched.setattr(desk.store.issue_ideas, "keep", dies)
        with pytest.raises(StorageError):
            desk.serve()
    desk.serve()
    assert "Taken in" in issue.comments[0] and len(desk.store.projects.all()) == 1
    assert desk.store.issue_ideas.project_of(desk.asked.host, "ada/ideas", issue.number) == "notes"


def test_a_mark_that_somebody_else_has_written_suppresses_nothing(desk: Desk) -> None:
    issue = desk.open("Notes")
    issue.comments.append(Comment("<!-- hishamos accepted notes-1 -->", "mallory"))
    desk.serve()
    assert "Taken in" in issue.comments[-1] and len(issue.comments) == 2


def test_labelled_pull_requests_keep_no_issue_waiting(desk: Desk) -> None:
    for number in range(130):
        desk.repo.add_issue(f"change {number}", "", LABEL, is_pull=True)
    issue = desk.open("Notes")
    desk.serve()
    assert "Taken in" in issue.comments[0]


def test_an_issue_that_takes_no_answer_holds_up_no_other(desk: Desk) -> None:
    locked, other = desk.open("Notes"), desk.open("Shelf")
    locked.locked = True
    served = desk.tried()
    assert len(served.wrong) == 1 and f"#{locked.number}" in served.wrong[0]
    assert "Taken in" in other.comments[0] and other.labels == [] and locked.labels == [LABEL]
    gone = desk.open("Gone")
    desk.tried()
    desk.repo.issues.pop(gone.number)
    desk.store.projects.set_state("gone", "failed", reason="x")
    desk.store.projects.set_state("shelf", "failed", reason="x")
    assert any(f"#{gone.number}" in said for said in desk.tried().wrong)
    assert "is failed" in other.comments[-1]
    assert not any(f"#{gone.number}" in said for said in desk.tried().wrong)  # it is given up


def test_only_authors_who_may_are_served(desk: Desk) -> None:
    for login in ("mallory", "bob-dev"):
        (desk.hosts.github if desk.asked.host == "github" else desk.hosts.gitlab).add_user(login)
    refused = desk.repo.add_issue("Notes", BODY, LABEL, author="mallory")
    taken = desk.repo.add_issue("Shelf", BODY, LABEL, author="bob-dev")
    desk.serve(authors="ada, *-dev")
    assert "mallory may not ask" in refused.comments[0] and "Taken in" in taken.comments[0]


@pytest.mark.parametrize(
    "body", ['{"title": "\\ud800", "features": ["User can add a note"]}', '{"\\ud800": 1}', "title: [1, {"]
)
def test_nonsense_is_refused_and_no_more(desk: Desk, body: str) -> None:
    issue, other = desk.open("Odd", body), desk.open("Notes")
    desk.serve()
    assert len(issue.comments) == 1 and issue.labels == [] and "Taken in" in other.comments[0]


def test_a_project_that_fails_again_is_told_again(desk: Desk, clock: FixedClock) -> None:
    issue = desk.open("Notes")
    desk.serve()
    for reason in ("the provider is away", "the provider is away", "no budget"):
        clock.advance(timedelta(minutes=1))
        desk.store.projects.set_state("notes", "building")
        desk.store.projects.set_state("notes", "failed", reason=reason)
        desk.serve()
        desk.serve()
    assert len(issue.comments) == 4 and "no budget" in issue.comments[-1]


def test_many_issues_take_several_ticks(desk: Desk) -> None:
    for number in range(25):
        desk.open(f"Notes {number}")
    assert len(desk.serve()) == 20 and len(desk.serve()) == 5 and desk.serve() == []
    assert len(desk.store.projects.all()) == 25


def test_no_time_left_means_nothing_is_begun(desk: Desk) -> None:
    desk.open("Notes")
    assert serve(desk.store, desk.issues, desk.asked, desk.settings, most=20, until=0.0) == Served()
    assert desk.store.projects.all() == []


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("A tool shed", "- User can add a tool", "A tool shed"),
        ("A tool shed", "---\nlicence: MIT\n---\n- User can add a tool", "A tool shed"),
        ("ignored", "---\ntitle: Front\n---\n- User can add a tool", "Front"),
        ("ignored", "---\r\ntitle: Crlf\r\n---\r\n- User can add a tool", "Crlf"),
        ("ignored", "# Own title\n\n- User can add a tool", "Own title"),
        ("ignored", "title: Yaml\nfeatures:\n- User can add a tool\n", "Yaml"),
        ("Just this line: users can add, list and delete books", "", "Just this line"),
    ],
)
def test_the_title_of_an_issue_is_that_of_its_project(
    settings: Settings, title: str, body: str, expected: str
) -> None:
    from hishamos_pipeline.delivery.hosts.issues import Issue as Found

    assert brief_of(Found(1, title, body), [], settings).title.startswith(expected)


@pytest.fixture
def configured(hosts: GitHosts, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the process know both hosts, and repositories to take issues from."""

    def configure(*intake: IssueIntake) -> None:
        named = {
            kind: GitHostSettings(kind=kind, url=hosts.url, token="THE_TOKEN", ca=hosts.ca).model_dump(
                mode="json"
            )
            for kind in ("github", "gitlab")
        }
        dumped = Settings(git_hosts=named, intake=intake, host_write_seconds=0)
        monkeypatch.setenv("THE_TOKEN", TOKEN)
        for name in ("git_hosts", "intake"):
            value = dumped.model_dump_json(include={name})
            monkeypatch.setenv(f"HISHAMOS_{name.upper()}", value[value.index(":") + 1 : -1])
        monkeypatch.setenv("HISHAMOS_HOST_WRITE_SECONDS", "0")
        get_settings.cache_clear()

    return configure


def test_one_repository_that_cannot_be_read_fails_the_tick_after_the_others(
    hosts: GitHosts,
    store: ProjectStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    configured: Callable[..., None],
) -> None:
    assert "names no repository" in skipped(labelled_issues, instance, settings)
    good = hosts.gitlab.create("ada/ideas")
    issue = good.add_issue("Notes", BODY, "hishamos")
    configured(
        IssueIntake(host="github", repository="ada/missing", authors="*"),
        IssueIntake(host="gitlab", repository="ada/ideas", authors="*"),
    )
    with pytest.raises(dg.Failure, match="ada/missing"):
        skipped(labelled_issues, instance, settings)
    assert issue.comments and store.projects.exists("notes")
    configured(IssueIntake(host="gitlab", repository="ada/ideas", authors="*"))
    assert skipped(labelled_issues, instance, settings) == "no issue waits"
