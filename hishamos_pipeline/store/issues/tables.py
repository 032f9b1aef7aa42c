"""Tables of issues."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


class IssueIdeaRow(Base):
    """An issue on a Git host that has become a project: the revision that it gave, and what was last told there.

    ``answered`` is the state of the project that the issue was told, empty as long as that was none, and
    ``answered_at`` when the project had come into it.
    """

    __tablename__ = "issue_ideas"
    __table_args__ = (UniqueConstraint("host", "repository", "number"), Index(None, "project_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    host: Mapped[str] = mapped_column(String(60))
    repository: Mapped[str] = mapped_column(String(255))
    number: Mapped[int]
    revision: Mapped[int]
    answered: Mapped[str] = mapped_column(String(16), default="")
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
