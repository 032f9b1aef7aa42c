"""Providers of models: which there are, what is set of them, and whether they can be used."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import IfMatch, Name, PageParameters, RequestBody, Secret, tagged
from hishamos_pipeline.api.route import ResourceRoute
from hishamos_pipeline.application import providers
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.providers import (
    AddProvider,
    ChangeProvider,
    ModelView,
    ProviderCheck,
    ProviderView,
)
from hishamos_pipeline.llm.providers import Wire
from hishamos_pipeline.settings import Rate

router = APIRouter(prefix="/providers", tags=["providers"], route_class=ResourceRoute, dependencies=KNOWN)
Url = Annotated[str, Field(max_length=500)]
Prices = Annotated[dict[Annotated[str, Field(max_length=200)], Rate], Field(max_length=200)]


class NewProvider(RequestBody):
    """A provider: what it speaks, where it is, its key, and what its models cost, by model or pattern of models."""

    name: Annotated[str, Field(max_length=40)]
    wire: Wire
    url: Url = ""
    needs_key: bool = False
    key: Secret | None = None
    prices_as: Annotated[str, Field(max_length=40)] = ""
    prices: Prices = Field(default_factory=dict)


class ProviderChange(RequestBody):
    """What changes of a provider; what is left out stays, and ``prices`` replaces all that were set."""

    url: Url | None = None
    is_enabled: bool | None = None
    prices: Prices | None = None
    key: Secret | None = None


@router.get("")
def list_providers(caller: Caller, page: PageParameters) -> Page[ProviderView]:
    """List the providers of models, and where the key of each is; keys are never shown."""
    found = providers.list_providers(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.provider)


@router.post("", status_code=201)
def add_provider(caller: Caller, response: Response, body: NewProvider) -> ProviderView:
    """Add a provider; the whole installation knows it within a minute."""
    found = providers.add_provider(caller.services, caller.actor, AddProvider(**body.model_dump()))
    tagged(response, found)
    return found


@router.get("/{provider}")
def read_provider(caller: Caller, response: Response, provider: Name) -> ProviderView:
    """Read a provider."""
    found = providers.show_provider(caller.services, caller.actor, provider)
    tagged(response, found)
    return found


@router.patch("/{provider}")
def update_provider(
    caller: Caller, response: Response, provider: Name, seen: IfMatch, body: ProviderChange
) -> ProviderView:
    """Set the address, key or prices of a provider, or switch it off or on; followed within a minute."""
    command = ChangeProvider(provider=provider, expected=seen, **body.model_dump())
    found = providers.change_provider(caller.services, caller.actor, command)
    tagged(response, found)
    return found


@router.delete("/{provider}", status_code=204)
def remove_provider(caller: Caller, provider: Name) -> None:
    """Remove a provider that was added, with its key, or forget what was set of another one."""
    providers.remove_provider(caller.services, caller.actor, provider)


@router.post("/{provider}/check")
def check_provider(caller: Caller, provider: Name) -> ProviderCheck:
    """Ask a provider for its models, to find out whether it accepts its key. Costs nothing."""
    (found,) = asyncio.run(providers.check_providers(caller.services, caller.actor, [provider]))
    return found


@router.get("/{provider}/models")
def list_models(caller: Caller, provider: Name, page: PageParameters) -> Page[ModelView]:
    """List the models that a provider offers, with their prices and contexts where those are known."""
    found = asyncio.run(providers.list_models(caller.services, caller.actor, provider))
    return Page.listed(found, page, lambda item: item.model)
