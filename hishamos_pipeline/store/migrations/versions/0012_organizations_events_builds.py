"""Projects belong to an organization; events; build requests."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    now = datetime.now(UTC)
    organizations = op.create_table(
        "organizations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("key", name=op.f("uq_organizations_key")),
    )
    op.bulk_insert(organizations, [{"key": "default", "title": "Default", "created_at": now}])
    _add_organization()
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_events_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_project_id"), "events", ["project", "id"])
    op.create_index(op.f("ix_events_at"), "events", ["at"])
    requests = op.create_table(
        "build_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("via", sa.String(length=40), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('requested', 'running', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_build_requests_status"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_build_requests_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_requests")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_build_requests_project_id_status"), "build_requests", ["project_id", "status"])
    op.create_index(op.f("ix_build_requests_status"), "build_requests", ["status"])
    _request_what_waits(requests)


def _add_organization() -> None:
    """Every project belongs to the default organization so far.

    SQLite would have to make the table anew for a column that may not be empty, and everything refers to that table.
    """
    name = op.f("fk_projects_organization_id_organizations")
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"ALTER TABLE projects ADD COLUMN organization_id INTEGER CONSTRAINT {name} REFERENCES organizations (id)"
        )
    else:
        op.add_column("projects", sa.Column("organization_id", sa.Integer(), nullable=True))
        op.create_foreign_key(name, "projects", "organizations", ["organization_id"], ["id"])
    op.execute("UPDATE projects SET organization_id = (SELECT id FROM organizations WHERE key = 'default')")
    op.create_index(op.f("ix_projects_organization_id_key"), "projects", ["organization_id", "key"])


def _request_what_waits(requests: sa.Table) -> None:
    """Ideas that were submitted and not begun are requests from now on."""
    waiting = sa.text(
        "SELECT p.id, p.updated_at AS at, (SELECT max(i.revision) FROM ideas i WHERE i.project_id = p.id) AS revision "
        "FROM projects p WHERE p.state = 'submitted' AND EXISTS (SELECT 1 FROM ideas i WHERE i.project_id = p.id)"
    ).columns(id=sa.Integer, at=sa.DateTime(timezone=True), revision=sa.Integer)
    rows = op.get_bind().execute(waiting).all()
    op.bulk_insert(
        requests,
        [
            {
                "project_id": row.id, "revision": row.revision, "status": "requested", "reason": "",
                "requested_by": "installation", "via": "migration", "requested_at": row.at,
            }
            for row in rows
        ],
    )  # fmt: skip
