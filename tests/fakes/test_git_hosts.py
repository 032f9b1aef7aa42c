"""The double of the Git hosts: talked to by plain HTTP and by real git, and judged by the vendors' descriptions."""

import gzip
import json
import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from nacl.public import PublicKey, SealedBox

from tests.fakes.git_hosts import GitHosts, git_hosts
from tests.fakes.git_hosts.judge import PARDONS, complaints

# Read at import: what a test finds in its environment has no HISHAMOS_ variables.
SPECS = os.environ.get("HISHAMOS_VENDOR_SPECS", "")
needs_specs = pytest.mark.skipif(
    not (SPECS and Path(SPECS).is_dir()),
    reason=f"no vendors' descriptions: HISHAMOS_VENDOR_SPECS names {SPECS!r}, which is no folder",
)
LOST = requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[GitHosts]:
    with git_hosts(tmp_path / "hosts") as running:
        running.github.add_token("gh")
        running.gitlab.add_token("gl")
        yield running


class Client:
    """A REST client, and git, with one host's token."""

    def __init__(self, hosts: GitHosts, folder: Path, api: str, user: str, token: str) -> None:
        self.base = hosts.url
        self.api = hosts.url + api
        self.ca = str(hosts.ca)
        self.folder = folder
        self.login = f"{user}:{token}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        # The environment's CA bundle would win over the session's.
        self.session.trust_env = False
        self.session.verify = self.ca

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.session.request(method, self.api + path, json=body, timeout=5, **more)

    def remote(self, full_name: str) -> str:
        return self.base.replace("://", f"://{self.login}@") + f"/{full_name}.git"

    def git(self, *arguments: str, where: str = "work", **more: str) -> subprocess.CompletedProcess[str]:
        who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        fixed = {**os.environ, **who, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **more}
        (self.folder / where).mkdir(exist_ok=True)
        command = ["git", "-c", f"http.sslCAInfo={self.ca}", *arguments]
        return subprocess.run(
            command, cwd=self.folder / where, env=fixed, capture_output=True, text=True, timeout=20
        )

    def work(self, where: str = "work", path: str = "a.txt", text: str = "one") -> None:
        """A repository with one commit on ``main``."""
        self.git("init", "-q", "-b", "main", where=where)
        self.change(path, text, where)

    def change(self, path: str, text: str, where: str = "work") -> None:
        file = self.folder / where / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", ".", where=where)
        self.git("commit", "-q", "-m", text[:20], where=where)

    def push(self, full_name: str, *more: str, where: str = "work") -> subprocess.CompletedProcess[str]:
        return self.git("push", *more, self.remote(full_name), "main", where=where)


@pytest.fixture
def github(hosts: GitHosts, tmp_path: Path) -> Client:
    return Client(hosts, tmp_path, "/api/v3", "x-access-token", "gh")


@pytest.fixture
def gitlab(hosts: GitHosts, tmp_path: Path) -> Client:
    return Client(hosts, tmp_path, "/api/v4", "oauth2", "gl")


def test_a_repository_is_made_pushed_to_and_read_on_github(hosts: GitHosts, github: Client) -> None:
    made = github("POST", "/user/repos", {"name": "my thing", "private": True})
    assert (made.status_code, made.json()["full_name"]) == (201, "ada/my-thing")
    github.git("init", "-q", "-b", "trunk")
    github.change("docs/a.txt", "hello")
    assert github.git("push", github.remote("ada/my-thing"), "trunk").returncode == 0
    sha = github.git("rev-parse", "HEAD").stdout.strip()
    assert github.git("ls-remote", github.remote("ada/my-thing")).stdout.split() == [
        *(sha, "HEAD"),
        *(sha, "refs/heads/trunk"),
    ]
    assert github("GET", "/repos/Ada/My-Thing").json()["default_branch"] == "trunk"
    assert github("GET", "/repos/ada/my-thing/branches/trunk").json()["commit"]["sha"] == sha
    file = github("GET", "/repos/ada/my-thing/contents/docs/a.txt").json()
    assert b64decode(file["content"]) == b"hello"
    assert github.git("clone", "-q", github.remote("ada/my-thing"), "copy").returncode == 0
    assert (github.folder / "work" / "copy" / "docs" / "a.txt").read_text() == "hello"
    assert [one.path for one in hosts.writes()] == [
        "/api/v3/user/repos",
        "/ada/my-thing.git/git-receive-pack",
    ]


def test_a_project_is_made_pushed_to_and_read_on_gitlab(hosts: GitHosts, gitlab: Client) -> None:
    group = hosts.gitlab.add_group("acme/tools", "ada")
    made = gitlab("POST", "/projects", {"name": "My Thing", "namespace_id": group.id})
    assert (made.status_code, made.json()["path_with_namespace"]) == (201, "acme/tools/my-thing")
    assert made.json()["empty_repo"]
    gitlab.work()
    assert gitlab.push("acme/tools/my-thing").returncode == 0
    project = gitlab("GET", "/projects/acme%2Ftools%2Fmy-thing").json()
    assert (project["default_branch"], project["empty_repo"]) == ("main", False)
    again = gitlab("POST", f"/projects/{project['id']}/protected_branches", {"name": "main"})
    assert (again.status_code, again.json()) == (409, {"message": "Protected branch 'main' already exists"})
    assert gitlab("POST", "/projects", {"path": "my-thing", "namespace_id": "acme"}).status_code == 400
    raw = gitlab("GET", f"/projects/{project['id']}/repository/files/a.txt/raw")
    assert raw.text == "one"


def test_names_that_are_taken_reserved_or_too_many(hosts: GitHosts, github: Client, gitlab: Client) -> None:
    for host in (hosts.github, hosts.gitlab):
        host.create("ada/taken")
        host.reserved.add("assets")
    taken = github("POST", "/user/repos", {"name": "Taken"}).json()
    assert taken["errors"][0]["message"] == "name already exists on this account"
    assert github("POST", "/user/repos", {"name": "assets"}).status_code == 422
    same = ["has already been taken"]
    body = {"name": same, "path": same, "project_namespace.name": same, "limit_reached": []}
    assert gitlab("POST", "/projects", {"name": "taken"}).json() == {"message": body}
    assert gitlab("POST", "/projects", {"name": "assets"}).status_code == 400
    hosts.gitlab.quota = hosts.github.quota = 1
    assert "limit_reached" in gitlab("POST", "/projects", {"name": "more"}).json()["message"]
    assert github("POST", "/user/repos", {"name": "more"}).status_code == 422


@pytest.mark.parametrize(("state", "status"), [("expired", 401), ("revoked", 401), ("read_only", 403)])
def test_tokens_that_do_not_do(
    hosts: GitHosts, github: Client, gitlab: Client, state: str, status: int
) -> None:
    hosts.github.create("ada/there")
    for host, client in ((hosts.github, github), (hosts.gitlab, gitlab)):
        host.add_token(client.login.partition(":")[2], state=state)
    assert github("POST", "/user/repos", {"name": "x"}).status_code == status
    assert gitlab("POST", "/projects", {"name": "x"}).status_code == status
    assert "error_description" in gitlab("POST", "/projects", {"name": "x"}).json()
    github.work()
    pushed = github.push("ada/there")
    expected = {401: "Authentication failed", 403: "returned error: 403"}[status]
    assert pushed.returncode == 128 and expected in pushed.stderr


def test_a_classic_token_shows_its_scopes_and_needs_them(hosts: GitHosts, github: Client) -> None:
    assert github("GET", "/user").headers["x-oauth-scopes"] == "repo, workflow"
    hosts.github.add_token("gh", scopes=("gist",))
    assert github("POST", "/user/repos", {"name": "x"}).status_code == 404
    hosts.github.add_token("gh", fine_grained=True)
    assert "x-oauth-scopes" not in github("GET", "/user").headers


def test_an_organisation_behind_single_sign_on(hosts: GitHosts, github: Client) -> None:
    hosts.github.add_org("acme", "ada")
    hosts.github.add_token("gh", state="sso")
    asked = github("POST", "/orgs/acme/repos", {"name": "x"})
    assert (asked.status_code, asked.headers["X-GitHub-SSO"][:14]) == (403, "required; url=")
    assert github("GET", "/user").status_code == 200


def test_a_renamed_repository_redirects(hosts: GitHosts, github: Client, gitlab: Client) -> None:
    repo = hosts.github.create("ada/old", files={"a.txt": "x"})
    hosts.gitlab.create("ada/old", files={"a.txt": "x"})
    hosts.github.rename("ada/old", "new")
    hosts.gitlab.rename("ada/old", "new")
    moved = github("GET", "/repos/ada/old/topics", allow_redirects=False)
    assert moved.status_code == 301
    assert moved.headers["Location"] == f"{github.api}/repositories/{repo.id}/topics"
    assert github("GET", "/repos/ada/old").json()["full_name"] == "ada/new"
    assert github("PATCH", "/repos/ada/old", {}, allow_redirects=False).status_code == 307
    assert gitlab("GET", "/projects/ada%2Fold").json()["path_with_namespace"] == "ada/new"
    assert github.git("ls-remote", github.remote("ada/old")).returncode == 0
    strict = ("-c", "http.followRedirects=false", "ls-remote", github.remote("ada/old"))
    assert github.git(*strict).returncode == 128


def test_a_new_repository_is_hidden_at_first(hosts: GitHosts, github: Client) -> None:
    hosts.github.visible_after = 2
    assert github("POST", "/user/repos", {"name": "slow"}).status_code == 201
    assert [github("GET", "/repos/ada/slow").status_code for _ in range(3)] == [404, 404, 200]
    hosts.github.visible_after = 1
    github("POST", "/user/repos", {"name": "slower"})
    asked = [github.git("ls-remote", github.remote("ada/slower")) for _ in "12"]
    assert [one.returncode for one in asked] == [128, 0]


def test_secrets_are_sealed_and_opened(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/safe")
    key = github("GET", "/repos/ada/safe/actions/secrets/public-key").json()
    sealed = SealedBox(PublicKey(b64decode(key["key"]))).encrypt(b"hush")
    body = {"encrypted_value": b64encode(sealed).decode(), "key_id": key["key_id"]}
    statuses = [github("PUT", "/repos/ada/safe/actions/secrets/token", body).status_code for _ in "12"]
    assert statuses == [201, 204]
    assert repo.secrets == {"TOKEN": "hush"}


def test_pull_requests_and_their_merging(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/code", files={"a.txt": "x"})
    base = repo.branches["main"]
    github("POST", "/repos/ada/code/git/refs", {"ref": "refs/heads/topic", "sha": base})
    asked = {"title": "A change", "head": "topic", "base": "main"}
    nothing = github("POST", "/repos/ada/code/pulls", asked).json()
    assert nothing["errors"][0]["message"] == "No commits between main and topic"
    hosts.github.commit("ada/code", "b.txt", "y", branch="topic")
    assert github("POST", "/repos/ada/code/pulls", asked).status_code == 201
    assert github("POST", "/repos/ada/code/pulls", asked).status_code == 422
    merged = hosts.github.merge_pull("ada/code", 1, "squash", delete_branch=True)
    assert github("GET", "/repos/ada/code/pulls/1").json()["merged"]
    assert repo.branches == {"main": merged}
    assert repo.bare.describe(merged).parents == (base,)


def test_protection_needs_a_plan_and_binds_pushes(hosts: GitHosts, github: Client) -> None:
    hosts.github.create("ada/code")
    github.work()
    github.push("ada/code")
    path = "/repos/ada/code/branches/main/protection"
    reviews = {"required_approving_review_count": 1}
    asked = {"required_status_checks": None, "restrictions": None, "enforce_admins": True}
    assert github("GET", path).json()["message"] == "Branch not protected"
    hosts.github.plan_protects = False
    assert "Upgrade to GitHub Pro" in github("PUT", path, asked).json()["message"]
    hosts.github.plan_protects = True
    assert github("PUT", path, {**asked, "required_pull_request_reviews": reviews}).status_code == 200
    github.change("a.txt", "two")
    refused = github.push("ada/code").stderr
    assert "GH006" in refused
    assert "(protected branch hook declined)" in refused


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("GH001", "GH001: Large files detected"),
        ("GH013", "(push declined due to repository rule violations)"),
        ("protected", "(protected branch hook declined)"),
        ("workflow_scope", "without `workflow` scope)"),
    ],
)
def test_refused_pushes(hosts: GitHosts, github: Client, kind: str, text: str) -> None:
    repo = hosts.github.create("ada/code")
    hosts.github.refuse_push(kind)
    github.work()
    refused = github.push("ada/code")
    assert refused.returncode == 1
    assert text in refused.stderr
    assert repo.empty
    hosts.github.hooks.clear()
    assert github.push("ada/code").returncode == 0


def test_words_of_ones_own_and_gitlabs(hosts: GitHosts, gitlab: Client) -> None:
    hosts.gitlab.create("ada/code")
    hosts.gitlab.refuse_push("rule", "GitLab: no thanks")
    gitlab.work()
    refused = gitlab.push("ada/code").stderr
    assert "remote: GitLab: no thanks" in refused
    assert "(pre-receive hook declined)" in refused


def test_a_branch_that_nobody_may_push_to(hosts: GitHosts, gitlab: Client) -> None:
    hosts.gitlab.create("ada/code")
    gitlab.work()
    gitlab.push("ada/code")
    path = "/projects/ada%2Fcode/protected_branches/main"
    assert gitlab("PATCH", path, {"allowed_to_push": [{"access_level": 0}]}).status_code == 200
    gitlab.change("a.txt", "two")
    assert "You are not allowed to push code to protected branches" in gitlab.push("ada/code").stderr


def test_workflows_need_their_scope(hosts: GitHosts, github: Client) -> None:
    hosts.github.create("ada/code")
    hosts.github.add_token("gh", scopes=("repo",))
    github.work(path=".github/workflows/test.yml", text="on: push")
    refused = github.push("ada/code").stderr
    assert "create or update workflow `.github/workflows/test.yml` without `workflow` scope)" in refused
    hosts.github.add_token("gh")
    assert github.push("ada/code").returncode == 0


def test_history_is_never_lost(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/code", files={"a.txt": "theirs"})
    before = repo.branches["main"]
    github.work(text="ours")
    assert "fetch first" in github.push("ada/code").stderr
    assert repo.forced == []
    forced = github.push("ada/code", "--force")
    assert "non-fast-forward" in forced.stderr
    assert repo.branches["main"] == before
    ours = github.git("rev-parse", "HEAD").stdout.strip()
    assert repo.forced == [("refs/heads/main", before, ours)]


def test_of_two_pushes_at_once_one_wins(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/code")
    for where in ("one", "two"):
        github.work(where, text=where)
    with ThreadPoolExecutor(2) as pool:
        pushed = [*pool.map(lambda where: github.push("ada/code", where=where), ("one", "two"))]
    assert sorted(one.returncode == 0 for one in pushed) == [False, True]
    winner = "one" if pushed[0].returncode == 0 else "two"
    assert repo.branches["main"] == github.git("rev-parse", "HEAD", where=winner).stdout.strip()


def test_big_pushes_come_in_pieces(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/code")
    github.work()
    (github.folder / "work" / "big.bin").write_bytes(os.urandom(3_000_000))
    github.change("b.txt", "big")
    assert github.push("ada/code").returncode == 0
    repo.bare.git("fsck", "--strict")
    assert github.git("clone", "-q", github.remote("ada/code"), "copy").returncode == 0


def test_bodies_may_be_zipped_and_chunked(hosts: GitHosts, github: Client) -> None:
    raw = gzip.compress(json.dumps({"name": "zipped"}).encode())
    headers = {"Content-Encoding": "gzip", "Expect": "100-continue"}
    url = f"{github.api}/user/repos"
    sent = github.session.post(url, data=iter([raw[:10], raw[10:]]), headers=headers, timeout=5)
    assert sent.json()["full_name"] == "ada/zipped"


def test_faults_that_are_answers(hosts: GitHosts, github: Client) -> None:
    faults = hosts.faults
    faults.add(
        "GET", r"/user$", kind="status", status=429, headers={"Retry-After": "7"}, body={"a": 1}, skip=1
    )
    faults.add("GET", r"/user$", kind="redirect", status=307, location="https://127.0.0.1:1/")
    faults.add("GET", r"/user$", kind="html")
    faults.add("GET", r"/user$", kind="garbage")
    answers = [github("GET", "/user", allow_redirects=False) for _ in range(5)]
    assert [one.status_code for one in answers] == [307, 429, 200, 200, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert answers[2].text.startswith("<!doctype html>")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answers[3].json()
    assert answers[4].json()["login"] == "ada"
    assert faults.left == []
    assert [one.fault for one in hosts.exchanges] == ["redirect", "status", "html", "garbage", ""]


@pytest.mark.parametrize("kind", ["reset", "hang", "half_body", "done_then"])
def test_faults_that_are_no_answers(hosts: GitHosts, github: Client, kind: str) -> None:
    hosts.faults.add("POST", r"/user/repos$", kind=kind, host="github", seconds=0.05)
    with pytest.raises(LOST):
        github("POST", "/user/repos", {"name": "x"})
    assert ("ada/x" in hosts.github.repositories) == (kind in ("half_body", "done_then"))


def test_a_lost_answer_after_the_work(hosts: GitHosts, github: Client) -> None:
    hosts.faults.add("POST", r"/user/repos$", kind="done_then", status=502)
    statuses = [github("POST", "/user/repos", {"name": "x"}).status_code for _ in "12"]
    assert statuses == [502, 422]


def test_faults_of_git(hosts: GitHosts, github: Client) -> None:
    repo = hosts.github.create("ada/code")
    github.work(text="x" * 5000)
    push = r"git-receive-pack$"
    hosts.faults.add("POST", push, kind="reset_mid_pack", after=100)
    assert "RPC failed" in github.push("ada/code").stderr
    hosts.faults.add("POST", push, kind="status", status=503)
    assert "503" in github.push("ada/code").stderr
    assert repo.empty
    hosts.faults.add("GET", r"info/refs$", kind="redirect", location="https://127.0.0.1:1/x")
    assert github.git("-c", "http.followRedirects=false", "ls-remote", github.remote("ada/code")).returncode
    hosts.faults.add("POST", push, kind="done_then")
    assert github.push("ada/code").returncode != 0
    assert [*repo.branches] == ["main"]


def test_what_is_no_fault_kind_is_refused(hosts: GitHosts) -> None:
    with pytest.raises(ValueError, match="no such fault: resett"):
        hosts.faults.add(kind="resett")


def everything(hosts: GitHosts, github: Client, gitlab: Client) -> None:
    """Most of what the descriptions describe, asked once."""
    hosts.github.add_org("acme", "ada")
    hosts.github.add_user("bob")
    hosts.github.create("ada/code", files={"a.txt": "x"})
    protection = {"required_status_checks": {"strict": True, "contexts": ["ci"]}, "enforce_admins": True,
                  "required_pull_request_reviews": {"required_approving_review_count": 1},
                  "restrictions": {"users": ["ada"], "teams": [], "apps": []}}  # fmt: skip
    for path in ("/user", "/users/ada", "/orgs/acme", "/rate_limit"):
        github("GET", path)
    github("POST", "/user/repos", {"name": "x"})
    github("POST", "/orgs/acme/repos", {"name": "x", "visibility": "private"})
    github("PUT", "/repos/ada/code/topics", {"names": ["a"]})
    github("PATCH", "/repos/ada/code", {"description": "d", "has_wiki": False})
    github("PUT", "/repos/ada/code/branches/main/protection", protection)
    github("POST", "/repos/ada/code/actions/variables", {"name": "A", "value": "1"})
    github("PUT", "/repos/ada/code/collaborators/bob", {"permission": "push"})
    for path in (
        "",
        "/topics",
        "/branches",
        "/branches/main",
        "/branches/main/protection",
        "/git/ref/heads/main",
    ):
        github("GET", f"/repos/ada/code{path}")
    group = hosts.gitlab.add_group("acme", "ada")
    project = f"/projects/{hosts.gitlab.create('acme/code', files={'a.txt': 'x'}).id}"
    for path in ("/version", "/personal_access_tokens/self", "/namespaces/acme", "/groups/acme"):
        gitlab("GET", path)
    gitlab("POST", "/projects", {"name": "x", "namespace_id": group.id, "topics": ["a"]})
    gitlab("PUT", project, {"description": "d"})
    gitlab("POST", f"{project}/repository/branches", {"branch": "b", "ref": "main"})
    gitlab("POST", f"{project}/protected_branches", {"name": "b", "push_access_level": 40})
    gitlab("POST", f"{project}/variables", {"key": "A", "value": "1"})
    for path in ("", "/repository/branches", "/repository/branches/main", "/protected_branches"):
        gitlab("GET", project + path)


@needs_specs
def test_the_vendors_have_nothing_against_it(hosts: GitHosts, github: Client, gitlab: Client) -> None:
    everything(hosts, github, gitlab)
    assert [one for one in hosts.exchanges if one.status >= 300] == []
    assert complaints(hosts.exchanges, Path(SPECS)) == []
    assert all(pardon.reason for pardon in PARDONS)


@needs_specs
def test_the_judge_sees_what_is_wrong(hosts: GitHosts, github: Client, gitlab: Client) -> None:
    hosts.github.create("ada/code")
    github("POST", "/user/repos", {"name": "x", "private": "yes"})
    github("GET", "/repos/ada/code")
    gitlab("POST", "/projects", {"name": "x", "visibility": "private"})
    hosts.exchanges[1].response["id"] = "one"
    hosts.exchanges[2].response["archived"] = "no"
    found = complaints(hosts.exchanges, Path(SPECS))
    assert found == [
        "github POST /api/v3/user/repos: request $.private: 'yes' is not of type 'boolean'",
        "github GET /api/v3/repos/ada/code: response $.id: 'one' is not of type 'integer'",
        "gitlab POST /api/v4/projects: response $.archived: 'no' is not of type 'boolean'",
    ]
    hosts.exchanges[1].fault = "status"
    assert len(complaints(hosts.exchanges, Path(SPECS))) == 2
