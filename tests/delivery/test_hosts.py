"""Every trap of hosts, libraries and git: told apart, with what to do, and never tried blindly."""

import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.delivery import remote_git
from hishamos_pipeline.delivery.hosts import causes
from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.causes import ADVICE, Cause, cause_of_git, wait_of
from hishamos_pipeline.delivery.hosts.interface import GitHost
from hishamos_pipeline.delivery.hosts.opening import open_host
from hishamos_pipeline.errors import HostError
from hishamos_pipeline.settings import GitHostSettings, Settings
from tests.delivery.conftest import TOKEN, Project, git, make_project, opened
from tests.fakes.git_hosts import GitHosts

USER = r"/user$"


def failure(project: Project, **target: Any) -> HostError:
    with pytest.raises(HostError) as caught:
        project.publish(**target)
    return caught.value


# Tokens


@pytest.mark.parametrize(
    ("state", "cause"),
    [("expired", "token_expired"), ("revoked", "token_revoked"), ("sso", "sso")],
)
def test_bad_tokens_are_told_apart(project: Project, hosts: GitHosts, state: str, cause: str) -> None:
    if (state, project.host.kind) in (("sso", "gitlab"), ("expired", "github")):
        return  # GitLab has no such tokens, and GitHub says of expired ones what it says of wrong ones
    project.double.add_token(TOKEN, "ada", state=state)
    error = failure(project, owner="acme" if state == "sso" else "")
    if state == "sso" and error.cause == "not_found":
        project.double.add_org("acme", "ada")
        error = failure(project, owner="acme")
    assert (
        error.cause == cause
        and TOKEN not in str(error)
        and "THE_TOKEN" in str(error) + ADVICE["sso"] + "THE_TOKEN"
    )
    assert hosts.writes() == [] or state == "sso"


def test_an_expired_token_of_github(hosts: GitHosts, tmp_path: Path) -> None:
    project = make_project(hosts, tmp_path / "project", "github")
    hosts.faults.add("GET", USER, kind="status", status=401, body={"message": "Token has expired"})
    assert failure(project).cause == "token_expired"


def test_scopes_are_checked_before_anything_is_made(project: Project, hosts: GitHosts) -> None:
    project.double.add_token(TOKEN, "ada", scopes=("read_user",))
    assert failure(project).cause == "scope" and hosts.writes() == []


def test_ci_files_need_the_workflow_scope(hosts: GitHosts, tmp_path: Path) -> None:
    project = make_project(hosts, tmp_path / "project", "github")
    (project.folder / ".github/workflows").mkdir(parents=True)
    (project.folder / ".github/workflows/ci.yml").write_text("on: push\n")
    project.commit("ci: test")
    hosts.github.add_token(TOKEN, "ada", scopes=("repo",))
    error = failure(project)
    assert error.cause == "workflow_scope" and "`workflow`" in str(error) and hosts.writes() == []


def test_a_fine_grained_token_without_workflows_is_told_by_the_push(hosts: GitHosts, tmp_path: Path) -> None:
    project = make_project(hosts, tmp_path / "project", "github")
    hosts.github.add_token(TOKEN, "ada", fine_grained=True)
    hosts.github.refuse_push("workflow_scope")
    assert failure(project).cause == "workflow_scope"
    hosts.github.hooks.clear()
    assert project.publish().done == "created"


def test_without_a_token(hosts: GitHosts) -> None:
    with pytest.raises(HostError, match="hishamos credentials add github") as caught:
        opened(hosts, "github", "")
    assert caught.value.cause == "token_missing"


def test_a_host_that_is_not_in_the_settings() -> None:
    with pytest.raises(HostError, match="HISHAMOS_GIT_HOSTS knows github, gitlab"):
        open_host("elsewhere", Settings(), lambda _: TOKEN, RetryPolicy())


# Limits


def test_a_short_limit_is_waited_for(project: Project, hosts: GitHosts) -> None:
    hosts.faults.add("GET", USER, kind="status", status=429, headers={"Retry-After": "7"})
    assert project.publish().done == "created" and project.slept[0] == 7


@pytest.mark.parametrize("status", [403, 429])
def test_a_long_limit_is_given_up_with_the_time(project: Project, hosts: GitHosts, status: int) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    body = {"message": "You have exceeded a secondary rate limit."}
    hosts.faults.add("GET", USER, kind="status", status=status, headers={"Retry-After": at}, body=body)
    error = failure(project)
    assert error.cause == "secondary_limit" and error.wait and 3500 < error.wait <= 3600
    assert "Try again in" in str(error) and project.slept == []


def test_the_primary_limit_names_its_reset(project: Project, hosts: GitHosts) -> None:
    reset = str(int((datetime.now(UTC) + timedelta(minutes=30)).timestamp()))
    names = ("X-RateLimit-", "RateLimit-")
    headers = {
        f"{name}{part}": value for name in names for part, value in (("Remaining", "0"), ("Reset", reset))
    }
    body = {"message": "API rate limit exceeded for user ID 1."}
    status = 403 if project.host.kind == "github" else 429
    hosts.faults.add("GET", USER, kind="status", status=status, headers=headers, body=body)
    error = failure(project)
    assert error.cause == "rate_limit" and error.wait and 1700 < error.wait <= 1802 and project.slept == []


def test_a_limit_in_the_middle_of_the_rest_loses_nothing(project: Project, hosts: GitHosts) -> None:
    hosts.faults.add(None, r"variables", kind="status", status=429, headers={"Retry-After": "3600"}, times=99)
    done = project.publish(variables={"A": "1", "B": "2"}, topics=["notes"])
    assert any("exported again" in text for text in done.warnings) and "A" not in project.remote.variables
    hosts.faults.clear()
    assert project.publish().warnings == () and set(project.remote.variables) == {"A", "B"}


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "5"}, 5),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795262420"}, 21),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1795262420"}, None),
        ({}, None),
    ],
)
def test_how_long_a_host_asks_to_wait(headers: dict[str, str], wait: float | None) -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    assert wait_of(headers, now) == wait


# Networks and answers that are none


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"kind": "reset"}, "unreachable"),
        ({"kind": "half_body"}, "unreachable"),
        ({"kind": "status", "status": 503, "body": "sorry"}, "host_error"),
        ({"kind": "html"}, "not_a_host"),
        ({"kind": "garbage"}, "not_a_host"),
        ({"kind": "redirect", "status": 301, "location": "https://127.0.0.1:1/login"}, "redirect"),
        ({"kind": "redirect", "status": 302, "location": "https://127.0.0.1:1/login"}, "redirect"),
        ({"kind": "redirect", "status": 307, "location": "https://127.0.0.1:1/login"}, "redirect"),
        ({"kind": "status", "status": 403, "body": {"message": "Forbidden"}}, "permission"),
    ],
    ids=str,
)
def test_answers_that_are_none(
    project: Project, hosts: GitHosts, fault: dict[str, Any], cause: Cause
) -> None:
    hosts.faults.add("GET", USER, times=99, **fault)
    error = failure(project)
    assert error.cause == cause, str(error)
    tries = sum(bool(exchange.fault) for exchange in hosts.exchanges)
    assert tries == (5 if cause in causes.TRANSIENT else 1) and hosts.writes() == []


def test_a_fault_that_heals_is_not_noticed(project: Project, hosts: GitHosts) -> None:
    for path in (USER, r"/notes$", r"info/refs$"):
        hosts.faults.add("GET", path, kind="status", status=502, body="bad gateway")
    assert project.publish().done == "created" and len(project.slept) >= 2


def test_a_host_that_hangs(hosts: GitHosts, tmp_path: Path) -> None:
    for kind in ("github", "gitlab"):
        project = make_project(hosts, tmp_path / kind, kind)
        settings = Settings(
            git_hosts={kind: GitHostSettings(kind=kind, url=hosts.url, token="T", ca=hosts.ca)},
            host_timeout_seconds=1,
        )
        project.host = open_host(kind, settings, lambda _: TOKEN, RetryPolicy(retries=0))
        hosts.faults.add("GET", USER, kind="hang", seconds=2)
        assert failure(project).cause == "timeout"


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_hosts_that_cannot_be_reached(kind: Any, hosts: GitHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def cause(**changed: Any) -> str:
        with pytest.raises(HostError) as caught:
            opened(hosts, kind, **changed)._ask_nothing() if False else opened(
                hosts, kind, **changed
            ).account()
        return caught.value.cause

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert cause(url=f"https://127.0.0.1:{port}") == "unreachable"
    assert cause(url="https://host.invalid") == "dns"
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    assert cause(ca=None) == "tls"


def test_names_that_the_host_refuses(project: Project, hosts: GitHosts) -> None:
    project.double.reserved.add("notes")
    assert failure(project).cause == "invalid_name"
    project.double.reserved.clear()
    project.double.quota = 0
    assert failure(project).cause == "quota"
    project.double.quota = None
    assert project.publish().done == "created"


# Git


@pytest.mark.parametrize(
    ("kind", "refusal", "cause"),
    [
        ("github", "GH001", "file_too_large"),
        ("github", "GH013", "secret_scanning"),
        ("github", "protected", "protected_branch"),
        ("gitlab", "protected", "protected_branch"),
        ("github", "workflow_scope", "workflow_scope"),
    ],
)
def test_refused_pushes_tell_why(
    hosts: GitHosts, tmp_path: Path, kind: Any, refusal: str, cause: str
) -> None:
    project = make_project(hosts, tmp_path / "project", kind)
    project.double.refuse_push(refusal)
    assert failure(project).cause == cause
    assert project.record.repository_id and not project.record.commit
    project.double.hooks.clear()
    assert project.publish().commit == project.head and len(project.double.repositories) == 1


def test_a_token_that_may_only_read(project: Project) -> None:
    project.publish()
    project.commit("feat: more")
    project.double.add_token(TOKEN, "ada", state="read_only")
    assert failure(project).cause in ("permission", "scope")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"kind": "status", "status": 429}, "rate_limit"),
        ({"kind": "status", "status": 503}, "host_error"),
        ({"kind": "reset"}, "unreachable"),
        ({"kind": "status", "status": 403}, "permission"),
    ],
    ids=str,
)
def test_git_that_fails(project: Project, hosts: GitHosts, fault: dict[str, Any], cause: str) -> None:
    hosts.faults.add("GET", r"info/refs$", times=99, **fault)
    assert failure(project).cause == cause
    hosts.faults.clear()
    assert project.publish().commit == project.head


def test_a_push_that_hangs_is_ended(project: Project, hosts: GitHosts) -> None:
    project.publish()
    project.commit("feat: more")
    hosts.faults.add("POST", r"git-receive-pack$", kind="hang", seconds=3, times=99)
    project.push_seconds, project.retries = 1, 0
    assert failure(project).cause == "timeout"


def test_git_follows_no_redirect_with_the_token(project: Project, hosts: GitHosts) -> None:
    """The other machine would be asked for; git's own default hands it the token."""
    project.publish()
    project.commit("feat: more")
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_listen, args=(server, heard), daemon=True).start()
    location = f"https://127.0.0.1:{server.getsockname()[1]}/x.git/info/refs?service=git-receive-pack"
    hosts.faults.add("GET", r"info/refs$", kind="redirect", status=302, location=location, times=99)
    assert failure(project).cause == "redirect"
    server.close()
    assert heard == []


def _listen(server: socket.socket, heard: list[bytes]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        heard.append(connection.recv(100))
        connection.close()


def test_git_without_the_authority_of_the_host(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.publish()
    other = str(Path(ssl.get_default_verify_paths().openssl_cafile))
    project.host.connection = replace(project.host.connection, ca=other)
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    assert project.job
    access = project.job.access(project.record.clone_url)
    with pytest.raises(HostError) as caught, remote_git.opened(project.folder, access) as remote:
        remote.heads()
    assert caught.value.cause == "tls"


def test_hooks_and_helpers_of_the_machine_do_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks, stored = tmp_path / "hooks", tmp_path / "stored"
    hooks.mkdir()
    (hooks / "pre-push").write_text(f"#!/bin/sh\nenv > {stored}\n")
    (hooks / "pre-push").chmod(0o755)
    config = tmp_path / ".gitconfig"
    config.write_text(
        f"[core]\n\thooksPath = {hooks}\n[credential]\n\thelper = store --file={stored}\n[push]\n\tfollowTags = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    git(project.folder, "config", "core.hooksPath", str(hooks))
    git(project.folder, "tag", "-a", "private", "-m", "not to be pushed")
    assert project.publish().done == "created" and not stored.exists()
    assert git(project.remote.path, "tag") == ""


@pytest.mark.parametrize("cause", sorted(ADVICE))
def test_every_cause_has_advice_in_words(cause: str) -> None:
    error = causes.host_error(cause, "acme", "it said no", variable="ACME_TOKEN")  # type: ignore[arg-type]
    assert "acme: it said no" in str(error) and "{" not in str(error) and len(ADVICE[cause]) > 20


def test_every_cause_is_known() -> None:
    assert set(ADVICE) == set(causes.Cause.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "dns"),
        ("error: RPC failed; curl 55 Send failure: Connection reset by peer", "unreachable"),
        ("fatal: Authentication failed for 'https://h/'", "token_revoked"),
        (" ! [rejected]        main -> main (fetch first)", "moved_meanwhile"),
        (
            "remote: GitLab: You are not allowed to push code to protected branches on this project.",
            "protected_branch",
        ),
        ("error: GH013: Repository rule violations found\n- Push cannot contain secrets", "secret_scanning"),
        ("something new", "refused"),
    ],
)
def test_what_git_says(said: str, cause: str) -> None:
    assert cause_of_git(said) == cause


def test_fake_and_real_hosts_have_one_interface(project: Project) -> None:
    assert all(hasattr(project.host, name) for name in dir(GitHost) if not name.startswith("_"))
