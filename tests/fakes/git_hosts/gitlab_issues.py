"""GitLab's view of issues: by label, their notes, and labels taken off."""

from typing import Any

from tests.fakes.git_hosts import gitlab_shapes as shapes
from tests.fakes.git_hosts.gitlab_access import bad_request, missing, project_of
from tests.fakes.git_hosts.state import WRITE, Comment, Issue, Repo
from tests.fakes.git_hosts.wire import Answer, Call, Routes

routes = Routes()
_ISSUE = "/projects/{id}/issues/{iid}"


@routes.on("GET", "/projects/{id}/issues")
def issues(call: Call) -> Answer:
    """Issues; merge requests are none."""
    repo, query = project_of(call), call.query
    wanted = set(filter(None, query.get("labels", "").split(",")))
    state = {"opened": "open"}.get(query.get("state", ""), query.get("state", "all"))
    found = [
        one
        for one in repo.issues.values()
        if not one.is_pull and state in (one.state, "all") and wanted <= set(one.labels)
    ]
    if query.get("sort", "desc") == "desc":
        found.reverse()
    return call.page_of([_shape(call, one) for one in found])


@routes.on("PUT", _ISSUE)
def change(call: Call) -> Answer:
    """Change an issue; labels that it does not carry are taken off silently."""
    repo = project_of(call)
    found = _issue(call, repo)
    gone = str(call.body.get("remove_labels", "")).split(",")
    if (
        call.host.level(call.token.login, repo) >= WRITE
    ):  # otherwise GitLab leaves the labels, and says nothing
        found.labels[:] = [name for name in found.labels if name not in gone]
    return Answer(200, _shape(call, found))


@routes.on("GET", _ISSUE + "/notes")
def notes(call: Call) -> Answer:
    """Its notes, the newest first unless asked otherwise."""
    listed = [
        {"id": n, "body": text, "author": {"username": text.author}, "system": False}
        for n, text in enumerate(_issue(call, project_of(call)).comments, 1)
    ]
    return call.page_of(listed if call.query.get("sort") == "asc" else listed[::-1])


@routes.on("POST", _ISSUE + "/notes")
def note(call: Call) -> Answer:
    """A new note."""
    found = _issue(call, project_of(call))
    if not call.body.get("body"):
        raise bad_request("body is missing")
    if found.locked:
        raise missing("")  # GitLab says so of whatever one may not do
    found.comments.append(Comment(call.body["body"], call.token.login))
    return Answer(201, {"id": len(found.comments), "body": call.body["body"]})


def _issue(call: Call, repo: Repo) -> Issue:
    number = call["iid"]
    if not number.isdigit() or int(number) not in repo.issues:
        raise missing("Issue")
    return repo.issues[int(number)]


def _shape(call: Call, one: Issue) -> dict[str, Any]:
    return {
        "iid": one.number,
        "title": one.title,
        "description": one.body or None,
        "state": "opened" if one.state == "open" else "closed",
        "labels": list(one.labels),
        "user_notes_count": len(one.comments),
        "author": shapes.user(call, call.host.accounts[one.author]),
    }
