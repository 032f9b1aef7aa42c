"""``hishamos approve``: a person's approval of an artifact's present content."""

import click

from hishamos_pipeline.cli.output import echo, opened


@click.command("approve")
@click.argument("key")
@click.argument("artifact")
@click.option("--by", "approver", default="", help="Who approves; the user of this machine by default.")
@click.option("--hash", "expected", default="", help="Approve only if the content still has this hash.")
def command(key: str, artifact: str, approver: str, expected: str) -> None:
    """Approve the newest ARTIFACT of the project KEY; read it first with `hishamos artifacts show`.

    The approval holds for its present content; a changed artifact needs another one.
    """
    from hishamos_pipeline.application import approvals

    with opened(approver) as (services, actor):
        wanted = approvals.ApproveArtifact(key=key, artifact=artifact, expected=expected)
        done = approvals.approve(services, actor, wanted)
    echo(f"approved {artifact} of {key} ({done.content_hash[:12]}); go on with: hishamos build {key}")
