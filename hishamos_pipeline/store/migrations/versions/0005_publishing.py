"""Publications on Git hosts, and requests for exports."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("repository_exports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("details", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.alter_column("name", existing_type=sa.String(length=80), type_=sa.String(length=200))

    op.create_table(
        "export_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "type IN ('zip', 'tar', 'github', 'gitlab')", name=op.f("ck_export_requests_type")
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'completed', 'failed', 'withdrawn')",
            name=op.f("ck_export_requests_status"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_export_requests_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_requests")),
    )
    with op.batch_alter_table("export_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_export_requests_project_id_type"), ["project_id", "type"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_export_requests_status"), ["status"], unique=False)
