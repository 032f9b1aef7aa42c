"""``hishamos providers``: which providers there are, and whether they can be used."""

import asyncio
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.providers import ProviderView
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.services import Services

_PROVIDER = click.argument("name", metavar="PROVIDER")


@click.group("providers")
def command() -> None:
    """List, add, set and check providers of models; `hishamos credentials` keeps their keys."""


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
        columns = ("provider", "key", "variable", "url", "")
        rows = [(p.provider, p.key, p.variable, p.url, "" if p.is_enabled else "switched off") for p in found]
        print_table(columns, rows)


@command.command("add")
@_PROVIDER
@click.option(
    "--wire",
    required=True,
    type=click.Choice(["anthropic", "openai-responses", "openai-chat", "ollama", "google"]),
    help="The API that it speaks.",
)
@click.option("--url", default="", help="Its base URL, such as http://10.0.0.5:8080/v1.")
@click.option(
    "--needs-key", is_flag=True, help="It has a key; keep it with `hishamos credentials add PROVIDER`."
)
@click.option(
    "--prices-as", default="", metavar="NAME", help="Its name in genai-prices, if it is listed there."
)
@json_option
def add(name: str, wire: str, url: str, needs_key: bool, prices_as: str, as_json: bool) -> None:
    """Add PROVIDER; the whole installation knows it within a minute."""
    from hishamos_pipeline.application import providers

    given = providers.AddProvider(name=name, wire=wire, url=url, needs_key=needs_key, prices_as=prices_as)
    with opened() as (services, actor):
        made = providers.add_provider(services, actor, given)
    if as_json:
        print_json(made)
    else:
        echo(f"added {name}: its models are written {name}:MODEL")


@command.command("set")
@_PROVIDER
@click.option("--url", help="Its base URL; empty for the one that it comes with.")
@json_option
def set_(name: str, url: str | None, as_json: bool) -> None:
    """Set the address of PROVIDER; HISHAMOS_LLM_URLS comes before it."""
    _change(name, as_json, url=url)


@command.command("enable")
@_PROVIDER
@json_option
def enable(name: str, as_json: bool) -> None:
    """Have PROVIDER asked again."""
    _change(name, as_json, is_enabled=True)


@command.command("disable")
@_PROVIDER
@json_option
def disable(name: str, as_json: bool) -> None:
    """Have PROVIDER not asked any more: fallbacks are, where there are any."""
    _change(name, as_json, is_enabled=False)


@command.command("price")
@_PROVIDER
@click.argument("model")
@click.option(
    "--input", "input_usd", type=click.FloatRange(0), help="US dollars for a million tokens of questions."
)
@click.option(
    "--output", "output_usd", type=click.FloatRange(0), help="US dollars for a million tokens of answers."
)
@click.option("--free", is_flag=True, help="It costs nothing.")
@click.option("--unset", is_flag=True, help="Forget the price that was set.")
@json_option
def price(
    name: str,
    model: str,
    input_usd: float | None,
    output_usd: float | None,
    free: bool,
    unset: bool,
    as_json: bool,
) -> None:
    """Set what MODEL of PROVIDER costs; MODEL may be a pattern, such as * for all."""
    from hishamos_pipeline.application import providers

    is_given = input_usd is not None and output_usd is not None
    if [is_given, free, unset].count(True) != 1 or (
        (free or unset) and (input_usd, output_usd) != (None, None)
    ):
        raise click.UsageError("give --input and --output, or --free, or --unset")
    with opened() as (services, actor):
        usd = None if unset else (input_usd or 0.0, output_usd or 0.0)
        found = providers.set_price(services, actor, name, model, usd)
    _print_set(found, as_json)


@command.command("remove")
@_PROVIDER
def remove(name: str) -> None:
    """Remove PROVIDER with its key, or forget what was set of one that comes with HishamOS."""
    from hishamos_pipeline.application import providers

    with opened() as (services, actor):
        removed = providers.remove_provider(services, actor, name)
    echo(f"removed {name}" if removed else f"nothing was set of {name}")


@command.command("pull")
@_PROVIDER
@click.argument("model")
def pull(name: str, model: str) -> None:
    """Have a server of Ollama fetch MODEL, and wait for it."""
    from hishamos_pipeline.application import ollama_models

    async def fetch(services: "Services", actor: "Actor") -> None:
        told = ""
        async for step in ollama_models.pull_model(services, actor, name, model):
            percent = f" {100 * step.completed_bytes // step.total_bytes} %" if step.total_bytes else ""
            if told != (told := f"{step.status}{percent}"):
                echo(told)

    with opened() as (services, actor):
        asyncio.run(fetch(services, actor))


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
@_PROVIDER
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
            ("model", "input USD/M", "output USD/M", "context tokens"),
            [(m.model, _price(m.input_usd), _price(m.output_usd), m.context_tokens or "") for m in found],
        )


def _change(name: str, as_json: bool, **changed: object) -> None:
    from hishamos_pipeline.application import providers

    with opened() as (services, actor):
        given = providers.ChangeProvider.model_validate({"provider": name, **changed})
        found = providers.change_provider(services, actor, given)
    _print_set(found, as_json)


def _print_set(found: "ProviderView", as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        state = "is asked" if found.is_enabled else "is switched off"
        echo(f"{found.provider} {state}, at {found.url or 'its own address'}; followed within a minute")
        for item in found.prices:
            echo(
                f"  {item.model}: {item.input_usd:g} USD in, {item.output_usd:g} USD out for a million tokens"
            )


def _price(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:g}"
