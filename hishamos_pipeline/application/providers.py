"""Providers of models: which there are, whether they can be used, what their models cost, and setting all of that."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, SecretStr

from hishamos_pipeline.application import credentials
from hishamos_pipeline.application.ollama_models import contexts_of
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import HishamosError, InputError, UnknownPriceError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Rate
from hishamos_pipeline.store.providers.records import StoredProvider
from hishamos_pipeline.web.pinned import host_of, is_link_local

_NAME = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")
_URL = re.compile(r"https?://[^\s\"'<>@?#]{1,480}")
_MODEL = re.compile(r"[^\s]{1,200}")


class ModelPrice(View):
    """A price in US dollars for a million tokens, of a model or a pattern of models such as ``*``."""

    model: str
    input_usd: float
    output_usd: float


class ProviderView(View):
    """A provider, where its key is, and its URL; the key itself is never shown.

    ``is_added`` says that somebody has added it to this installation.
    """

    provider: str
    wire: str
    key: str
    variable: str
    url: str
    is_enabled: bool
    is_added: bool
    prices: tuple[ModelPrice, ...]


class ProviderCheck(View):
    """Whether a provider accepts its key, with how many models it has, or why not."""

    provider: str
    ok: bool
    detail: str


class ModelView(View):
    """A model with its price in US dollars for a million tokens, where that is known.

    ``context_tokens`` is the most that it takes, where its server tells.
    """

    model: str
    input_usd: float | None
    output_usd: float | None
    context_tokens: int | None = None


class AddProvider(UseCaseInput):
    """A provider that is to be added: what it speaks, where it is, and what it costs.

    ``prices_as`` is its name in genai-prices, for one whose models are listed there.
    """

    name: str
    wire: str
    url: str = ""
    needs_key: bool = False
    key: SecretStr | None = None
    prices_as: Annotated[str, Field(max_length=40)] = ""
    prices: Mapping[str, Rate] = Field(default_factory=dict)


class ChangeProvider(UseCaseInput):
    """What changes of a provider; what is ``None`` stays. ``expected`` is the ``etag`` of what was seen.

    ``prices`` replaces all that were set; an empty ``url`` takes back the one that was.
    """

    provider: str
    url: str | None = None
    is_enabled: bool | None = None
    prices: Mapping[str, Rate] | None = None
    key: SecretStr | None = None
    expected: str = ""


@requires("agents.read")
def list_providers(services: Services, actor: Actor) -> list[ProviderView]:
    """All providers."""
    services.providers.refresh()
    return [_view(services, name) for name in services.providers()]


@requires("agents.read")
def show_provider(services: Services, actor: Actor, name: str) -> ProviderView:
    """One provider.

    Raises:
        UsageError: there is none of that name.
    """
    services.providers.refresh()
    _require_known(services, name)
    return _view(services, name)


@requires("providers.manage")
def add_provider(services: Services, actor: Actor, command: AddProvider) -> ProviderView:
    """Add a provider; every process of the installation knows it within a minute.

    Raises:
        InputError: names every field that is wrong; one of that name is there already.
        CredentialError: there is no key to encrypt its key with.
    """
    from hishamos_pipeline.llm.providers import BLUEPRINT, WIRES, key_variable

    services.providers.refresh()
    taken = {*services.providers(), *services.settings.hosts, BLUEPRINT}
    wrong = []
    if not _NAME.fullmatch(command.name):
        wrong.append(("name", "write 3 to 40 lower-case letters, digits and hyphens, a letter first"))
    elif command.name in taken:
        wrong.append(("name", f"there is {command.name!r} already: change that one, or choose another name"))
    if not command.url and command.wire in ("openai-chat", "ollama"):
        wrong.append(("url", f"a provider that speaks {command.wire} needs an address"))
    wrong += _wrong(command.url, command.prices)
    if wrong:
        raise InputError(tuple(wrong))
    require_known("wire", [command.wire], WIRES)
    made = StoredProvider(
        name=command.name,
        wire=command.wire,
        url=command.url,
        needs_key=command.needs_key or command.key is not None,
        prices_as=command.prices_as,
        rates=_rates(command.prices),
    )
    if command.key is not None:  # before the provider is there: nobody asks it without its key
        secret = credentials.usable(command.key)
        services.store.credentials.set(key_variable(command.name), secret, services.settings.secret_key_list)
    services.store.providers.set(made, None)
    services.providers.refresh()
    return _view(services, command.name)


@requires("providers.manage")
def change_provider(services: Services, actor: Actor, command: ChangeProvider) -> ProviderView:
    """Set something of a provider, also of one that comes with HishamOS; followed within a minute.

    Raises:
        UsageError: there is none of that name.
        InputError: names every field that is wrong.
        ChangedMeanwhileError: it is not what it was expected to be.
        CredentialError: there is no key to encrypt its key with.
    """
    services.providers.refresh()
    _require_known(services, command.provider)
    seen = _rows(services).get(command.provider)
    if command.url == "" and seen and seen.wire in ("openai-chat", "ollama"):
        raise InputError((("url", f"a provider that speaks {seen.wire} needs an address"),))
    require_etag(_view(services, command.provider), command.expected)
    if wrong := _wrong(command.url or "", command.prices or {}):
        raise InputError(tuple(wrong))
    now = seen or StoredProvider(command.provider)
    if command.url is not None:
        now = replace(now, url=command.url)
    if command.is_enabled is not None:
        now = replace(now, is_enabled=command.is_enabled)
    if command.prices is not None:
        now = replace(now, rates=_rates(command.prices))
    if command.key is not None:
        kept = credentials.KeepCredential(name=command.provider, value=command.key)
        credentials.keep(services, actor, kept)
    if now != seen:
        services.store.providers.set(now, seen)
    services.providers.refresh()
    return _view(services, command.provider)


@requires("providers.manage")
def set_price(
    services: Services, actor: Actor, name: str, model: str, usd: tuple[float, float] | None
) -> ProviderView:
    """Set what a model, or a pattern of models, costs for a million tokens in and out; ``None`` forgets it.

    Raises:
        UsageError: there is no such provider.
        InputError: it is no model, nor a pattern.
    """
    seen = show_provider(services, actor, name)
    prices = {item.model: Rate(input=item.input_usd, output=item.output_usd) for item in seen.prices}
    prices.pop(model, None)
    if usd is not None:
        prices[model] = Rate(input=usd[0], output=usd[1])
    return change_provider(services, actor, ChangeProvider(provider=name, prices=prices, expected=seen.etag))


@requires("providers.manage")
def remove_provider(services: Services, actor: Actor, name: str) -> bool:
    """Remove a provider that was added, or forget what was set of another one; whether anything was.

    The key of one that was added is removed with it.

    Raises:
        UsageError: there is none of that name.
    """
    from hishamos_pipeline.llm.providers import key_variable

    services.providers.refresh()
    _require_known(services, name)
    is_added = _view(services, name).is_added
    removed = services.store.providers.remove(name)
    if is_added:  # whoever is added under its name later is somebody else
        services.store.credentials.remove(key_variable(name))
    services.providers.refresh()
    return removed


@requires("providers.manage")
async def check_providers(services: Services, actor: Actor, names: Sequence[str] = ()) -> list[ProviderCheck]:
    """Ask providers for their models: those that are named, or all whose key is set. Costs nothing.

    Raises:
        UsageError: there is no such provider.
    """
    from hishamos_pipeline.llm.providers import model_names

    services.providers.refresh()
    results = []
    for name in names or _usable(services):
        _require_known(services, name)
        try:
            found = await model_names(services.access.provider(name), services.access)
            results.append(ProviderCheck(provider=name, ok=True, detail=f"{len(found)} models"))
        except HishamosError as error:
            results.append(ProviderCheck(provider=name, ok=False, detail=str(error)))
    return results


@requires("agents.read")
async def list_models(services: Services, actor: Actor, name: str) -> list[ModelView]:
    """The models that a provider offers.

    Raises:
        UsageError: there is no such provider.
        ModelError: it cannot be asked.
    """
    from hishamos_pipeline.llm.prices import Tokens
    from hishamos_pipeline.llm.providers import ModelRef, model_names

    _require_known(services, name)
    prices = services.gateway.admission.prices
    found = sorted(await model_names(services.access.provider(name), services.access))
    views = []
    for model, context_tokens in zip(found, await contexts_of(services, name, found), strict=True):
        ref = ModelRef(name, model)
        usd: tuple[float | None, float | None] = (None, None)
        with contextlib.suppress(UnknownPriceError):
            usd = prices.cost(ref, Tokens(1_000_000, 0)), prices.cost(ref, Tokens(0, 1_000_000))
        views.append(
            ModelView(model=str(ref), input_usd=usd[0], output_usd=usd[1], context_tokens=context_tokens)
        )
    return views


def _view(services: Services, name: str) -> ProviderView:
    from hishamos_pipeline.llm.providers import installed_providers

    provider = services.access.provider(name)
    return ProviderView(
        provider=name,
        wire=provider.wire,
        key=_where(services, provider.variable, needed=bool(provider.key_variable)),
        variable=provider.variable,
        url=services.settings.llm_urls.get(name, provider.url),
        is_enabled=provider.is_enabled,
        is_added=name not in installed_providers(),
        prices=tuple(
            ModelPrice(model=model, input_usd=rate.input, output_usd=rate.output)
            for model, rate in sorted(provider.rates.items())
        ),
    )


def _rows(services: Services) -> dict[str, StoredProvider]:
    return {row.name: row for row in services.store.providers.all()}


def _wrong(url: str, prices: Mapping[str, Rate]) -> list[tuple[str, str]]:
    """What is wrong with an address and prices, by field."""
    wrong = []
    if url and not _is_address(url):
        wrong.append(("url", "write an address such as https://example.org/v1, without a login or a query"))
    wrong += [
        ("prices", f"{model[:60]!r} is no model, nor a pattern of models such as *")
        for model in prices
        if not _MODEL.fullmatch(model)
    ]
    return wrong


def _is_address(url: str) -> bool:
    """Whether models could be asked there: on one's own machines, too, but not where a cloud tells its keys."""
    host = host_of(url) if _URL.fullmatch(url) else ""
    return bool(host) and not is_link_local(host)


def _rates(prices: Mapping[str, Rate]) -> str:
    return json.dumps({model: rate.model_dump() for model, rate in sorted(prices.items())})


def _require_known(services: Services, name: str) -> None:
    if name not in services.providers():
        raise UsageError(f"{name!r} is no provider; there are {', '.join(services.providers())}")


def _where(services: Services, variable: str, *, needed: bool) -> str:
    if os.environ.get(variable):
        return "in the environment"
    if variable in services.store.credentials.names():
        try:
            return "stored" if services.access.key(variable) else "missing"
        except HishamosError:
            return "stored, unreadable"
    return "missing" if needed else "not needed"


def _usable(services: Services) -> list[str]:
    set_up = {*services.settings.llm_urls, *_rows(services)}
    return [
        provider.name
        for provider in services.providers().values()
        if provider.is_enabled
        and (services.access.key(provider.key_variable) if provider.key_variable else provider.name in set_up)
    ]
