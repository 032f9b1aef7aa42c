"""Telling people what happened, over the channels that the settings name; what could not be told is tried again."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from hishamos_pipeline.core.channel import EmailChannel, LogChannel, WebhookChannel
from hishamos_pipeline.core.secrets import mask
from hishamos_pipeline.errors import CredentialError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.notifications.records import Notice
from hishamos_pipeline.store.notifications.repository import Notices

log = logging.getLogger("hishamos.operations")
_TIMEOUT_SECONDS = 10
Keys = Callable[[str], str]


def tell_due(notices: Notices, settings: Settings, keys: Keys, *, most: int, seconds: float) -> int:
    """Tell what is due, for so many notices and so long at most; how many were told.

    A notice may be told twice when the process dies between telling it and writing that down; its id is the same.

    Args:
        notices: where they are kept.
        settings: the channels.
        keys: gives the value of a variable or stored credential, empty if there is none.
        most: how many notices.
        seconds: when to stop beginning another.
    """
    until, told = time.monotonic() + seconds, 0
    for notice in notices.due(most):
        if time.monotonic() >= until:
            break
        try:
            tell(notice, settings, keys)
        except Exception as error:  # whatever is wrong with one channel, the others are told
            notices.failed(notice.id, mask(f"{type(error).__name__}: {error}"))
            log.warning("notice %s could not be told by %s: %s", notice.id, notice.channel, error)
        else:
            notices.sent(notice.id)
            told += 1
    return told


def tell(notice: Notice, settings: Settings, keys: Keys) -> None:
    """Tell one notice.

    Raises:
        CredentialError: its channel, or the secret of it, is not set any more.
        OSError, smtplib.SMTPException: the channel could not be reached, or refused it.
    """
    channel = settings.notify.get(notice.channel)
    match channel:
        case LogChannel():
            log.error("%s", sentence(notice))
        case WebhookChannel():
            _post(notice, channel, keys)
        case EmailChannel():
            _mail(notice, channel, keys)
        case None:
            raise CredentialError(f"HISHAMOS_NOTIFY names no channel {notice.channel!r} any more")


def sentence(notice: Notice) -> str:
    """A notice in one sentence."""
    if notice.event.startswith("fleet."):
        return notice.reason
    where = f" at {notice.step}" if notice.step else ""
    return f"project {notice.project} failed{where}: {notice.reason}"


def signature(key: str, notice_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a webhook: HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    stored = key.removeprefix("whsec_")
    try:
        secret = base64.b64decode(stored, validate=True) if stored != key else key.encode()
    except binascii.Error:
        secret = key.encode()
    signed = b".".join((notice_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _post(notice: Notice, channel: WebhookChannel, keys: Keys) -> None:
    body = json.dumps(
        {
            "type": notice.event,
            "timestamp": notice.created_at.isoformat(),
            "data": {
                "project": notice.project,
                "run_id": notice.run_id,
                "step": notice.step,
                "reason": notice.reason,
            },
        }
    ).encode()
    # The id stays when it is sent again, so that a receiver can leave out what it has seen.
    notice_id, now = f"notice-{notice.id}-{notice.run_id}", int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": notice_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(_secret(channel.secret, keys), notice_id, now, body),
    }
    try:
        # What it answers is not read: it may be without an end.
        with requests.post(
            channel.url,
            data=body,
            headers=headers,
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        # Its own words hold the URL, which can be a secret.
        raise OSError(
            f"{urlsplit(channel.url).hostname} could not be reached: {type(error).__name__}"
        ) from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise OSError(f"{urlsplit(channel.url).hostname} answered {status}")


def _mail(notice: Notice, channel: EmailChannel, keys: Keys) -> None:
    message = EmailMessage()
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    what = sentence(notice).removeprefix("project ").partition(":")[0].partition(" (")[0]
    message["Subject"] = f"HishamOS: {what}"
    message["Message-ID"] = f"<notice-{notice.id}-{notice.run_id}@hishamos>"
    where = f"\n\nrun {notice.run_id}\nhishamos projects show {notice.project}\n" if notice.project else "\n"
    message.set_content(sentence(notice) + where)
    context = ssl.create_default_context()
    opened = (
        smtplib.SMTP_SSL(channel.host, channel.port, timeout=_TIMEOUT_SECONDS, context=context)
        if channel.tls == "tls"
        else smtplib.SMTP(channel.host, channel.port, timeout=_TIMEOUT_SECONDS)
    )
    with opened as server:
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user:
            server.login(channel.user, _secret(channel.password or "", keys))
        server.send_message(message)


def _secret(variable: str, keys: Keys) -> str:
    found = keys(variable) if variable else ""
    if not found:
        raise CredentialError(
            f"{variable or 'the password'} is empty: set it, or `hishamos credentials add` it"
        )
    return found
