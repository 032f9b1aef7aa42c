"""``hishamos providers``: which providers there are, and whether they can be used."""

import asyncio

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table


@click.group("providers")
def command() -> None:
    """List and check providers of models; `hishamos credentials` keeps their keys."""


@command.command("list")
@json_option
def list_providers(as_json: bool) -> None:
    """List the providers, and whether their key is set; keys themselves are never shown."""
    from hishamos_pipeline.application import providers

    with opened() as (services, actor):
        found = providers.list_providers(services, actor)
    if as_json:
        print_json(found)
    else:
        columns = ("provider", "key", "variable", "url")
        print_table(columns, [(p.provider, p.key, p.variable, p.url) for p in found])


@command.command("check")
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@json_option
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Ask providers for their models: all whose key is set, or those that are named. Costs nothing."""
    from hishamos_pipeline.application import providers

    with opened() as (services, actor):
        found = asyncio.run(providers.check_providers(services, actor, names))
    if as_json:
        print_json(found)
    elif not found:
        echo("no key is set; `hishamos providers list` shows which variables hold them")
    else:
        rows = [(r.provider, "ok" if r.ok else "NOT OK", r.detail) for r in found]
        print_table(("provider", "result", "detail"), rows)
    if not all(result.ok for result in found):
        raise click.exceptions.Exit(6)


@command.command("models")
@click.argument("name", metavar="PROVIDER")
@json_option
def models(name: str, as_json: bool) -> None:
    """List the models that a provider offers, with their price for a million tokens where it is known."""
    from hishamos_pipeline.application import providers

    with opened() as (services, actor):
        found = asyncio.run(providers.list_models(services, actor, name))
    if as_json:
        print_json(found)
    else:
        print_table(
            ("model", "input USD/M", "output USD/M"),
            [(m.model, _price(m.input_usd), _price(m.output_usd)) for m in found],
        )


def _price(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:g}"
