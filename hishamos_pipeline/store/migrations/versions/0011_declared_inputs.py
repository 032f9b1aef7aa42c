"""Repositories, archives and publications name all that they read: inputs that the graph did not declare are added."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What was read and not declared: by artifact, the inputs that are added, and the artifact whose own inputs name them.
_ADDED = {
    "repository": (("architecture", "stories"), "verified_build"),
    "zip_archive": (("architecture",), "repository"),
    "tar_archive": (("architecture",), "repository"),
    "github_repository": (("architecture", "stories", "verified_build"), "repository"),
    "gitlab_project": (("architecture", "stories", "verified_build"), "repository"),
}


def upgrade() -> None:
    artifacts = sa.table(
        "artifacts",
        sa.column("id", sa.Integer),
        sa.column("project_id", sa.Integer),
        sa.column("kind", sa.String),
        sa.column("content_hash", sa.String),
        sa.column("inputs", sa.JSON),
    )
    connection = op.get_bind()
    # The inputs of each content; of several revisions of one content, those of the newest.
    known: dict[tuple[int, str, str], dict[str, str]] = {}
    for kind in ("verified_build", *_ADDED):
        query = sa.select(artifacts).where(artifacts.c.kind == kind).order_by(artifacts.c.id)
        for row in connection.execute(query).all():
            inputs = json.loads(row.inputs) if isinstance(row.inputs, str) else dict(row.inputs)
            if kind in _ADDED:
                names, through = _ADDED[kind]
                made_from = known.get((row.project_id, through, inputs.get(through, "")), {})
                inputs = {**{name: made_from[name] for name in names if name in made_from}, **inputs}
                connection.execute(sa.update(artifacts).where(artifacts.c.id == row.id).values(inputs=inputs))
            known[row.project_id, kind, row.content_hash] = inputs
