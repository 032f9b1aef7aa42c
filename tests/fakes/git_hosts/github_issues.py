"""GitHub's view of issues: by label, their comments, and labels taken off."""

from typing import Any

from tests.fakes.git_hosts import github_shapes as shapes
from tests.fakes.git_hosts.github_access import not_found, refused, repo_of
from tests.fakes.git_hosts.state import WRITE, Comment, Issue, Repo
from tests.fakes.git_hosts.wire import Answer, Call, Routes

routes = Routes()
_ISSUE = "/repos/{owner}/{repo}/issues/{number}"


@routes.on("GET", "/repos/{owner}/{repo}/issues")
def issues(call: Call) -> Answer:
    """Issues and pull requests, which GitHub counts among them."""
    repo, query = repo_of(call), call.query
    wanted = set(filter(None, query.get("labels", "").split(",")))
    found = [
        one
        for one in repo.issues.values()
        if query.get("state", "open") in (one.state, "all") and wanted <= set(one.labels)
    ]
    if query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page_of([_shape(call, repo, one) for one in found])


@routes.on("GET", _ISSUE)
def issue(call: Call) -> Answer:
    """One issue."""
    repo = repo_of(call)
    return Answer(200, _shape(call, repo, _issue(call, repo)))


@routes.on("GET", _ISSUE + "/comments")
def comments(call: Call) -> Answer:
    """Its comments, the oldest first."""
    listed = _issue(call, repo_of(call)).comments
    return call.page_of(
        [
            {"id": number, "body": text, "user": {"login": text.author}}
            for number, text in enumerate(listed, 1)
        ]
    )


@routes.on("POST", _ISSUE + "/comments")
def comment(call: Call) -> Answer:
    """A new comment: everybody who may read may write one."""
    found = _issue(call, repo_of(call))
    if not call.body.get("body"):
        raise refused(422, "Validation Failed")
    if found.locked:
        raise refused(403, "Unable to create comment because issue is locked.")
    found.comments.append(Comment(call.body["body"], call.token.login))
    return Answer(201, {"id": len(found.comments), "body": call.body["body"]})


@routes.on("DELETE", _ISSUE + "/labels/{label}")
def unlabel(call: Call) -> Answer:
    """Take a label off."""
    found = _issue(call, repo_of(call, WRITE))
    if call["label"] not in found.labels:
        raise refused(404, "Label does not exist")
    found.labels.remove(call["label"])
    return Answer(200, [{"name": name} for name in found.labels])


def _issue(call: Call, repo: Repo) -> Issue:
    number = call["number"]
    if not number.isdigit() or int(number) not in repo.issues:
        raise not_found()
    return repo.issues[int(number)]


def _shape(call: Call, repo: Repo, one: Issue) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": repo.id * 1000 + one.number,
        "number": one.number,
        "title": one.title,
        "body": one.body,
        "state": one.state,
        "labels": [{"name": name} for name in one.labels],
        "comments": len(one.comments),
        "user": shapes.user(call, call.host.accounts[one.author], own=False),
    }
    if one.is_pull:
        shape["pull_request"] = {"url": f"{call.url}/repos/{repo.full_name}/pulls/{one.number}"}
    return shape
