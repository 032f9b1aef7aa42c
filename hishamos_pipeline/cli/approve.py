"""``hishamos approve``: a person's approval of an artifact's present content."""

import click

from hishamos_pipeline.cli.output import services
from hishamos_pipeline.core.actor import user


@click.command("approve")
@click.argument("key")
@click.argument("artifact")
@click.option("--by", "approver", default="", help="Who approves; the user of this machine by default.")
@click.option("--hash", "expected", default="", help="Approve only if the content still has this hash.")
def command(key: str, artifact: str, approver: str, expected: str) -> None:
    """Approve the newest ARTIFACT of the project KEY; read it first with `hishamos artifacts show`.

    The approval holds for its present content; a changed artifact needs another one.
    """
    with services() as opened:
        row = opened.store.artifacts.require(key, artifact)
        if not row.content_hash.startswith(expected):
            raise click.UsageError(
                f"{artifact} has changed: it is {row.content_hash[:12]} now; read it again"
            )
        digest = opened.store.artifacts.approve(key, artifact, approver or user())
    click.echo(f"approved {artifact} of {key} ({digest[:12]}); go on with: hishamos build {key}")
