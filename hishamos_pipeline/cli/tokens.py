"""``hishamos tokens``: API tokens of people and services."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("tokens")
def command() -> None:
    """Make, list and end API tokens, for the account that `--as` names, or for a service."""


@command.command("make")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=("read",), help="read, write, manage, admin, or an action."
)
@click.option("--days", default=90, show_default=True, help="For how long it is good.")
@click.option("--service", default="", metavar="EMAIL", help="For this service.")
@json_option
def make(name: str, scopes: tuple[str, ...], days: int, service: str, as_json: bool) -> None:
    """Make a token called NAME; it is printed once, and kept nowhere."""
    from hishamos_pipeline.application import tokens

    given = tokens.MakeToken(name=name, scopes=scopes, days=days, service=service)
    with opened() as (services, actor):
        made = tokens.make_token(services, actor, given)
    if as_json:
        print_json(made)
    else:
        echo(f"{made.token}\ngood for {', '.join(made.scopes)} until {made.expires_at:%Y-%m-%d %H:%M} UTC")


@command.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens; whoever manages them sees all of the organization."""
    from hishamos_pipeline.application import tokens

    with opened() as (services, actor):
        found = tokens.list_tokens(services, actor)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            t.id, t.name, f"{t.shown}…", t.email, ", ".join(t.scopes),
            f"{t.expires_at:%Y-%m-%d}" if t.expires_at else "",
            f"{t.last_used_at:%Y-%m-%d %H:%M}" if t.last_used_at else "never",
        )
        for t in found
    ]  # fmt: skip
    print_table(("number", "name", "token", "of", "scopes", "until", "last used (UTC)"), rows)


@command.command("end")
@click.argument("token", type=int)
def end(token: int) -> None:
    """End a TOKEN, by its number."""
    from hishamos_pipeline.application import tokens

    with opened() as (services, actor):
        tokens.end_token(services, actor, token)
    echo(f"ended token {token}")
