"""Outgoing webhooks: who is told of events, and what became of each delivery."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import IfMatch, Number, PageParameters, RequestBody, tagged
from hishamos_pipeline.api.route import TOLD_ONCE, ResourceRoute
from hishamos_pipeline.application import webhooks
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.webhooks import (
    AddWebhook,
    ChangeWebhook,
    WebhookDeliveryView,
    WebhookView,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=ResourceRoute, dependencies=KNOWN)
Kind = Annotated[str, Field(max_length=40)]


class NewWebhook(RequestBody):
    """An address that is told of events of these kinds; of all without any."""

    url: Annotated[str, Field(max_length=500)]
    kinds: Annotated[tuple[Kind, ...], Field(max_length=40)] = ()


class WebhookChange(RequestBody):
    """What changes of a webhook; what is left out stays."""

    url: Annotated[str, Field(max_length=500)] | None = None
    kinds: Annotated[tuple[Kind, ...], Field(max_length=40)] | None = None
    is_active: bool | None = None


@router.get("")
def list_webhooks(caller: Caller, page: PageParameters) -> Page[WebhookView]:
    """List the webhooks of your organization."""
    found = webhooks.list_webhooks(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.id)


@router.post("", status_code=201)
def add_webhook(caller: Caller, response: Response, body: NewWebhook) -> WebhookView:
    """Tell an address of events from now on; its secret is told this once."""
    response.headers.update(TOLD_ONCE)
    return webhooks.add_webhook(caller.services, caller.actor, AddWebhook(**body.model_dump()))


@router.get("/{number}")
def read_webhook(caller: Caller, response: Response, number: Number) -> WebhookView:
    """Read a webhook."""
    found = webhooks.show_webhook(caller.services, caller.actor, number)
    tagged(response, found)
    return found


@router.patch("/{number}")
def update_webhook(
    caller: Caller, response: Response, number: Number, seen: IfMatch, body: WebhookChange
) -> WebhookView:
    """Change a webhook, or switch it off or on."""
    command = ChangeWebhook(webhook=number, expected=seen, **body.model_dump())
    found = webhooks.change_webhook(caller.services, caller.actor, command)
    tagged(response, found)
    return found


@router.delete("/{number}", status_code=204)
def remove_webhook(caller: Caller, number: Number) -> None:
    """Remove a webhook with its deliveries."""
    webhooks.remove_webhook(caller.services, caller.actor, number)


@router.get("/{number}/deliveries")
def list_deliveries(
    caller: Caller,
    number: Number,
    page: PageParameters,
    status: Annotated[str, Query(max_length=20, description="`waiting`, `sent` or `dead`.")] = "",
) -> Page[WebhookDeliveryView]:
    """List the deliveries of a webhook, the newest first; `dead` are those that were given up."""
    return webhooks.list_deliveries(caller.services, caller.actor, number, page, status=status)


@router.post("/{number}/deliveries/{delivery}/retry")
def retry_delivery(caller: Caller, number: Number, delivery: Number) -> WebhookDeliveryView:
    """Have a delivery tried again, at once and as often as a new one."""
    return webhooks.retry_delivery(caller.services, caller.actor, number, delivery)
