"""``hishamos cleanup``: removes what the settings keep no longer."""

import click

from hishamos_pipeline.cli.instance import with_runs
from hishamos_pipeline.cli.output import echo, json_option, print_json, print_table


@click.command("cleanup")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def command(dry_run: bool, as_json: bool) -> None:
    """Remove what the settings (HISHAMOS_KEEP_…) keep no longer; exit code 1 if something could not be removed.

    The daemon does the same every night. It can be interrupted at any time.
    """
    from hishamos_pipeline.application import operations

    with with_runs() as (services, actor, history):
        found = operations.cleanup(services, actor, history, dry_run=dry_run)
    if as_json:
        print_json(found)
    else:
        verb = "would go" if dry_run else "went"
        print_table(
            ("kind", verb, "MB", "for example"),
            [
                (kind, str(d.count), f"{d.bytes / 1e6:.1f}", ", ".join(d.names[:3]))
                for kind, d in found.items()
            ],
        )
        for kind, done in found.items():
            for text in done.failed:
                echo(f"{kind}: {text}", err=True)
    if any(done.failed for done in found.values()):
        raise click.exceptions.Exit(1)
