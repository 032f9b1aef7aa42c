"""Units know why an earlier one stayed as it was, or what of it was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("units", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
