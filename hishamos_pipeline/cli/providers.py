"""``hishamos providers``: which providers there are, and whether they can be used."""

import asyncio
import os
from typing import Any

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services
from hishamos_pipeline.errors import HishamosError


@click.group("providers")
def command() -> None:
    """List and check providers of models; `hishamos credentials` keeps their keys."""


@command.command("list")
@json_option
def list_providers(as_json: bool) -> None:
    """List the providers, and whether their key is set; keys themselves are never shown."""
    from hishamos_pipeline.llm.providers import PROVIDERS

    with services() as opened:
        rows = []
        for provider in PROVIDERS.values():
            url = opened.settings.llm_urls.get(provider.name, provider.url)
            key = _state(opened, provider.variable, needed=bool(provider.key_variable))
            rows.append({"provider": provider.name, "key": key, "variable": provider.variable, "url": url})
    if as_json:
        print_json(rows)
    else:
        print_table(("provider", "key", "variable", "url"), [tuple(row.values()) for row in rows])


@command.command("check")
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@json_option
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Ask providers for their models: all whose key is set, or those that are named. Costs nothing."""
    from hishamos_pipeline.llm.providers import PROVIDERS, model_names

    results = []
    with services() as opened:
        for name in names or _usable(opened):
            if name not in PROVIDERS:
                raise click.UsageError(f"{name!r} is no provider; there are {', '.join(PROVIDERS)}")
            try:
                found = asyncio.run(model_names(PROVIDERS[name], opened.access))
                results.append((name, True, f"{len(found)} models"))
            except HishamosError as error:
                results.append((name, False, str(error)))
    if as_json:
        print_json([{"provider": name, "ok": ok, "detail": detail} for name, ok, detail in results])
    elif not results:
        click.echo("no key is set; `hishamos providers list` shows which variables hold them")
    else:
        print_table(
            ("provider", "result", "detail"), [(n, "ok" if ok else "NOT OK", d) for n, ok, d in results]
        )
    if not all(ok for _, ok, _ in results):
        raise click.exceptions.Exit(6)


@command.command("models")
@click.argument("name", metavar="PROVIDER")
@json_option
def models(name: str, as_json: bool) -> None:
    """List the models that a provider offers, with their price for a million tokens where it is known."""
    from hishamos_pipeline.errors import UnknownPriceError
    from hishamos_pipeline.llm.prices import Tokens
    from hishamos_pipeline.llm.providers import PROVIDERS, ModelRef, model_names

    if name not in PROVIDERS:
        raise click.UsageError(f"{name!r} is no provider; there are {', '.join(PROVIDERS)}")
    with services() as opened:
        found = asyncio.run(model_names(PROVIDERS[name], opened.access))
        prices = opened.gateway.desk.prices
    rows: list[tuple[str, float | None, float | None]] = []
    for model in sorted(found):
        ref = ModelRef(name, model)
        try:
            rows.append(
                (str(ref), prices.cost(ref, Tokens(1_000_000, 0)), prices.cost(ref, Tokens(0, 1_000_000)))
            )
        except UnknownPriceError:
            rows.append((str(ref), None, None))
    if as_json:
        print_json([{"model": m, "input_usd": i, "output_usd": o} for m, i, o in rows])
    else:
        shown = [(m, *("unknown" if p is None else f"{p:g}" for p in (i, o))) for m, i, o in rows]
        print_table(("model", "input USD/M", "output USD/M"), shown)


def _state(opened: Any, variable: str, *, needed: bool) -> str:
    """Whether a key is set, and where."""
    if os.environ.get(variable):
        return "in the environment"
    if variable in opened.store.credentials.names():
        try:
            return "stored" if opened.access.key(variable) else "missing"
        except HishamosError:
            return "stored, unreadable"
    return "missing" if needed else "not needed"


def _usable(opened: Any) -> list[str]:
    from hishamos_pipeline.llm.providers import PROVIDERS

    urls = opened.settings.llm_urls
    return [
        provider.name
        for provider in PROVIDERS.values()
        if (opened.access.key(provider.key_variable) if provider.key_variable else provider.name in urls)
    ]
