"""Issues of a Git host that carry a label, and answers on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

from hishamos_pipeline.delivery.hosts.github import GitHubHost
from hishamos_pipeline.delivery.hosts.gitlab import GitLabHost
from hishamos_pipeline.delivery.hosts.interface import GitHost
from hishamos_pipeline.errors import HostError

_PAGE = 100
# Of issues that are no issues but pull requests, so many pages are looked through.
_PAGES = 5


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue; ``author`` is the login of whoever has written it."""

    number: int
    title: str
    body: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class IssueComment:
    """What somebody has written below an issue."""

    body: str
    author: str


class Issues(Protocol):
    """The issues of one repository. Every method raises ``HostError`` with the cause and what to do."""

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """Open issues that carry a label, the oldest first, at most so many (100 at most)."""
        ...

    def comments(self, number: int) -> list[IssueComment]:
        """What was written below an issue, by the token's own account too: the first 100, the oldest first."""
        ...

    def answered(self, number: int, mark: str) -> bool:
        """Whether one of the newest comments that the token's own account has written on an issue holds a mark."""
        ...

    def comment(self, number: int, text: str) -> None:
        """Comment on an issue; tried once, since a lost answer does not mean that nothing was written."""
        ...

    def unlabel(self, number: int, label: str) -> None:
        """Take a label off an issue; one that it does not carry is no error, one that stays is."""
        ...


class _OfRepository:
    """What both hosts' issues have in common; a host calls comments and those who write them by words of its own."""

    _comments: str
    _author: str

    def __init__(self, host: GitHubHost | GitLabHost, path: str) -> None:
        self._host, self._path = host, path

    @cached_property
    def _login(self) -> str:
        return self._host.account().login

    def _holding(self, mark: str) -> Callable[[Any], bool]:
        """Whether one of some comments is the token's own account's, and holds a mark."""
        login = self._login

        def read(items: Any) -> bool:
            return any(
                _login_of(item, self._author) == login and mark in str(item.get("body")) for item in items
            )

        return read

    def comments(self, number: int) -> list[IssueComment]:
        """See ``Issues``; GitLab's own notes, such as that a label was set, are left out."""

        def read(items: Any) -> list[IssueComment]:
            return [
                IssueComment(str(item.get("body") or ""), _login_of(item, self._author))
                for item in items
                if not item.get("system")
            ]

        asked = {"sort": "asc", "order_by": "created_at", "per_page": _PAGE}
        return self._host.request("GET", self._answers(number), read=read, query=asked)

    def _answers(self, number: int) -> str:
        return f"{self._path}/{number}/{self._comments}"

    def comment(self, number: int, text: str) -> None:
        """See ``Issues``."""
        self._host.request("POST", self._answers(number), {"body": text}, repeat=False)


class GitHubIssues(_OfRepository):
    """Issues on GitHub; see https://docs.github.com/en/rest/issues."""

    _comments, _author = "comments", "user"

    def __init__(self, host: GitHubHost, repository: str) -> None:
        super().__init__(host, f"/repos/{repository}/issues")

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """See ``Issues``; pull requests, which GitHub lists too, are left out."""
        asked = {"state": "open", "labels": label, "sort": "created", "direction": "asc", "per_page": _PAGE}
        found: list[Issue] = []
        for page in range(1, _PAGES + 1):
            listed, count = self._host.request(
                "GET", self._path, read=self._page, query={**asked, "page": page}
            )
            found += listed
            if len(found) >= limit or count < _PAGE:
                break
        return found[:limit]

    def _page(self, items: Any) -> tuple[list[Issue], int]:
        """The issues of a page, and how many entries it has."""
        own = [item for item in items if "pull_request" not in item]
        return [_issue(item, "number", "body", self._author) for item in own], len(items)

    def answered(self, number: int, mark: str) -> bool:
        """See ``Issues``."""
        count = self._host.request("GET", f"{self._path}/{number}", read=lambda issue: int(issue["comments"]))
        # GitHub lists comments from the oldest: the newest are on the last two pages.
        last = max(1, -(-count // _PAGE))
        for page in range(max(1, last - 1), last + 1):
            asked = {"per_page": _PAGE, "page": page}
            if self._host.request("GET", self._answers(number), read=self._holding(mark), query=asked):
                return True
        return False

    def unlabel(self, number: int, label: str) -> None:
        """See ``Issues``."""
        try:
            self._host.request("DELETE", f"{self._path}/{number}/labels/{quote(label, safe='')}")
        except HostError as error:
            # A token that may not do it is told the same status.
            if error.cause != "not_found" or "label does not exist" not in str(error).lower():
                raise


class GitLabIssues(_OfRepository):
    """Issues on GitLab; see https://docs.gitlab.com/api/issues and https://docs.gitlab.com/api/notes."""

    _comments, _author = "notes", "author"

    def __init__(self, host: GitLabHost, repository: str) -> None:
        super().__init__(host, f"/projects/{quote(repository, safe='')}/issues")

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """See ``Issues``."""
        asked = {"state": "opened", "labels": label, "order_by": "created_at", "sort": "asc"}

        def read(found: Any) -> list[Issue]:
            return [_issue(item, "iid", "description", self._author) for item in found]

        return self._host.request("GET", self._path, read=read, query={**asked, "per_page": limit})

    def answered(self, number: int, mark: str) -> bool:
        """See ``Issues``."""
        asked = {"sort": "desc", "per_page": _PAGE}
        return self._host.request("GET", self._answers(number), read=self._holding(mark), query=asked)

    def unlabel(self, number: int, label: str) -> None:
        """See ``Issues``; GitLab answers a token that may not do it as if all were well."""
        stays = self._host.request(
            "PUT",
            f"{self._path}/{number}",
            {"remove_labels": label},
            read=lambda issue: label in issue.get("labels", ()),
        )
        if stays:
            raise self._host.connection.error("permission", f"the label {label!r} cannot be taken off")


def issues_of(host: GitHost, repository: str) -> Issues:
    """The issues of a repository on a host."""
    if isinstance(host, GitHubHost):
        return GitHubIssues(host, repository)
    assert isinstance(host, GitLabHost)
    return GitLabIssues(host, repository)


def _issue(item: Mapping[str, Any], number: str, body: str, author: str) -> Issue:
    text = (str(item.get("title") or ""), str(item.get(body) or ""))
    return Issue(int(item[number]), *text, _login_of(item, author))


def _login_of(item: Mapping[str, Any], field: str) -> str:
    account = item.get(field) or {}
    return str(account.get("login") or account.get("username") or "")
