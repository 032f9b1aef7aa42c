"""Build requests that try stories again which could not be verified."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not as a batch, for which SQLite's table would be made anew, and its numbers used again.
    op.add_column(
        "build_requests", sa.Column("retry_deferred", sa.Boolean(), nullable=False, server_default=sa.false())
    )
