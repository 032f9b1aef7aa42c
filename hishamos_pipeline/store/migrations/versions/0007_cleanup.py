"""When texts were last used, and projects that are being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added with a default rather than by building the table anew: units refer to it. Texts from before count as used at
    # the time of the upgrade.
    column = sa.Column(
        "used_at", sa.DateTime(timezone=True), nullable=False, server_default="2026-01-01 00:00:00"
    )
    op.add_column("blobs", column)
    op.execute("UPDATE blobs SET used_at = CURRENT_TIMESTAMP")
    op.create_index(op.f("ix_units_blob"), "units", ["blob"])
    op.create_index(op.f("ix_project_files_content_hash"), "project_files", ["content_hash"])
    op.create_table(
        "deletions",
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deletions")),
    )
