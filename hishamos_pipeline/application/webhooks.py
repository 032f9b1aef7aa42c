"""Outgoing webhooks of an organization: which addresses are told of which events, and what became of each delivery."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag, require_known
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.pipeline.event_kinds import KINDS
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import InputError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.credentials.repository import encrypted
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.webhooks.records import Webhook
from hishamos_pipeline.store.webhooks.tables import DELIVERY_STATES
from hishamos_pipeline.web.pinned import host_of

_SECRET_BYTES = 32
_URL = re.compile(r"https?://[^\s\"'<>]{1,480}")


class WebhookView(View):
    """A webhook; no ``kinds`` are all, and ``secret`` is told once, when it is made."""

    id: int
    url: str
    kinds: tuple[str, ...]
    is_active: bool
    created_by: str
    created_at: datetime
    secret: str = ""


class WebhookDeliveryView(View):
    """An event on its way to a webhook: ``waiting``, ``sent``, or ``dead`` after the last try."""

    id: int
    event_id: int
    kind: str
    status: str
    tries: int
    error: str
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None


class AddWebhook(UseCaseInput):
    """An address that is to be told of events of these kinds; none are all."""

    url: str
    kinds: tuple[str, ...] = ()


class ChangeWebhook(UseCaseInput):
    """What changes of a webhook; what is ``None`` stays. ``expected`` is the ``etag`` of what was seen."""

    webhook: int
    url: str | None = None
    kinds: tuple[str, ...] | None = None
    is_active: bool | None = None
    expected: str = ""


@requires("webhooks.manage")
def list_webhooks(services: Services, actor: Actor) -> list[WebhookView]:
    """The webhooks of the actor's organization."""
    return [_view(item) for item in services.store.webhooks.all()]


@requires("webhooks.manage")
def show_webhook(services: Services, actor: Actor, webhook: int) -> WebhookView:
    """One webhook.

    Raises:
        PersonNotFoundError: there is none.
    """
    return _view(services.store.webhooks.get(webhook))


@requires("webhooks.manage")
def add_webhook(services: Services, actor: Actor, command: AddWebhook) -> WebhookView:
    """Tell an address of events from now on; its secret, which deliveries are signed with, is told this once.

    Raises:
        InputError: it is no address, or there is no such kind of event.
        CredentialError: there is no key to encrypt its secret with.
    """
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"
    kept = encrypted(secret, services.settings.secret_key_list)
    made = services.store.webhooks.add(_url(command.url), _kinds(command.kinds), kept)
    return _view(made, secret)


@requires("webhooks.manage")
def change_webhook(services: Services, actor: Actor, command: ChangeWebhook) -> WebhookView:
    """Change a webhook.

    Raises:
        PersonNotFoundError: there is none.
        InputError: it is no address, or there is no such kind of event.
        ChangedMeanwhileError: it is not what it was expected to be.
    """
    webhooks = services.store.webhooks
    seen = webhooks.get(command.webhook)
    require_etag(_view(seen), command.expected)
    changed: dict[str, str | bool] = {}
    if command.url is not None:
        changed["url"] = _url(command.url)
    if command.kinds is not None:
        changed["kinds"] = _kinds(command.kinds)
    if command.is_active is not None:
        changed["is_active"] = command.is_active
    return _view(webhooks.update(command.webhook, seen=seen if command.expected else None, **changed))


@requires("webhooks.manage")
def remove_webhook(services: Services, actor: Actor, webhook: int) -> None:
    """Remove a webhook with its deliveries.

    Raises:
        PersonNotFoundError: there is none.
    """
    services.store.webhooks.remove(webhook)


@requires("webhooks.manage")
def list_deliveries(
    services: Services, actor: Actor, webhook: int, page: PageQuery, *, status: str = ""
) -> Page[WebhookDeliveryView]:
    """A page of the deliveries of a webhook, the newest first; ``dead`` ones are those that were given up.

    Raises:
        PersonNotFoundError: there is no such webhook.
        InputError: there is no such status, or the page's order or cursor is none.
    """
    require_known("status", [status] if status else [], DELIVERY_STATES)
    return Page.showing(services.store.webhooks.deliveries(webhook, page, status), WebhookDeliveryView.of)


@requires("webhooks.manage")
def retry_delivery(services: Services, actor: Actor, webhook: int, delivery: int) -> WebhookDeliveryView:
    """Have a delivery tried again, at once and as often as a new one.

    Raises:
        PersonNotFoundError: there is no such webhook or delivery.
    """
    return WebhookDeliveryView.of(services.store.webhooks.try_again(webhook, delivery))


def _view(webhook: Webhook, secret: str = "") -> WebhookView:
    kinds = tuple(filter(None, webhook.kinds.split(",")))
    return WebhookView.of(webhook, kinds=kinds, secret=secret)


def _url(url: str) -> str:
    """An address that can be posted to; where its name leads is looked at for each delivery."""
    if not _URL.fullmatch(url) or not host_of(url) or urlsplit(url).fragment:
        raise InputError(
            (
                (
                    "url",
                    "write an address such as https://example.org/hook, without a login, of 500 characters",
                ),
            )
        )
    return url


def _kinds(kinds: Sequence[str]) -> str:
    require_known("kinds", kinds, KINDS)
    return ",".join(kind for kind in KINDS if kind in kinds)
