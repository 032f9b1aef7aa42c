"""Telling webhooks of events: what has happened is taken up, and what is due is sent."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.operations.signed_posts import post, signed_headers
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.credentials.repository import decrypted
from hishamos_pipeline.store.webhooks.repository import Webhooks

log = logging.getLogger("hishamos.operations")
Post = Callable[..., None]


@dataclass(frozen=True, slots=True)
class ToldWebhooks:
    """How many deliveries were made of new events, how many have arrived, and how many have not."""

    made: int
    sent: int
    failed: int


def tell_webhooks(
    webhooks: Webhooks, settings: Settings, *, most: int, seconds: float, send: Post = post
) -> ToldWebhooks:
    """Take new events up, and send what is due, for so many deliveries and so long at most.

    A delivery may arrive twice when the process dies between sending it and writing that down; its id is the same.

    Args:
        webhooks: where they are kept.
        settings: the keys of their secrets, and whether they may go to private networks.
        most: how many deliveries.
        seconds: when to stop beginning another.
        send: posts a message; see ``signed_posts.post``.
    """
    until, sent, failed = time.monotonic() + seconds, 0, 0
    made = webhooks.take_up()
    for _ in range(most):
        due = webhooks.claim_due(1) if time.monotonic() < until else []
        if not due:
            break
        (delivery,) = due
        body = delivery.body.encode()
        try:
            key = decrypted(delivery.secret, settings.secret_key_list)
            headers = signed_headers(key, f"event-{delivery.event_id}-{delivery.id}", body)
            send(delivery.url, body, headers, private=settings.webhook_private)
        except Exception as error:  # whatever is wrong with one receiver, the others get theirs
            webhooks.failed(delivery.id, mask(f"{type(error).__name__}: {error}"))
            log.warning("delivery %s of a webhook has not arrived: %s", delivery.id, error)
            failed += 1
        else:
            webhooks.sent(delivery.id)
            sent += 1
    return ToldWebhooks(made, sent, failed)
