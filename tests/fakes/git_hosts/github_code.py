"""GitHub's view of a repository's code: branches, protection, refs, pull requests, releases, files."""

from base64 import b64encode
from typing import Any

from tests.fakes.git_hosts import github_shapes as shapes
from tests.fakes.git_hosts.github_access import invalid, not_found, refused, repo_of
from tests.fakes.git_hosts.state import OWN, WRITE, Pull, Release, Repo
from tests.fakes.git_hosts.wire import Answer, Call, RefusedError, Routes

routes = Routes()
_PROTECTION = "/repos/{owner}/{repo}/branches/{branch*}/protection"
_REQUIRED = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")


@routes.on("GET", "/repos/{owner}/{repo}/branches")
def branches(call: Call) -> Answer:
    """All branches."""
    repo = repo_of(call)
    url = f"{call.url}/repos/{repo.full_name}"
    listed = [
        {
            "name": name,
            "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
            "protected": name in repo.protection,
        }
        for name, sha in repo.branches.items()
    ]
    return call.page_of(listed)


@routes.on("GET", _PROTECTION)
def protection(call: Call) -> Answer:
    """A branch's protection."""
    repo, branch = _branch(call)
    _check_plan(call, repo)
    if branch not in repo.protection:
        raise refused(404, "Branch not protected")
    return Answer(200, shapes.protection(call, repo, branch, repo.protection[branch]))


@routes.on("PUT", _PROTECTION)
def protect(call: Call) -> Answer:
    """Protect a branch."""
    repo, branch = _branch(call)
    _check_plan(call, repo)
    missing = [name for name in _REQUIRED if name not in call.body]
    if missing:
        raise refused(422, f'Invalid request.\n\n"{missing[0]}" wasn\'t supplied.')
    repo.protection[branch] = dict(call.body)
    return Answer(200, shapes.protection(call, repo, branch, repo.protection[branch]))


@routes.on("DELETE", _PROTECTION)
def unprotect(call: Call) -> Answer:
    """Take a branch's protection away."""
    repo, branch = _branch(call)
    if repo.protection.pop(branch, None) is None:
        raise refused(404, "Branch not protected")
    return Answer(204)


def _branch(call: Call) -> tuple[Repo, str]:
    repo = repo_of(call, OWN)
    if call["branch"] not in repo.branches:
        raise refused(404, "Branch not found")
    return repo, call["branch"]


def _check_plan(call: Call, repo: Repo) -> None:
    if repo.private and not call.host.plan_protects:
        raise refused(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.")


@routes.on("GET", "/repos/{owner}/{repo}/branches/{branch*}")
def branch(call: Call) -> Answer:
    """One branch with its last commit."""
    repo, name = repo_of(call), call["branch"]
    sha = repo.branches.get(name)
    if sha is None:
        raise refused(404, "Branch not found")
    url = f"{call.url}/repos/{repo.full_name}/branches/{name}"
    page = f"{shapes.site(call)}/{repo.full_name}/tree/{name}"
    shape = {
        "name": name,
        "commit": shapes.commit(call, repo, sha),
        "_links": {"self": url, "html": page},
        "protected": name in repo.protection,
        "protection": {"enabled": name in repo.protection},
        "protection_url": f"{url}/protection",
    }
    return Answer(200, shape)


@routes.on("GET", "/repos/{owner}/{repo}/git/ref/{ref*}")
def ref(call: Call) -> Answer:
    """A branch (``heads/…``) or tag (``tags/…``)."""
    repo = _filled(call)
    name = f"refs/{call['ref']}"
    sha = _target(repo, name)
    if sha is None:
        raise not_found()
    return Answer(200, shapes.ref(call, repo, name, sha))


def _filled(call: Call, need: int = 0) -> Repo:
    repo = repo_of(call, need)
    if repo.empty:
        raise refused(409, "Git Repository is empty.")
    return repo


def _target(repo: Repo, name: str) -> str | None:
    _, kind, rest = name.split("/", 2)
    return repo.bare.refs(kind).get(rest) if kind in ("heads", "tags") else None


@routes.on("POST", "/repos/{owner}/{repo}/git/refs")
def create_ref(call: Call) -> Answer:
    """A new branch or tag."""
    repo = _filled(call, WRITE)
    name, sha = call.body.get("ref", ""), call.body.get("sha", "")
    if not name.startswith("refs/") or name.count("/") < 2:
        raise refused(422, "Reference name must start with 'refs/' and have at least two slashes")
    if _target(repo, name):
        raise refused(422, "Reference already exists")
    if repo.bare.sha(sha) != sha:
        raise refused(422, "Object does not exist")
    repo.bare.set_ref(name, sha)
    return Answer(201, shapes.ref(call, repo, name, sha))


@routes.on("PATCH", "/repos/{owner}/{repo}/git/refs/{ref*}")
def move_ref(call: Call) -> Answer:
    """Move a branch or tag."""
    repo, name, sha = _filled(call, WRITE), f"refs/{call['ref']}", call.body.get("sha", "")
    old = _target(repo, name)
    if old is None:
        raise refused(422, "Reference does not exist")
    if repo.bare.sha(sha) != sha:
        raise refused(422, "Object does not exist")
    if not call.body.get("force") and not repo.bare.contains(sha, old):
        raise refused(422, "Update is not a fast forward")
    repo.bare.set_ref(name, sha)
    return Answer(200, shapes.ref(call, repo, name, sha))


@routes.on("GET", "/repos/{owner}/{repo}/pulls")
def pulls(call: Call) -> Answer:
    """Pull requests, the newest first."""
    repo, query = repo_of(call), call.query
    state, head = query.get("state", "open"), query.get("head", "").lower()
    found = [
        shapes.pull_request(call, repo, one)
        for one in reversed(repo.pulls.values())
        if state in ("all", "open" if one.state == "open" else "closed")
        and query.get("base", one.base) == one.base
        # A head without an owner is not understood, and ignored.
        and (":" not in head or head == f"{repo.owner}:{one.head}".lower())
    ]
    return call.page_of(found)


@routes.on("POST", "/repos/{owner}/{repo}/pulls")
def create_pull(call: Call) -> Answer:
    """A new pull request."""
    repo = repo_of(call)
    base, head = call.body.get("base", ""), call.body.get("head", "").rpartition(":")[2]
    heads = repo.branches
    for field, name in (("head", head), ("base", base)):
        if name not in heads:
            raise invalid("PullRequest", field)
    if repo.open_pull(head, base):
        raise _no_pull(f"A pull request already exists for {repo.owner}:{head}.")
    if repo.bare.contains(heads[base], heads[head]):
        raise _no_pull(f"No commits between {base} and {head}")
    if not repo.bare.related(heads[base], heads[head]):
        raise _no_pull(f"The {head} branch has no history in common with {base}")
    number = len(repo.pulls) + 1
    title, body = call.body.get("title", ""), call.body.get("body") or ""
    draft = bool(call.body.get("draft"))
    made = Pull(number, title, body, head, base, call.token.login, heads[head], draft=draft)
    repo.pulls[number] = made
    return Answer(201, shapes.pull_request(call, repo, made))


def _no_pull(message: str) -> RefusedError:
    return refused(
        422, "Validation Failed", {"resource": "PullRequest", "code": "custom", "message": message}
    )


@routes.on("GET", "/repos/{owner}/{repo}/pulls/{number}")
def pull(call: Call) -> Answer:
    """One pull request."""
    repo = repo_of(call)
    return Answer(200, shapes.pull_request(call, repo, _pull(call, repo)))


@routes.on("PATCH", "/repos/{owner}/{repo}/pulls/{number}")
def change_pull(call: Call) -> Answer:
    """Change or close a pull request."""
    repo = repo_of(call, WRITE)
    found = _pull(call, repo)
    for name, value in call.changes("title", "body", "base", "state").items():
        setattr(found, name, value)
    return Answer(200, shapes.pull_request(call, repo, found))


def _pull(call: Call, repo: Repo) -> Pull:
    number = call["number"]
    if not number.isdigit() or int(number) not in repo.pulls:
        raise not_found()
    return repo.pulls[int(number)]


@routes.on("GET", "/repos/{owner}/{repo}/releases")
def releases(call: Call) -> Answer:
    """Releases, the newest first."""
    repo = repo_of(call)
    return call.page_of([shapes.release(call, repo, one) for one in reversed(repo.releases.values())])


@routes.on("GET", "/repos/{owner}/{repo}/releases/tags/{tag*}")
def release(call: Call) -> Answer:
    """The release of a tag; drafts are not found this way."""
    repo = repo_of(call)
    found = repo.releases.get(call["tag"])
    if found is None or found.draft:
        raise not_found()
    return Answer(200, shapes.release(call, repo, found))


@routes.on("POST", "/repos/{owner}/{repo}/releases")
def create_release(call: Call) -> Answer:
    """A new release; the tag is made when there is none."""
    repo, tag = repo_of(call, WRITE), call.body.get("tag_name", "")
    if repo.empty:
        raise refused(422, "Repository is empty.")
    if tag in repo.releases:
        raise invalid("Release", "tag_name", "already_exists")
    draft = bool(call.body.get("draft"))
    if tag not in repo.bare.refs("tags") and not draft:
        sha = repo.bare.sha(call.body.get("target_commitish") or repo.default_branch)
        if sha is None:
            raise invalid("Release", "target_commitish")
        repo.bare.set_ref(f"refs/tags/{tag}", sha)
    name, body = call.body.get("name") or tag, call.body.get("body") or ""
    made = Release(call.host.next_id(), tag, name, body, draft, bool(call.body.get("prerelease")))
    repo.releases[tag] = made
    return Answer(201, shapes.release(call, repo, made))


@routes.on("GET", "/repos/{owner}/{repo}/contents/{path*}")
def contents(call: Call) -> Answer:
    """A file at a branch, tag or commit."""
    repo, path = repo_of(call), call["path"]
    if repo.empty:
        raise refused(404, "This repository is empty.")
    at = call.query.get("ref", repo.default_branch)
    found = repo.bare.file(at, path)
    if found is None:
        raise not_found()
    blob, raw = found
    url = f"{call.url}/repos/{repo.full_name}"
    shape: dict[str, Any] = {
        "type": "file",
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": blob,
        "size": len(raw),
        "encoding": "base64",
        "content": b64encode(raw).decode(),
        "url": f"{url}/contents/{path}?ref={at}",
        "git_url": f"{url}/git/blobs/{blob}",
        "html_url": f"{shapes.site(call)}/{repo.full_name}/blob/{at}/{path}",
        "download_url": f"{shapes.site(call)}/raw/{repo.full_name}/{at}/{path}",
    }
    return Answer(200, shape)
