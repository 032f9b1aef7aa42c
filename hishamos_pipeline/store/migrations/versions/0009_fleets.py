"""Fleets, and what was made and asked on their account."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fleets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("budget_usd", sa.Double(), nullable=True),
        sa.Column("budget_tokens", sa.BigInteger(), nullable=True),
        sa.Column("lanes", sa.Integer(), nullable=False),
        sa.Column("most_failures", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_by", sa.String(length=120), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('build', 'rebuild')", name=op.f("ck_fleets_kind")),
        sa.CheckConstraint(
            "state IN ('running', 'stopping', 'stopped', 'finished')", name=op.f("ck_fleets_state")
        ),
        sa.CheckConstraint("lanes > 0", name=op.f("ck_fleets_lanes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleets")),
        sa.UniqueConstraint("name", name=op.f("uq_fleets_name")),
    )
    op.create_index(op.f("ix_fleets_state"), "fleets", ["state"])
    op.create_table(
        "fleet_members",
        sa.Column("fleet_id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("canary", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("backfill", sa.String(length=120), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("requirements", sa.Integer(), nullable=False),
        sa.Column("requirements_verified", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("prompt_versions", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'launched', 'verified', 'failed', 'cancelled')",
            name=op.f("ck_fleet_members_state"),
        ),
        sa.ForeignKeyConstraint(
            ["fleet_id"], ["fleets.id"], name=op.f("fk_fleet_members_fleet_id_fleets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fleet_id", "project", name=op.f("pk_fleet_members")),
    )
    op.create_index(op.f("ix_fleet_members_fleet_id_state"), "fleet_members", ["fleet_id", "state"])
    for table in ("artifacts", "units", "llm_calls"):
        op.add_column(table, sa.Column("fleet", sa.String(length=60), nullable=False, server_default=""))
    op.create_index(op.f("ix_llm_calls_fleet_project"), "llm_calls", ["fleet", "project"])
