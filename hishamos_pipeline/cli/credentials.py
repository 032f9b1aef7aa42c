"""``hishamos credentials``: keys of providers, tokens of Git hosts and secrets for repositories, encrypted."""

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services

if TYPE_CHECKING:
    from hishamos_pipeline.generation.services import Services

_NAME = click.argument("name", metavar="NAME")
_SECRET = re.compile(r"secret:[a-z0-9][a-z0-9-]{0,62}/[A-Za-z_][A-Za-z0-9_]{0,99}")


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
    with services() as opened:
        variable = _variable(opened, name)
        asked = sys.stdin.isatty()
        value = click.prompt(f"Key for {name}", hide_input=True) if asked else sys.stdin.readline()
        if not value.strip() or (any(c.isspace() for c in value.strip()) and not _SECRET.fullmatch(name)):
            raise click.UsageError("the key is empty, or has a space or a line break in it")
        opened.store.credentials.set(variable, value.strip(), opened.settings.secret_key_list)
        if os.environ.get(variable):
            click.echo(f"warning: {variable} is set in the environment, and comes first", err=True)
    click.echo(f"kept the key for {name}")


@command.command("list")
@json_option
def list_credentials(as_json: bool) -> None:
    """List what is kept, and what can be; values are never shown."""
    with services() as opened:
        kept = opened.store.credentials.names()
        rows = []
        for name, variable in {**_known(opened), **{n: n for n in kept if n.startswith("secret:")}}.items():
            where = "environment" if os.environ.get(variable) else "stored" if variable in kept else "missing"
            since = f"{kept[variable]:%Y-%m-%d}" if variable in kept else ""
            rows.append({"name": name, "variable": variable, "where": where, "since": since})
    if as_json:
        print_json(rows)
    else:
        print_table(("name", "variable", "where", "since"), [tuple(row.values()) for row in rows])


@command.command("test")
@_NAME
def test(name: str) -> None:
    """Try a key: ask the provider for its models, or the Git host whose token it is. Costs nothing."""
    with services() as opened:
        variable = _variable(opened, name)
        if name in opened.settings.hosts:
            _try_host(opened, name)
        elif _SECRET.fullmatch(name):
            found = opened.key(variable)
            click.echo(f"{name} can be decrypted" if found else f"{name} is not kept")
            if not found:
                raise click.exceptions.Exit(6)
        else:
            from hishamos_pipeline.llm.providers import PROVIDERS, model_names

            models = asyncio.run(model_names(PROVIDERS[name], opened.access))
            click.echo(f"{name} accepts the key: {len(models)} models")


@command.command("rotate")
def rotate() -> None:
    """Encrypt everything again with the first of HISHAMOS_SECRET_KEYS; then the others can go."""
    with services() as opened:
        count = opened.store.credentials.rotate(opened.settings.secret_key_list)
    click.echo(f"encrypted {count} {'key' if count == 1 else 'keys'} again")


@command.command("remove")
@_NAME
def remove(name: str) -> None:
    """Remove a key that `add` kept."""
    with services() as opened:
        removed = opened.store.credentials.remove(_variable(opened, name))
    click.echo(f"removed the key for {name}" if removed else f"no key for {name} is kept")


@command.command("new-key")
def new_key() -> None:
    """Print a new key for HISHAMOS_SECRET_KEYS or the file that HISHAMOS_SECRET_KEYS_FILE names."""
    from cryptography.fernet import Fernet

    click.echo(Fernet.generate_key().decode())


def _try_host(opened: "Services", name: str) -> None:
    from hishamos_pipeline.delivery.hosts.opening import open_host, patience_of

    host = open_host(name, opened.settings, opened.key, patience_of(opened.settings))
    account = host.account()
    facts = [f"{name} accepts the token of {account.login}"]
    if account.scopes is not None:
        facts.append(f"scopes: {', '.join(sorted(account.scopes)) or 'none'}")
    if account.expires:
        facts.append(f"expires: {account.expires}")
    click.echo("\n".join(facts))
    host.require_scopes(account, with_workflows=True)


def _known(opened: "Services") -> dict[str, str]:
    """Variables by name of provider and host."""
    from hishamos_pipeline.llm.providers import PROVIDERS

    hosts = {name: host.token for name, host in opened.settings.hosts.items()}
    return {**{name: provider.variable for name, provider in PROVIDERS.items()}, **hosts}


def _variable(opened: "Services", name: str) -> str:
    known = _known(opened)
    if name in known:
        return known[name]
    if _SECRET.fullmatch(name) or name in _of_channels(opened):
        return name
    named = ", ".join([*known, *_of_channels(opened)])
    raise click.UsageError(f"{name!r} is neither of {named}, nor secret:KEY/NAME")


def _of_channels(opened: "Services") -> list[str]:
    """Variables that the channels of HISHAMOS_NOTIFY name."""
    return sorted({channel.variable for channel in opened.settings.notify.values() if channel.variable})
