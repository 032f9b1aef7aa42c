"""What the repository of webhooks hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events; ``kinds`` by commas, empty for all."""

    id: int
    url: str
    kinds: str
    is_active: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """An event on its way to a webhook."""

    id: int
    webhook_id: int
    event_id: int
    kind: str
    status: str
    tries: int
    error: str
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that is to be tried now: where to, what, and the encrypted secret that it is signed with."""

    id: int
    event_id: int
    tries: int
    url: str
    secret: str
    body: str
