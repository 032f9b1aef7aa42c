"""When texts were last used, and projects that are being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Texts from before count as used at the time of the upgrade.
    op.add_column("blobs", sa.Column("used_at", sa.DateTime(timezone=True), nullable=True))
    now = sa.func.current_timestamp()
    blobs = sa.table("blobs", sa.column("used_at", sa.DateTime(timezone=True)))
    op.execute(blobs.update().values(used_at=now))
    with op.batch_alter_table("blobs") as batch_op:
        batch_op.alter_column("used_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index(op.f("ix_units_blob"), "units", ["blob"])
    op.create_index(op.f("ix_project_files_content_hash"), "project_files", ["content_hash"])
    op.create_table(
        "deletions",
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deletions")),
    )
