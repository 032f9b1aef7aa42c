"""Tables of deliveries."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hishamos_pipeline.store.base import Base, UtcDateTime


class GeneratedProjectRow(Base):
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

    files: Mapped[list["ProjectFileRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="ProjectFileRow.path"
    )
    exports: Mapped[list["RepositoryExportRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="RepositoryExportRow.id"
    )


class ProjectFileRow(Base):
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


class RepositoryExportRow(Base):
    """An export of a generated project; ``url`` is a file URL for archives and local repositories.

    ``details`` is a ``core.artifacts.target.Publication`` as JSON: how far a publication on a Git host has come.
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
