"""Prompts know the project whose own role has them, and tasks by what their person was known."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prompts", sa.Column("project", sa.String(length=63), nullable=False, server_default=""))
    op.add_column(
        "agent_tasks", sa.Column("known_by", sa.String(length=120), nullable=False, server_default="")
    )
