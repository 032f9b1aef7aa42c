"""What every kind of Git host is reached with."""

from dataclasses import dataclass, field

from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.causes import Cause, host_error
from hishamos_pipeline.errors import HostError


@dataclass(frozen=True)
class Connection:
    """A host with a token.

    Args:
        name: what the settings call it.
        url: of its pages, such as ``https://github.com``, without a slash at the end.
        token: a personal access token; on GitLab also one of a project or group.
        variable: what holds the token, for messages.
        retries: how long and how often it is tried.
        ca: a file with the authority of its certificate; empty for the usual ones.
        timeout: seconds for one answer.
        write_seconds: least time between two requests that change something.
    """

    name: str
    url: str
    token: str = field(repr=False)
    variable: str
    retries: RetryPolicy
    ca: str = ""
    timeout: int = 30
    write_seconds: float = 1.0

    def clone_url(self, full_name: str) -> str:
        """Where git reaches a repository; made from the settings, so that no answer leads the token elsewhere."""
        return f"{self.url}/{full_name}.git"

    def error(self, cause: Cause, what: str, *, wait: float | None = None, done: bool = False) -> HostError:
        """An error of this host, with the advice of its cause."""
        return host_error(cause, self.name, what, variable=self.variable, wait=wait, done=done)
