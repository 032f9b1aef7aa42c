"""Tables of backlog."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base


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
