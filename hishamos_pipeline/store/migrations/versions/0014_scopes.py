"""Projects have a scope: the stories that their builds are about."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("scope", sa.Text(), nullable=False, server_default=""))
