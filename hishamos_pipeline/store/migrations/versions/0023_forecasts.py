"""What builds were foretold to cost is kept, and held against what they have cost."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "forecasts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=60), nullable=False),
        sa.Column("made_at", time, nullable=False),
        sa.Column("ended_at", time, nullable=True),
        sa.Column("foretold", sa.Text(), nullable=False),
        sa.Column("happened", sa.Text(), nullable=False),
        sa.Column("likely_calls", sa.Double(), nullable=False),
        sa.Column("calls", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_forecasts_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint("project_id", "run_id", name=op.f("uq_forecasts_project_id_run_id")),
    )
    op.create_index(op.f("ix_forecasts_project_id_made_at"), "forecasts", ["project_id", "made_at"])
