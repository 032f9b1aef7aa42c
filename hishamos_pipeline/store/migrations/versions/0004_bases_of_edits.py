"""Edits know what the person saw, so that fields which nobody touched follow the engine."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("edits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("base_content", sa.Text(), nullable=False, server_default=""))
