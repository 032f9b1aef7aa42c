"""Answers that are lost, proxies in between, names that mean something else, and people who merge in their own ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.delivery.hosts import causes
from hishamos_pipeline.errors import HostError
from tests.delivery.conftest import Project, git, make_project
from tests.fakes.git_hosts import GitHosts

CREATION = {"github": r"/user/repos$|/orgs/[^/]+/repos$", "gitlab": r"/projects$"}


def test_a_push_that_was_accepted_and_not_answered_is_no_proposal(project: Project, hosts: GitHosts) -> None:
    project.publish()
    project.commit("feat: second")
    hosts.faults.add("POST", r"git-receive-pack$", kind="done_then")
    done = project.publish()
    assert project.remote.branches == {"main": project.head} and not project.remote.pulls
    assert (done.branch, done.change_url) == ("main", "") and project.publish().done == "unchanged"


def test_a_push_whose_answer_says_that_somebody_was_quicker_is_looked_at_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try came through, and the second is told that the branch has moved: to our own commit."""
    from hishamos_pipeline.delivery.remote_git import RemoteGit

    project.publish()
    project.commit("feat: second")
    push = RemoteGit.push

    def twice(self: RemoteGit, ref: str, commit: str) -> None:
        push(self, ref, commit)
        raise project.host.connection.error("moved_meanwhile", "cannot lock ref")

    monkeypatch.setattr(RemoteGit, "push", twice)
    done = project.publish()
    assert project.remote.branches == {"main": project.head} and not project.remote.pulls
    assert done.branch == "main" and done.commit == project.head


@pytest.mark.parametrize("method", ["squash", "rebase"])
@pytest.mark.parametrize("same_file", [False, True])
def test_what_people_merge_their_own_way_is_known_on_top_of_their_commits(
    project: Project, method: str, same_file: bool
) -> None:
    lines = "".join(f"{number}\n" for number in range(30))
    project.commit("feat: lines", notes=lines)
    project.publish(publish="pull_request")
    project.commit("feat: second", notes=lines.replace("3\n", "three\n", 1), second="2\n")
    project.commit("feat: third", third="3\n")
    project.publish()
    name, text = ("notes.txt", lines.replace("27\n", "theirs\n")) if same_file else ("people.txt", "theirs\n")
    project.double.commit("ada/notes", name, text)
    project.double.merge_pull("ada/notes", 1, method=method, delete_branch=True)
    assert project.publish().done == "unchanged" and len(project.remote.pulls) == 1
    project.commit("feat: fourth", fourth="4\n")
    done = project.publish()
    assert len(project.remote.pulls) == 2 and done.change_url
    merged = git(project.remote.path, "merge-tree", "--write-tree", "main", done.branch)
    assert git(project.remote.path, "show", f"{merged}:fourth.txt") == "4"
    assert text.strip() in git(project.remote.path, "show", f"{merged}:{name}").replace("three", "3")
    told = " ".join(done.warnings)
    assert "feat: second" not in told and "feat: third" not in told, "what is ours is no commit of people"


@pytest.mark.parametrize("path", ["102", "777"])
def test_an_owner_of_digits_is_a_path_and_no_number(hosts: GitHosts, tmp_path: Path, path: str) -> None:
    project = make_project(hosts, tmp_path / "project", "gitlab")
    other = hosts.gitlab.add_group("other", "ada")
    number = other.id if path == "102" else 0
    named = str(number) if number else path
    with pytest.raises(HostError) as caught:
        project.publish(owner=named)
    assert caught.value.cause == "not_found" and not hosts.gitlab.repositories
    hosts.gitlab.add_group(named, "ada")
    done = project.publish(owner=named)
    assert done.full_name == f"{named}/notes" and list(hosts.gitlab.repositories) == [f"{named}/notes"]


@pytest.mark.parametrize("conflict", ["fail", "rename"])
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 201, "body": "<html>Sign in</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 403, "body": "<html>Blocked</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 422, "body": "<html>Blocked</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 201, "body": {"id": 1}},
        {"status": 201, "body": {}},
        {"status": 200, "body": []},
    ],
    ids=json.dumps,
)
def test_a_creation_that_is_answered_by_nonsense_is_looked_for(
    project: Project, hosts: GitHosts, conflict: str, answer: dict[str, Any]
) -> None:
    hosts.faults.add("POST", CREATION[project.host.kind], kind="done_then", **answer)
    done = project.publish(conflict=conflict)
    assert done.done == "created" and list(project.double.repositories) == ["ada/notes"]
    assert project.remote.branches == {"main": project.head}


_GET = (
    r"/user$",
    r"/users/ada|/namespaces/",
    r"/notes$",
    r"/repositories/\d+$|/projects/\d+$",
    r"pulls|merge_requests",
)


@pytest.mark.parametrize("path", _GET)
@pytest.mark.parametrize("body", [{}, {"id": None}, [], [{}], None, "text"], ids=json.dumps)
def test_an_answer_without_what_is_asked_for_is_said(
    project: Project, hosts: GitHosts, path: str, body: Any
) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second")
    hosts.faults.add("GET", path, kind="status", status=200, body=body, times=99)
    try:
        project.publish()
    except HostError as error:
        assert error.cause == "not_a_host" and "Traceback" not in str(error), error
    assert len(project.double.repositories) == 1


def test_internal_repositories_are_for_organizations(hosts: GitHosts, tmp_path: Path) -> None:
    project = make_project(hosts, tmp_path / "project", "github")
    with pytest.raises(HostError, match="organizations of an enterprise"):
        project.publish(visibility="internal")
    assert not hosts.github.repositories


def test_topics_that_are_taken_back_are_told(project: Project) -> None:
    project.publish(topics=["books"])
    assert any("topics is not asked for any more" in text for text in project.publish(topics=[]).warnings)


def test_a_redirect_says_where_to(project: Project, hosts: GitHosts) -> None:
    place = "https://login.example.org/start"
    hosts.faults.add("GET", r"/user$", kind="redirect", status=302, location=place, times=9)
    with pytest.raises(HostError, match=r"login\.example\.org/start"):
        project.publish()


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("remote: fatal: pack exceeds maximum allowed size (4.9 GiB)", "file_too_large"),
        (
            "remote: You are attempting to check in one or more blobs which exceed the 100MiB limit:",
            "file_too_large",
        ),
        ("fatal: https://x/a.git/info/refs not valid: is this a git repository?", "not_a_host"),
        ("fatal: protocol error: bad line length character: <!do", "not_a_host"),
    ],
)
def test_what_hosts_and_proxies_say_during_a_push(said: str, cause: str) -> None:
    assert causes.cause_of_git(said) == cause


def test_a_failed_push_says_nothing_of_our_own_commands(project: Project, hosts: GitHosts) -> None:
    hosts.faults.add(None, r"info/refs$", kind="html", times=99)
    with pytest.raises(HostError) as caught:
        project.publish()
    said = str(caught.value)
    assert caught.value.cause == "not_a_host", said
    assert "cmdline" not in said and "Cmd(" not in said and "stderr" not in said
