"""Batches, notifications and reasons of fallbacks are named as everywhere else; they were fleets, notices and falls.

A fleet that is under way is stopped: its runs carry tags that nothing looks for any more. ``hishamos batch resume`` goes on
with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BATCH = (
    "id", "name", "kind", "conditions", "settings", "budget_usd", "budget_tokens", "most_failures", "attempt", "state",
    "reason", "started_by", "started_at", "ended_at",
)  # fmt: skip
_MEMBER = (
    "project", "canary", "state", "attempt", "run_id", "refused", "reason", "seconds", "requirements",
    "requirements_verified", "cost_usd", "calls", "tokens", "models", "prompt_versions",
)  # fmt: skip
_NOTIFICATION = (
    "id", "occasion", "channel", "event", "project", "run_id", "step", "reason", "status", "tries", "error",
    "created_at", "next_try_at", "sent_at",
)  # fmt: skip


def upgrade() -> None:
    _create_batches()
    _create_notifications()
    _stop_what_is_under_way()
    _move("fleets", "batches", {**{name: name for name in _BATCH}, "slots": "lanes"})
    members = {**{name: name for name in _MEMBER}, "batch_id": "fleet_id", "slot": "lane"}
    _move("fleet_members", "batch_members", members)
    _move("notices", "notifications", {name: name for name in _NOTIFICATION})
    op.execute("UPDATE notifications SET event = 'batch.' || substr(event, 7) WHERE event LIKE 'fleet.%'")
    for table in ("fleet_members", "fleets", "notices"):
        op.drop_table(table)
    op.drop_index("ix_llm_calls_fleet_project", "llm_calls")
    for table in ("artifacts", "units", "llm_calls"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN fleet TO batch")
    op.create_index(op.f("ix_llm_calls_batch_project"), "llm_calls", ["batch", "project"])
    op.execute("ALTER TABLE llm_calls RENAME COLUMN fell_from TO fallback_reasons")


def _stop_what_is_under_way() -> None:
    op.execute(
        "UPDATE fleet_members SET state = 'cancelled' WHERE state IN ('waiting', 'launched') "
        "AND fleet_id IN (SELECT id FROM fleets WHERE state IN ('running', 'stopping'))"
    )
    op.execute(
        "UPDATE fleets SET reason = 'HishamOS was upgraded meanwhile: hishamos batch resume goes on with it' "
        "WHERE state = 'running' AND id IN (SELECT fleet_id FROM fleet_members WHERE state = 'cancelled')"
    )
    op.execute(
        "UPDATE fleets SET ended_at = CURRENT_TIMESTAMP, state = CASE WHEN state = 'stopping' OR id IN "
        "(SELECT fleet_id FROM fleet_members WHERE state = 'cancelled') THEN 'stopped' ELSE 'finished' END "
        "WHERE state IN ('running', 'stopping')"
    )


def _move(old: str, new: str, columns: dict[str, str]) -> None:
    """Copy all rows of a table; ``columns`` are the new names with the old ones."""
    op.execute(f"INSERT INTO {new} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {old}")  # noqa: S608
    if "id" in columns and op.get_bind().dialect.name == "postgresql":
        next_id = f"SELECT coalesce(max(id), 0) + 1 FROM {new}"  # noqa: S608
        op.execute(f"SELECT setval(pg_get_serial_sequence('{new}', 'id'), ({next_id}), false)")


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("budget_usd", sa.Double(), nullable=True),
        sa.Column("budget_tokens", sa.BigInteger(), nullable=True),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("most_failures", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_by", sa.String(length=120), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('build', 'rebuild')", name=op.f("ck_batches_kind")),
        sa.CheckConstraint(
            "state IN ('running', 'stopping', 'stopped', 'finished')", name=op.f("ck_batches_state")
        ),
        sa.CheckConstraint("slots > 0", name=op.f("ck_batches_slots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("name", name=op.f("uq_batches_name")),
    )
    op.create_index(op.f("ix_batches_state"), "batches", ["state"])
    op.create_table(
        "batch_members",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("canary", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
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
            name=op.f("ck_batch_members_state"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_batch_members_batch_id_batches"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "project", name=op.f("pk_batch_members")),
    )
    op.create_index(op.f("ix_batch_members_batch_id_state"), "batch_members", ["batch_id", "state"])


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("occasion", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'sent', 'failed')", name=op.f("ck_notifications_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("occasion", "channel", name=op.f("uq_notifications_occasion_channel")),
    )
    op.create_index(op.f("ix_notifications_status_next_try_at"), "notifications", ["status", "next_try_at"])
