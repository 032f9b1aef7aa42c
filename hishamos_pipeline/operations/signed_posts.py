"""Posting to a webhook: signed as Standard Webhooks has it, and never to where its author must not reach."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from hishamos_pipeline.web.pinned import request

_TIMEOUT_SECONDS = 10.0


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a webhook: HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    stored = key.removeprefix("whsec_")
    try:
        secret = base64.b64decode(stored, validate=True) if stored != key else key.encode()
    except binascii.Error:
        secret = key.encode()
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signed_headers(key: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a signed message; its id stays when it is sent again, so that a receiver knows it."""
    now = int(time.time())
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(key, message_id, now, body),
    }


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> None:
    """Post a message; no redirect is followed, and what is answered is not read: it may be without an end.

    Args:
        url: an address that somebody has named.
        body: the message.
        headers: its headers.
        private: whether it may go to an address of a private network, or this machine.

    Raises:
        OSError: it cannot be reached, must not be, or has refused; the URL, which may be a secret, is not told.
    """
    answer = request("POST", url, body=body, headers=headers, private=private, seconds=_TIMEOUT_SECONDS)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise OSError(f"{urlsplit(url).hostname or ''} answered {answer.status}")
