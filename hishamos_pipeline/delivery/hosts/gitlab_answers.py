"""What is read off GitLab's answers.

Whoever reads raises ``LookupError``, ``TypeError`` or ``ValueError`` where something is missing; ``GitLabHost`` tells
that of an answer that is none of such a host.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import requests

from hishamos_pipeline.delivery.hosts.calling import text_of
from hishamos_pipeline.delivery.hosts.connection import Connection
from hishamos_pipeline.delivery.hosts.interface import PullRequest, Remote
from hishamos_pipeline.errors import HostError


class KeepingSession(requests.Session):
    """Follows no redirect, and keeps the headers of the last answer, which the library's errors lack."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, str] = {}
        self.hooks["response"].append(self._keep)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere."""
        return None

    def _keep(self, response: requests.Response, *_: object, **__: object) -> None:
        self.last = {name.lower(): value for name, value in response.headers.items()}


def tag_of(found: Any) -> str:
    """The tag of a release."""
    return text_of(found["tag_name"])


def said_by(message: Any) -> str:
    """GitLab's message: a text, or lists of texts by field."""
    if isinstance(message, Mapping):
        return "; ".join(f"{name} {' '.join(map(str, said))}" for name, said in message.items() if said)
    return message.decode(errors="replace") if isinstance(message, bytes) else str(message or "")


def change_of(found: Mapping[str, Any], remote: Remote) -> PullRequest:
    """A merge request."""
    number = int(found["iid"])
    url = f"{remote.web_url}/-/merge_requests/{number}"
    return PullRequest(number, url, str(found.get("title") or ""), str(found.get("description") or ""))


def remote_on(connection: Connection, asked: str = "") -> Callable[[Any], Remote]:
    """Reads a project off an answer; it has to be the one that was asked for."""

    def read(found: Any) -> Remote:
        full_name = text_of(found["path_with_namespace"])
        if asked and full_name.lower() != asked.lower():
            raise ValueError(f"asked for {asked}, got {full_name}")
        return Remote(
            id=int(found["id"]),
            full_name=full_name,
            web_url=f"{connection.url}/{full_name}",
            clone_url=connection.clone_url(full_name),
            visibility=text_of(found["visibility"]),
            default_branch=str(found.get("default_branch") or ""),
            created_at=datetime.fromisoformat(text_of(found["created_at"])),
            archived=bool(found.get("archived")),
            deleted=bool(found.get("marked_for_deletion_on") or found.get("marked_for_deletion_at")),
        )

    return read


def by_plan(connection: Connection, apply: Callable[[], object]) -> Callable[[], None]:
    """Set something that only some plans have: GitLab answers others as if it were not there."""

    def applied() -> None:
        try:
            apply()
        except HostError as error:
            if error.cause not in ("not_found", "permission"):
                raise
            raise connection.error("plan", "GitLab has it in some plans only") from None

    return applied
