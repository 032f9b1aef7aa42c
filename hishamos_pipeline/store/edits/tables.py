"""Tables of edits."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hishamos_pipeline.store.base import Base, UtcDateTime


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
