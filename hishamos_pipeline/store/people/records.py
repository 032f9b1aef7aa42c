"""What the store tells of people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hishamos_pipeline.core.roles import ProjectRole, Role


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account, without what only logging in needs to know."""

    id: int
    kind: str
    email: str
    name: str
    avatar_url: str
    preferences: str
    is_active: bool
    is_superuser: bool
    totp_enabled: bool
    monthly_tokens: int
    tokens_from: datetime | None
    valid_from: datetime
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What logging in has to know of somebody: the password's hash, and the encrypted secret of the second factor."""

    password_hash: str
    totp_secret: str
    totp_enabled: bool
    totp_last_step: int


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization."""

    id: int
    key: str
    title: str
    needs_second_factor: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserStanding:
    """What a user is in an organization now; no role for whoever is no member."""

    user: User
    organization: str
    role: Role | Literal[""]
    needs_second_factor: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an organization, with the role there."""

    user: User
    role: Role
    since: datetime


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """A user in a project, with the role there."""

    user: User
    role: ProjectRole
    since: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """One action that somebody may do besides; ``project`` is empty for all of the organization."""

    id: int
    email: str
    action: str
    project: str
    granted_by: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who is asked to join an organization."""

    id: int
    organization: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
