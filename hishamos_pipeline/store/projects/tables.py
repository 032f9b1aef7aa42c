"""Tables of projects."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hishamos_pipeline.store.base import Base, UtcDateTime

PROJECT_STATES = (
    "submitted",
    "building",
    "blocked",
    "verified",
    "exported",
    "failed",
    "archived",
)
# Those in which a project waits for somebody, and has a reason.
STUCK_STATES = ("failed", "blocked")


class ProjectRow(Base):
    """A project, its state, and what it has cost so far in US dollars."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state) for state in PROJECT_STATES)})", name="state"),
        CheckConstraint("cost_usd >= 0", name="cost"),
        Index(None, "state", "updated_at"),
        Index(None, "organization_id", "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(63), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="submitted")
    failed_step: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    # Ids of the stories that its builds are about, by commas; empty for all.
    scope: Mapped[str] = mapped_column(Text, default="", server_default="")
    # Always set; see the migration for why the database does not insist.
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"), nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    ideas: Mapped[list["IdeaRow"]] = relationship(
        back_populates="project", cascade="all, delete-orphan", passive_deletes=True
    )


class IdeaRow(Base):
    """A submitted brief; a changed one under the same key is the next revision."""

    __tablename__ = "ideas"
    __table_args__ = (UniqueConstraint("project_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    revision: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(300))
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    project: Mapped[ProjectRow] = relationship(back_populates="ideas")


class DeletionRow(Base):
    """A project that is being deleted: until nothing is left of it, its key cannot be used again."""

    __tablename__ = "deletions"

    key: Mapped[str] = mapped_column(String(63), primary_key=True)
    requested_by: Mapped[str] = mapped_column(String(120))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
