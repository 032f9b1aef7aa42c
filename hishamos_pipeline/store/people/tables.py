"""Tables of people: users, their roles in organizations and projects, grants, and invitations."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.core.roles import PROJECT_ROLES, ROLES
from hishamos_pipeline.store.base import Base, UtcDateTime

_ROLES = f"role IN ({', '.join(map(repr, ROLES))})"


class UserRow(Base):
    """Somebody with an account: a person, or a service that has tokens and no password.

    ``email`` is in lower case. ``totp_secret`` is encrypted as credentials are. Whatever was begun before
    ``valid_from`` is over: it moves when somebody logs out everywhere or changes the password.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("kind IN ('person', 'service')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), default="person")
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    avatar_url: Mapped[str] = mapped_column(String(500), default="")
    preferences: Mapped[str] = mapped_column(Text, default="{}")
    password_hash: Mapped[str] = mapped_column(String(300), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    totp_secret: Mapped[str] = mapped_column(Text, default="")
    totp_enabled: Mapped[bool] = mapped_column(default=False)
    totp_last_step: Mapped[int] = mapped_column(default=0)
    monthly_tokens: Mapped[int] = mapped_column(default=0)
    tokens_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MembershipRow(Base):
    """A user's role in an organization."""

    __tablename__ = "memberships"
    __table_args__ = (CheckConstraint(_ROLES, name="role"), Index(None, "organization_id"))

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProjectMemberRow(Base):
    """A user's role in a project, where it is more than the one in its organization."""

    __tablename__ = "project_members"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(map(repr, PROJECT_ROLES))})", name="role"),
        Index(None, "project_id"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GrantRow(Base):
    """One action that somebody may do besides what their role allows: in a project, or in the whole organization."""

    __tablename__ = "grants"
    __table_args__ = (Index(None, "user_id", "organization_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(40))
    granted_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class InvitationRow(Base):
    """Somebody is asked to join an organization; the link holds a token, of which the hash is kept."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint(_ROLES, name="role"), UniqueConstraint("token_hash"))

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(10))
    token_hash: Mapped[str] = mapped_column(String(64))
    invited_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
