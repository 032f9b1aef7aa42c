"""``hishamos credentials``: keys of providers, tokens of Git hosts and secrets for repositories, encrypted."""

import asyncio

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table, read_secret

_NAME = click.argument("name", metavar="NAME")


@click.group("credentials")
def command() -> None:
    """Keep keys and tokens, encrypted with HISHAMOS_SECRET_KEYS, and try them.

    NAME is a provider of models (`anthropic`), a Git host (`github`, or one of HISHAMOS_GIT_HOSTS), or
    `secret:KEY/NAME` for a secret that the brief of project KEY may ask for in its repository. A variable in the
    environment comes first.
    """


@command.command("add")
@_NAME
def add(name: str) -> None:
    """Keep a key, in place of the one before. It is read from standard input or asked for, never from arguments."""
    from hishamos_pipeline.application import credentials

    with opened() as (services, actor):
        credentials.require_name(services, actor, name)
        value = read_secret(f"Key for {name}")
        done = credentials.keep(services, actor, credentials.KeepCredential(name=name, value=value))
    if done.shadowed_by:
        echo(f"warning: {done.shadowed_by} is set in the environment, and comes first", err=True)
    echo(f"kept the key for {name}")


@command.command("list")
@json_option
def list_credentials(as_json: bool) -> None:
    """List what is kept, and what can be; values are never shown."""
    from hishamos_pipeline.application import credentials

    with opened() as (services, actor):
        found = credentials.list_credentials(services, actor)
    if as_json:
        print_json(found)
    else:
        columns = ("name", "variable", "where", "since")
        print_table(columns, [(c.name, c.variable, c.where, c.since) for c in found])


@command.command("test")
@_NAME
def test(name: str) -> None:
    """Try a key: ask the provider for its models, or the Git host whose token it is. Costs nothing."""
    from hishamos_pipeline.application import credentials

    with opened() as (services, actor):
        echo("\n".join(asyncio.run(credentials.try_credential(services, actor, name))))


@command.command("rotate")
def rotate() -> None:
    """Encrypt everything again with the first of HISHAMOS_SECRET_KEYS; then the others can go."""
    from hishamos_pipeline.application import credentials

    with opened() as (services, actor):
        count = credentials.rotate(services, actor)
    echo(f"encrypted {count} {'key' if count == 1 else 'keys'} again")


@command.command("remove")
@_NAME
def remove(name: str) -> None:
    """Remove a key that `add` kept."""
    from hishamos_pipeline.application import credentials

    with opened() as (services, actor):
        removed = credentials.remove(services, actor, name)
    echo(f"removed the key for {name}" if removed else f"no key for {name} is kept")


@command.command("new-key")
def new_key() -> None:
    """Print a new key for HISHAMOS_SECRET_KEYS or the file that HISHAMOS_SECRET_KEYS_FILE names."""
    from hishamos_pipeline.application import credentials

    echo(credentials.new_key())
