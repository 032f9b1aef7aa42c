"""Providers of models: which there are, whether they can be used, and what their models cost."""

import os
from collections.abc import Sequence

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import HishamosError, UnknownPriceError, UsageError
from hishamos_pipeline.generation.services import Services


class ProviderView(View):
    """A provider, where its key is, and its URL; the key itself is never shown."""

    provider: str
    key: str
    variable: str
    url: str


class ProviderCheck(View):
    """Whether a provider accepts its key, with how many models it has, or why not."""

    provider: str
    ok: bool
    detail: str


class ModelView(View):
    """A model with its price in US dollars for a million tokens, where that is known."""

    model: str
    input_usd: float | None
    output_usd: float | None


@requires("agents.read")
def list_providers(services: Services, actor: Actor) -> list[ProviderView]:
    """All providers."""
    from hishamos_pipeline.llm.providers import PROVIDERS

    acting = services.acting_as(actor)
    return [
        ProviderView(
            provider=provider.name,
            key=_where(acting, provider.variable, needed=bool(provider.key_variable)),
            variable=provider.variable,
            url=acting.settings.llm_urls.get(provider.name, provider.url),
        )
        for provider in PROVIDERS.values()
    ]


@requires("providers.manage")
async def check_providers(services: Services, actor: Actor, names: Sequence[str] = ()) -> list[ProviderCheck]:
    """Ask providers for their models: those that are named, or all whose key is set. Costs nothing.

    Raises:
        UsageError: there is no such provider.
    """
    from hishamos_pipeline.llm.providers import PROVIDERS, model_names

    acting = services.acting_as(actor)
    results = []
    for name in names or _usable(acting):
        _require_known(name)
        try:
            found = await model_names(PROVIDERS[name], acting.access)
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
    from hishamos_pipeline.llm.providers import PROVIDERS, ModelRef, model_names

    _require_known(name)
    acting = services.acting_as(actor)
    prices = acting.gateway.admission.prices
    views = []
    for model in sorted(await model_names(PROVIDERS[name], acting.access)):
        ref = ModelRef(name, model)
        try:
            paid = prices.cost(ref, Tokens(1_000_000, 0)), prices.cost(ref, Tokens(0, 1_000_000))
        except UnknownPriceError:
            views.append(ModelView(model=str(ref), input_usd=None, output_usd=None))
        else:
            views.append(ModelView(model=str(ref), input_usd=paid[0], output_usd=paid[1]))
    return views


def _require_known(name: str) -> None:
    from hishamos_pipeline.llm.providers import PROVIDERS

    if name not in PROVIDERS:
        raise UsageError(f"{name!r} is no provider; there are {', '.join(PROVIDERS)}")


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
    from hishamos_pipeline.llm.providers import PROVIDERS

    urls = services.settings.llm_urls
    return [
        provider.name
        for provider in PROVIDERS.values()
        if (services.access.key(provider.key_variable) if provider.key_variable else provider.name in urls)
    ]
