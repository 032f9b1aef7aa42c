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
# Those in which a project waits for somebody, and has a reason.
STUCK_STATES = ("failed", "blocked")


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
    engine: Mapped[str] = mapped_column(String(200))
    origin: Mapped[str] = mapped_column(String(10))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    prompt_version: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(String(120), default="")
    fleet: Mapped[str] = mapped_column(String(60), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EditRow(Base):
    """A person's edit of one item of an artifact; it holds until it is withdrawn.

    ``content`` is JSON, empty for an item that was removed; ``base`` is the hash of what the person saw, and
    ``base_content`` its text, empty where it is not known any more.
    """

    __tablename__ = "edits"
    __table_args__ = (Index(None, "project_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    item: Mapped[str] = mapped_column(String(300))
    content: Mapped[str] = mapped_column(Text)
    base: Mapped[str] = mapped_column(String(64))
    base_content: Mapped[str] = mapped_column(Text, default="", server_default="")
    author: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text, default="")
    withdrawn: Mapped[bool] = mapped_column(default=False)
    edited_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProposalRow(Base):
    """What an engine would make of an item that a person has edited; a person accepts or rejects it."""

    __tablename__ = "proposals"
    __table_args__ = (
        UniqueConstraint("edit_id", "content_hash"),
        CheckConstraint("status IN ('open', 'accepted', 'rejected')", name="status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    edit_id: Mapped[int] = mapped_column(ForeignKey("edits.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    item: Mapped[str] = mapped_column(String(300))
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10), default="open")
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
    """The text of a generated file, found by its SHA-256, and when it was last kept."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Unit(Base):
    """A unit of work, a file as a rule, found by the hash of everything that it was made from."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("project_id", "unit_key"), Index(None, "blob"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(300))
    unit_key: Mapped[str] = mapped_column(String(64))
    blob: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    fleet: Mapped[str] = mapped_column(String(60), default="", server_default="")
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
        Index(None, "content_hash"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    generated_project_id: Mapped[int] = mapped_column(ForeignKey("generated_projects.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(300))
    size: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(64))
    mode: Mapped[int]
    stories: Mapped[list[str]] = mapped_column(JSON)


class RepositoryExport(Base):
    """An export of a generated project; ``url`` is a file URL for archives and local repositories.

    ``details`` is a ``core.target.Publication`` as JSON: how far a publication on a Git host has come.
    """

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
    details: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ExportRequest(Base):
    """Somebody asks for an export that the brief does not ask for, or for one again; it stands until withdrawn.

    ``options`` is a ``core.target.Target`` as JSON, which comes before what the brief says.
    """

    __tablename__ = "export_requests"
    __table_args__ = (
        CheckConstraint("type IN ('zip', 'tar', 'github', 'gitlab')", name="type"),
        CheckConstraint("status IN ('requested', 'completed', 'failed', 'withdrawn')", name="status"),
        Index(None, "project_id", "type"),
        Index(None, "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(10))
    options: Mapped[str] = mapped_column(Text, default="{}")
    status: Mapped[str] = mapped_column(String(10), default="requested")
    error: Mapped[str] = mapped_column(Text, default="")
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LlmCall(Base):
    """A call of a model: reserved before it is made, settled after it.

    ``cost_usd`` is an estimate where ``outcome`` is ``lost``, ``cancelled`` or ``broken``. ``project`` is the
    project's key, not a reference: what was spent stays on the books when a project is removed.
    """

    __tablename__ = "llm_calls"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('running', 'ok', 'cached', 'invalid', 'failed', 'broken', 'cancelled', 'lost')",
            name="outcome",
        ),
        CheckConstraint("cost_usd >= 0 AND reserved_usd >= 0", name="cost"),
        Index(None, "request_hash", "outcome"),
        Index(None, "project", "asset"),
        Index(None, "started_at"),
        Index(None, "outcome", "provider"),
        Index(None, "fleet", "project"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(63), default="")
    fleet: Mapped[str] = mapped_column(String(60), default="", server_default="")
    asset: Mapped[str] = mapped_column(String(40), default="")
    unit: Mapped[str] = mapped_column(String(300), default="")
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    prompt_version: Mapped[str] = mapped_column(String(64))
    request_hash: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int] = mapped_column(default=1)
    fell_from: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(String(10))
    error: Mapped[str] = mapped_column(Text, default="")
    reserved_usd: Mapped[float] = mapped_column(default=0.0)
    reserved_tokens: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    cached_tokens: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    owner: Mapped[str] = mapped_column(String(120), default="")
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LlmBody(Base):
    """What was sent and what came back, as JSON with secrets masked; kept for as long as retention says."""

    __tablename__ = "llm_bodies"

    call_id: Mapped[int] = mapped_column(ForeignKey("llm_calls.id", ondelete="CASCADE"), primary_key=True)
    request: Mapped[str] = mapped_column(Text)
    response: Mapped[str] = mapped_column(Text, default="")


class ToolCall(Base):
    """A tool that an agent used: with what, and with which result."""

    __tablename__ = "tool_calls"
    __table_args__ = (Index(None, "project"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(63), default="")
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    tool: Mapped[str] = mapped_column(String(60))
    arguments: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    called_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Conversation(Base):
    """The messages of a task that takes several turns, as JSON."""

    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("project", "name", "role", "task"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    project: Mapped[str] = mapped_column(String(63), default="")
    messages: Mapped[str] = mapped_column(Text)
    turns: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Credential(Base):
    """A secret, encrypted with the keys of HISHAMOS_SECRET_KEYS (Fernet)."""

    __tablename__ = "credentials"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PromptText(Base):
    """The text of a prompt by the version that calls and artifacts name."""

    __tablename__ = "prompts"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(60))
    task: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(Text)
    first_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
