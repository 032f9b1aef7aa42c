"""The tables of the project store."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

PROJECT_STATES = (
    "submitted",
    "building",
    "blocked",
    "verified",
    "exported",
    "failed",
    "archived",
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite drops the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return ``value`` in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables; constraints are named, so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Project(Base):
    """A project, its state, and what it has cost so far in US dollars."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state) for state in PROJECT_STATES)})", name="state"),
        CheckConstraint("cost_usd >= 0", name="cost"),
        Index(None, "state", "updated_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(63), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="submitted")
    failed_step: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    ideas: Mapped[list["IdeaRevision"]] = relationship(
        back_populates="project", cascade="all, delete-orphan", passive_deletes=True
    )


class IdeaRevision(Base):
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

    project: Mapped[Project] = relationship(back_populates="ideas")


class ArtifactRevision(Base):
    """A document with what it was made from; revisions are added, never overwritten."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("project_id", "kind", "revision"),
        CheckConstraint("origin IN ('agent', 'human', 'blueprint')", name="origin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    revision: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    inputs: Mapped[dict[str, str]] = mapped_column(JSON)
    code_version: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(40))
    engine: Mapped[str] = mapped_column(String(80))
    origin: Mapped[str] = mapped_column(String(10))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Approval(Base):
    """A person's approval of one content of an artifact; another content needs another approval."""

    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("project_id", "kind", "content_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    content_hash: Mapped[str] = mapped_column(String(64))
    approver: Mapped[str] = mapped_column(String(120))
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Blob(Base):
    """The text of a generated file, found by its SHA-256."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    size: Mapped[int]


class Unit(Base):
    """A unit of work, a file as a rule, found by the hash of everything that it was made from."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("project_id", "unit_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(300))
    unit_key: Mapped[str] = mapped_column(String(64))
    blob: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EpicRow(Base):
    """An epic of the newest backlog."""

    __tablename__ = "epics"
    __table_args__ = (UniqueConstraint("project_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))


class SprintRow(Base):
    """A sprint of the newest plan."""

    __tablename__ = "sprints"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        CheckConstraint("end_date >= start_date", name="dates"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    number: Mapped[int]
    goal: Mapped[str] = mapped_column(Text)
    start_date: Mapped[date]
    end_date: Mapped[date]
    points: Mapped[int]


class StoryRow(Base):
    """A user story of the newest backlog, with its sprint once it is planned."""

    __tablename__ = "stories"
    __table_args__ = (
        UniqueConstraint("project_id", "code"),
        CheckConstraint("status IN ('planned', 'deferred', 'verified')", name="status"),
        CheckConstraint("points > 0", name="points"),
        Index(None, "epic_id"),
        Index(None, "sprint_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    epic_id: Mapped[int] = mapped_column(ForeignKey("epics.id", ondelete="CASCADE"))
    sprint_id: Mapped[int | None] = mapped_column(ForeignKey("sprints.id", ondelete="SET NULL"))
    code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, default="")
    points: Mapped[int]
    priority: Mapped[str] = mapped_column(String(10))


class GeneratedProject(Base):
    """A published tree of a project: where it is, and how it fared."""

    __tablename__ = "generated_projects"
    __table_args__ = (
        CheckConstraint("status IN ('generating', 'completed', 'failed')", name="status"),
        Index(None, "project_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    output_directory: Mapped[str] = mapped_column(String(1000))
    status: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    files: Mapped[list["ProjectFile"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="ProjectFile.path"
    )
    exports: Mapped[list["RepositoryExport"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="RepositoryExport.id"
    )


class ProjectFile(Base):
    """A file of a generated project: size in bytes, POSIX mode, and the stories it serves."""

    __tablename__ = "project_files"
    __table_args__ = (
        UniqueConstraint("generated_project_id", "path"),
        CheckConstraint("size >= 0", name="size"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    generated_project_id: Mapped[int] = mapped_column(ForeignKey("generated_projects.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(300))
    size: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(64))
    mode: Mapped[int]
    stories: Mapped[list[str]] = mapped_column(JSON)


class RepositoryExport(Base):
    """An export of a generated project; ``url`` is a file URL for archives and local repositories."""

    __tablename__ = "repository_exports"
    __table_args__ = (
        CheckConstraint("type IN ('git', 'zip', 'tar', 'github', 'gitlab')", name="type"),
        CheckConstraint("status IN ('running', 'completed', 'failed')", name="status"),
        Index(None, "generated_project_id", "type"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    generated_project_id: Mapped[int] = mapped_column(ForeignKey("generated_projects.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    url: Mapped[str] = mapped_column(String(1200), default="")
    checksum: Mapped[str] = mapped_column(String(64), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
