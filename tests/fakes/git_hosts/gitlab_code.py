"""GitLab's view of a project's code: branches, protection, merge requests, releases, files."""

from typing import Any

from tests.fakes.git_hosts import gitlab_shapes as shapes
from tests.fakes.git_hosts.gitlab_access import bad_request, missing, project_of, refused
from tests.fakes.git_hosts.state import MAINTAIN, WRITE, Pull, Release, Repo
from tests.fakes.git_hosts.wire import Answer, Call, Routes

routes = Routes()
_BRANCHES = "/projects/{id}/repository/branches"
_PROTECTED = "/projects/{id}/protected_branches"
_REQUESTS = "/projects/{id}/merge_requests"


@routes.on("GET", _BRANCHES)
def branches(call: Call) -> Answer:
    """All branches."""
    repo = project_of(call)
    found = {name: sha for name, sha in repo.branches.items() if call.query.get("search", "") in name}
    return call.page_of([shapes.branch(call, repo, name, sha) for name, sha in found.items()])


@routes.on("POST", _BRANCHES)
def create_branch(call: Call) -> Answer:
    """A new branch."""
    repo, name, at = project_of(call, WRITE), call.body.get("branch"), call.body.get("ref")
    if not name or not at:
        raise bad_request("branch is missing, ref is missing")
    if name in repo.branches:
        raise refused(400, "Branch already exists")
    sha = repo.bare.sha(at)
    if sha is None:
        raise refused(400, f"Invalid reference name: {at}")
    repo.bare.set_ref(f"refs/heads/{name}", sha)
    call.host.settle(repo)
    return Answer(201, shapes.branch(call, repo, name, sha))


@routes.on("GET", _BRANCHES + "/{branch}")
def branch(call: Call) -> Answer:
    """One branch."""
    repo = project_of(call)
    sha = repo.branches.get(call["branch"])
    if sha is None:
        raise missing("Branch")
    return Answer(200, shapes.branch(call, repo, call["branch"], sha))


@routes.on("GET", _PROTECTED)
def protected_branches(call: Call) -> Answer:
    """All protected branches."""
    repo = project_of(call, MAINTAIN)
    return call.page_of([shapes.protected_branch(name, levels) for name, levels in repo.protection.items()])


@routes.on("POST", _PROTECTED)
def protect(call: Call) -> Answer:
    """Protect a branch, which need not exist."""
    repo, name = project_of(call, MAINTAIN), call.body.get("name") or call.query.get("name")
    if not name:
        raise bad_request("name is missing")
    if name in repo.protection:
        raise refused(409, f"Protected branch '{name}' already exists")
    repo.protection[name] = _levels(call, {"push": MAINTAIN, "merge": MAINTAIN})
    return Answer(201, shapes.protected_branch(name, repo.protection[name]))


def _levels(call: Call, known: dict[str, Any]) -> dict[str, Any]:
    levels = {**known, **call.changes("allow_force_push", "code_owner_approval_required")}
    for kind in ("push", "merge"):
        allowed = [
            one["access_level"] for one in call.body.get(f"allowed_to_{kind}", []) if "access_level" in one
        ]
        plain = call.changes(f"{kind}_access_level").values()
        levels[kind] = next((int(one) for one in (*allowed, *plain)), levels[kind])
        if levels[kind] not in (0, 30, 40, 60):
            raise bad_request(f"{kind}_access_level does not have a valid value")
    return levels


@routes.on("GET", _PROTECTED + "/{name}")
def protected_branch(call: Call) -> Answer:
    """One protected branch."""
    return Answer(200, shapes.protected_branch(call["name"], _known(call, project_of(call, MAINTAIN))))


@routes.on("PATCH", _PROTECTED + "/{name}")
def change_protected(call: Call) -> Answer:
    """Change a branch's protection."""
    repo = project_of(call, MAINTAIN)
    repo.protection[call["name"]] = _levels(call, _known(call, repo))
    return Answer(200, shapes.protected_branch(call["name"], repo.protection[call["name"]]))


@routes.on("DELETE", _PROTECTED + "/{name}")
def unprotect(call: Call) -> Answer:
    """Take a branch's protection away."""
    repo = project_of(call, MAINTAIN)
    _known(call, repo)
    del repo.protection[call["name"]]
    return Answer(204)


def _known(call: Call, repo: Repo) -> dict[str, Any]:
    if call["name"] not in repo.protection:
        raise missing("")
    return repo.protection[call["name"]]


@routes.on("GET", _REQUESTS)
def merge_requests(call: Call) -> Answer:
    """Merge requests, the newest first."""
    repo, query = project_of(call), call.query
    found = [
        shape
        for one in reversed(repo.pulls.values())
        for shape in [shapes.merge_request(call, repo, one)]
        if query.get("state", "all") in ("all", shape["state"])
        and all(query.get(name, shape[name]) == shape[name] for name in ("source_branch", "target_branch"))
    ]
    return call.page_of(found)


@routes.on("POST", _REQUESTS)
def create_merge_request(call: Call) -> Answer:
    """A new merge request."""
    repo, body = project_of(call, WRITE), call.body
    absent = [
        f"{name} is missing" for name in ("title", "source_branch", "target_branch") if not body.get(name)
    ]
    if absent:
        raise bad_request(", ".join(absent))
    head, base, heads = body["source_branch"], body["target_branch"], repo.branches
    for side, name in (("source", head), ("target", base)):
        if name not in heads:
            raise refused(400, [f'{side.capitalize()} branch "{name}" does not exist'])
    if head == base:
        raise refused(422, ["You can't use same project/branch for source and target"])
    known = repo.open_pull(head, base)
    if known:
        text = f"Another open merge request already exists for this source branch: !{known.number}"
        raise refused(409, [text])
    number = len(repo.pulls) + 1
    title, description = body["title"], body.get("description") or ""
    made = Pull(number, title, description, head, base, call.token.login, heads[head])
    made.draft, made.drop_branch = title.startswith("Draft:"), bool(body.get("remove_source_branch"))
    repo.pulls[number] = made
    return Answer(201, shapes.merge_request(call, repo, made))


@routes.on("GET", _REQUESTS + "/{iid}")
def merge_request(call: Call) -> Answer:
    """One merge request."""
    repo = project_of(call)
    return Answer(200, shapes.merge_request(call, repo, _pull(call, repo)))


@routes.on("PUT", _REQUESTS + "/{iid}")
def change_merge_request(call: Call) -> Answer:
    """Change, close or reopen a merge request."""
    repo, body = project_of(call, WRITE), call.body
    found = _pull(call, repo)
    found.title, found.body = body.get("title", found.title), body.get("description", found.body)
    found.base = body.get("target_branch", found.base)
    found.state = {"close": "closed", "reopen": "open"}.get(body.get("state_event", ""), found.state)
    return Answer(200, shapes.merge_request(call, repo, found))


def _pull(call: Call, repo: Repo) -> Pull:
    number = call["iid"]
    if not number.isdigit() or int(number) not in repo.pulls:
        raise missing("")
    return repo.pulls[int(number)]


@routes.on("GET", "/projects/{id}/releases")
def releases(call: Call) -> Answer:
    """Releases, the newest first."""
    repo = project_of(call)
    return call.page_of([shapes.release(call, repo, one) for one in reversed(repo.releases.values())])


@routes.on("GET", "/projects/{id}/releases/{tag}")
def release(call: Call) -> Answer:
    """The release of a tag."""
    repo = project_of(call)
    if call["tag"] not in repo.releases:
        raise missing("")
    return Answer(200, shapes.release(call, repo, repo.releases[call["tag"]]))


@routes.on("POST", "/projects/{id}/releases")
def create_release(call: Call) -> Answer:
    """A new release; the tag is made at ``ref`` when there is none."""
    repo, tag, at = project_of(call, WRITE), call.body.get("tag_name", ""), call.body.get("ref")
    if not tag:
        raise bad_request("tag_name is missing")
    if tag in repo.releases:
        raise refused(409, "Release already exists")
    if tag not in repo.bare.refs("tags"):
        sha = repo.bare.sha(at) if at else None
        if sha is None:
            raise refused(422, "Ref is not specified" if not at else f"Target {at} is invalid")
        repo.bare.set_ref(f"refs/tags/{tag}", sha)
    name, body = call.body.get("name") or tag, call.body.get("description") or ""
    repo.releases[tag] = Release(call.host.next_id(), tag, name, body)
    return Answer(201, shapes.release(call, repo, repo.releases[tag]))


@routes.on("GET", "/projects/{id}/repository/tags/{tag}")
def tag(call: Call) -> Answer:
    """One tag."""
    repo = project_of(call)
    sha = repo.bare.sha(f"refs/tags/{call['tag']}")
    if sha is None:
        raise missing("Tag")
    shape = {
        "name": call["tag"],
        "message": "",
        "target": repo.bare.refs("tags")[call["tag"]],
        "commit": shapes.commit(call, repo, sha),
        "protected": False,
    }
    return Answer(200, shape)


@routes.on("GET", "/projects/{id}/repository/files/{path}/raw")
def raw_file(call: Call) -> Answer:
    """A file's content at a branch, tag or commit."""
    repo = project_of(call)
    found = repo.bare.file(call.query.get("ref", repo.default_branch), call["path"])
    if found is None:
        raise missing("File")
    return Answer(200, found[1], {"Content-Type": "application/octet-stream"})
