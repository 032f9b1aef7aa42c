"""A Git host by its name in the settings, with its token."""

import base64
from collections.abc import Callable

from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.causes import host_error
from hishamos_pipeline.delivery.hosts.connection import Connection
from hishamos_pipeline.delivery.hosts.github import GitHubHost
from hishamos_pipeline.delivery.hosts.gitlab import GitLabHost
from hishamos_pipeline.delivery.hosts.interface import GitHost
from hishamos_pipeline.errors import HostError
from hishamos_pipeline.settings import Settings

_KINDS: dict[str, type[GitHubHost] | type[GitLabHost]] = {"github": GitHubHost, "gitlab": GitLabHost}


def open_host(name: str, settings: Settings, keys: Callable[[str], str], retries: RetryPolicy) -> GitHost:
    """The host of that name.

    Args:
        name: what the settings call it.
        settings: hosts and limits.
        keys: gives the value of a variable or stored credential, empty if there is none.
        retries: how long and how often it is tried.

    Raises:
        HostError: there is no such host, or no token for it.
        CredentialError: the stored token cannot be decrypted.
    """
    found = settings.hosts.get(name)
    if found is None:
        known = ", ".join(sorted(settings.hosts))
        raise HostError(f"no Git host {name!r}: HISHAMOS_GIT_HOSTS knows {known}", "not_found")
    token = keys(found.token).strip()
    if not token:
        raise host_error(
            "token_missing", name, f"there is no token, {found.token} is empty", variable=found.token
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise host_error("token_revoked", name, f"{found.token} holds no token", variable=found.token)
    if found.ca and not found.ca.is_file():
        raise host_error("tls", name, f"`ca` names {found.ca}, which is no file", variable=found.token)
    kind = _KINDS[found.kind]
    for user in (kind.git_user, ""):
        register(base64.b64encode(f"{user}:{token}".encode()).decode())  # as git and HTTP send it
    return kind(
        Connection(
            name=name,
            url=found.url.rstrip("/"),
            token=register(token),
            variable=found.token,
            retries=retries,
            ca=str(found.ca or ""),
            timeout=settings.host_timeout_seconds,
            write_seconds=settings.host_write_seconds,
        )
    )


def retry_policy_of(settings: Settings, sleep: Callable[[float], None] | None = None) -> RetryPolicy:
    """How long and how often hosts are tried, as the settings say."""
    retries = RetryPolicy(settings.host_retries, settings.host_max_wait_seconds)
    return retries if sleep is None else RetryPolicy(retries.retries, retries.longest, sleep)
