"""What the store tells of logins."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody is logged in with."""

    id: int
    user_id: int
    organization: str
    address: str
    agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Whose a refresh token is, and for which organization."""

    user_id: int
    organization: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token of a person or a service; ``scopes`` by commas, ``shown`` its first characters."""

    id: int
    name: str
    shown: str
    user_id: int
    email: str
    organization: str
    scopes: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class OidcLogin:
    """A login by OpenID Connect that was begun."""

    provider: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong logins within a time: how many since the last right one, and when the last was."""

    count: int
    last: datetime | None
