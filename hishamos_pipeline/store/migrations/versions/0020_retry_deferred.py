"""Build requests that try stories again which could not be verified."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("build_requests") as table:
        table.add_column(sa.Column("retry_deferred", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("build_requests") as table:
        table.alter_column("retry_deferred", server_default=None)
