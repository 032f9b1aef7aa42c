"""``hishamos db``: the project store's schema."""

import shlex

import click

from hishamos_pipeline.cli.output import echo, json_option, print_json, settings
from hishamos_pipeline.store import database
from hishamos_pipeline.store.sessions import reachable


@click.group("db")
def command() -> None:
    """Manage the schema of the project store."""


@command.command("upgrade")
def upgrade() -> None:
    """Bring the schema to this release's revision. Safe to run again, and from several processes."""
    engine = database.open_engine(settings().store_url)
    with reachable():
        before = database.current_revision(engine) or "none"
        after = database.upgrade(engine)
    engine.dispose()
    echo(f"project store: revision {before} -> {after}")


@command.command("current")
@json_option
def current(as_json: bool) -> None:
    """Show the schema's revision, and the one that this release needs."""
    engine = database.open_engine(settings().store_url)
    with reachable():
        found, head = database.current_revision(engine), database.head_revision()
    engine.dispose()
    if as_json:
        print_json({"current": found, "head": head})
    else:
        echo(f"current {found or 'none'}, head {head}")


@command.command("environment")
def environment() -> None:
    """Print the server's address for PostgreSQL's own programs, as shell exports, the password among them.

    For `eval "$(hishamos db environment)"`; see deploy/backup.
    """
    from sqlalchemy import make_url

    url = make_url(settings().store_url)
    if url.get_backend_name() != "postgresql":
        raise click.UsageError("HISHAMOS_DATABASE_URL names no PostgreSQL server")
    given = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    for name, value in given.items():
        if value:
            echo(f"export {name}={shlex.quote(str(value))}")
