"""Issues of a Git host that carry a label, and answers on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from hishamos_pipeline.delivery.hosts.calling import unless_missing
from hishamos_pipeline.delivery.hosts.github import GitHubHost
from hishamos_pipeline.delivery.hosts.gitlab import GitLabHost
from hishamos_pipeline.delivery.hosts.interface import GitHost

_COMMENTS = 100


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue."""

    number: int
    title: str
    body: str


class Issues(Protocol):
    """The issues of one repository. Every method raises ``HostError`` with the cause and what to do."""

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """Open issues that carry a label, the oldest first, at most so many (100 at most)."""
        ...

    def has_comment(self, number: int, text: str) -> bool:
        """Whether a text is in one of the newest hundred comments on an issue."""
        ...

    def comment(self, number: int, text: str) -> None:
        """Comment on an issue; tried once, since a lost answer does not mean that nothing was written."""
        ...

    def unlabel(self, number: int, label: str) -> None:
        """Take a label off an issue; one that it does not carry is no error."""
        ...


class GitHubIssues:
    """Issues on GitHub; see https://docs.github.com/en/rest/issues."""

    def __init__(self, host: GitHubHost, repository: str) -> None:
        self._host, self._path = host, f"/repos/{repository}/issues"

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """See ``Issues``; pull requests, which GitHub lists too, are left out."""
        asked = {"state": "open", "labels": label, "sort": "created", "direction": "asc", "per_page": limit}
        found = self._host.request("GET", self._path, query=asked)
        return [_issue(item, "number", "body") for item in found if "pull_request" not in item]

    def has_comment(self, number: int, text: str) -> bool:
        """See ``Issues``."""
        count = int(self._host.request("GET", f"{self._path}/{number}")["comments"])
        # GitHub lists comments from the oldest: the newest are on the last two pages.
        pages = range(max(1, -(-count // _COMMENTS) - 1), -(-count // _COMMENTS) + 1)
        return any(
            text in (item.get("body") or "")
            for page in pages
            for item in self._host.request(
                "GET", f"{self._path}/{number}/comments", query={"per_page": _COMMENTS, "page": page}
            )
        )

    def comment(self, number: int, text: str) -> None:
        """See ``Issues``."""
        self._host.request("POST", f"{self._path}/{number}/comments", {"body": text}, repeat=False)

    def unlabel(self, number: int, label: str) -> None:
        """See ``Issues``."""
        path = f"{self._path}/{number}/labels/{quote(label, safe='')}"
        unless_missing(lambda: self._host.request("DELETE", path))


class GitLabIssues:
    """Issues on GitLab; see https://docs.gitlab.com/api/issues and https://docs.gitlab.com/api/notes."""

    def __init__(self, host: GitLabHost, repository: str) -> None:
        self._host, self._path = host, f"/projects/{quote(repository, safe='')}/issues"

    def labelled(self, label: str, limit: int) -> list[Issue]:
        """See ``Issues``."""
        asked = {"state": "opened", "labels": label, "order_by": "created_at", "sort": "asc"}
        found = self._host.request("GET", self._path, query={**asked, "per_page": limit})
        return [_issue(item, "iid", "description") for item in found]

    def has_comment(self, number: int, text: str) -> bool:
        """See ``Issues``."""
        found = self._host.request(
            "GET", f"{self._path}/{number}/notes", query={"sort": "desc", "per_page": _COMMENTS}
        )
        return any(text in (item.get("body") or "") for item in found)

    def comment(self, number: int, text: str) -> None:
        """See ``Issues``."""
        self._host.request("POST", f"{self._path}/{number}/notes", {"body": text}, repeat=False)

    def unlabel(self, number: int, label: str) -> None:
        """See ``Issues``."""
        self._host.request("PUT", f"{self._path}/{number}", {"remove_labels": label})


def issues_of(host: GitHost, repository: str) -> Issues:
    """The issues of a repository on a host."""
    if isinstance(host, GitHubHost):
        return GitHubIssues(host, repository)
    assert isinstance(host, GitLabHost)
    return GitLabIssues(host, repository)


def _issue(item: Mapping[str, Any], number: str, body: str) -> Issue:
    return Issue(int(item[number]), str(item.get("title") or ""), str(item.get(body) or ""))
