"""Workflows: definitions and versions, runs with their steps, attempts and history, and what people decide."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "workflow_definitions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_workflow_definitions")),
    )
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("workflow", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=300), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("known_by", sa.String(length=120), nullable=False),
        sa.Column("only_project", sa.String(length=63), nullable=False),
        sa.Column("concurrency_key", sa.String(length=200), nullable=False),
        sa.Column("parent_run_id", sa.Integer(), nullable=True),
        sa.Column("parent_key", sa.String(length=100), nullable=False),
        sa.Column("parent_attempt", sa.Integer(), nullable=False),
        sa.Column("root_run_id", sa.Integer(), nullable=True),
        sa.Column("wake_at", time, nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("started_at", time, nullable=True),
        sa.Column("ended_at", time, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'waiting', 'paused', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_workflow_runs_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_workflow_runs_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["parent_run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_workflow_runs_parent_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["workflow_definitions.sha256"],
            name=op.f("fk_workflow_runs_sha256_workflow_definitions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_workflow_runs_organization_id_concurrency_key"),
        "workflow_runs",
        ["organization_id", "concurrency_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_workflow_runs_organization_id_state"),
        "workflow_runs",
        ["organization_id", "state"],
        unique=False,
    )
    op.create_index(op.f("ix_workflow_runs_parent_run_id"), "workflow_runs", ["parent_run_id"], unique=False)
    op.create_index(op.f("ix_workflow_runs_root_run_id"), "workflow_runs", ["root_run_id"], unique=False)
    op.create_index(op.f("ix_workflow_runs_wake_at"), "workflow_runs", ["wake_at"], unique=False)
    op.create_table(
        "workflow_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("published_by", sa.String(length=120), nullable=False),
        sa.Column("published_at", time, nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'published', 'retired')", name=op.f("ck_workflow_versions_status")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_workflow_versions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["workflow_definitions.sha256"],
            name=op.f("fk_workflow_versions_sha256_workflow_definitions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_versions")),
        sa.UniqueConstraint(
            "organization_id", "name", "number", name=op.f("uq_workflow_versions_organization_id_name_number")
        ),
    )
    op.create_index(op.f("ix_workflow_versions_sha256"), "workflow_versions", ["sha256"], unique=False)
    op.create_table(
        "human_tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("is_escalated", sa.Boolean(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("opened_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=True),
        sa.Column("ended_at", time, nullable=True),
        sa.CheckConstraint("state IN ('open', 'decided', 'closed')", name=op.f("ck_human_tasks_state")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_human_tasks_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_human_tasks_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_human_tasks")),
        sa.UniqueConstraint("run_id", "attempt", name=op.f("uq_human_tasks_run_id_attempt")),
    )
    op.create_index(
        op.f("ix_human_tasks_organization_id_state"),
        "human_tasks",
        ["organization_id", "state"],
        unique=False,
    )
    op.create_table(
        "workflow_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("since_event", sa.Integer(), nullable=False),
        sa.Column("stopping", sa.Text(), nullable=False),
        sa.Column("began_at", time, nullable=False),
        sa.Column("beat_at", time, nullable=True),
        sa.Column("ended_at", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_workflow_attempts_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_attempts")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_workflow_attempts_run_id_number")),
    )
    op.create_index(
        op.f("ix_workflow_attempts_state_beat_at"), "workflow_attempts", ["state", "beat_at"], unique=False
    )
    op.create_table(
        "workflow_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_workflow_history_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_history")),
    )
    op.create_index(op.f("ix_workflow_history_run_id"), "workflow_history", ["run_id"], unique=False)
    op.create_table(
        "workflow_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_workflow_messages_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_messages")),
    )
    op.create_index(op.f("ix_workflow_messages_run_id"), "workflow_messages", ["run_id"], unique=False)
    op.create_table(
        "workflow_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("is_heavy", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'ready', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled')",
            name=op.f("ck_workflow_steps_state"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["workflow_runs.id"],
            name=op.f("fk_workflow_steps_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_steps")),
        sa.UniqueConstraint("run_id", "key", name=op.f("uq_workflow_steps_run_id_key")),
    )
    op.create_index(
        op.f("ix_workflow_steps_state_is_heavy"), "workflow_steps", ["state", "is_heavy"], unique=False
    )
    op.create_table(
        "human_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=300), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("via", sa.String(length=40), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["human_tasks.id"],
            name=op.f("fk_human_decisions_task_id_human_tasks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_human_decisions")),
        sa.UniqueConstraint("task_id", "person", name=op.f("uq_human_decisions_task_id_person")),
    )
