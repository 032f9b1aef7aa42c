"""Notifying people over the channels that the settings name; what could not be sent is tried again."""

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

from hishamos_pipeline.core.pipeline.channel import EmailChannel, LogChannel, WebhookChannel
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import CredentialError
from hishamos_pipeline.operations.signed_posts import signed_headers
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.notifications.records import Notification
from hishamos_pipeline.store.notifications.repository import Notifications

log = logging.getLogger("hishamos.operations")
_TIMEOUT_SECONDS = 10
Keys = Callable[[str], str]


def send_due(
    notifications: Notifications, settings: Settings, keys: Keys, *, most: int, seconds: float
) -> int:
    """Send what is due, for so many notifications and so long at most; how many were sent.

    A notification may be sent twice when the process dies between sending it and writing that down; its id is the same.

    Args:
        notifications: where they are kept.
        settings: the channels.
        keys: gives the value of a variable or stored credential, empty if there is none.
        most: how many notifications.
        seconds: when to stop beginning another.
    """
    until, sent = time.monotonic() + seconds, 0
    for notification in notifications.due(most):
        if time.monotonic() >= until:
            break
        try:
            send(notification, settings, keys)
        except Exception as error:  # whatever is wrong with one channel, the others get theirs
            notifications.failed(notification.id, mask(f"{type(error).__name__}: {error}"))
            log.warning(
                "notification %s could not be sent to %s: %s", notification.id, notification.channel, error
            )
        else:
            notifications.sent(notification.id)
            sent += 1
    return sent


def send(notification: Notification, settings: Settings, keys: Keys) -> None:
    """Send one notification.

    Raises:
        CredentialError: its channel, or the secret of it, is not set any more.
        OSError, smtplib.SMTPException: the channel could not be reached, or refused it.
    """
    channel = settings.notify.get(notification.channel)
    match channel:
        case LogChannel():
            log.error("%s", sentence(notification))
        case WebhookChannel():
            _post(notification, channel, keys)
        case EmailChannel():
            _mail(notification, channel, keys)
        case None:
            raise CredentialError(f"HISHAMOS_NOTIFY names no channel {notification.channel!r} any more")


def sentence(notification: Notification) -> str:
    """A notification in one sentence."""
    if notification.event.startswith(("batch.", "workflow.")):
        return notification.reason
    where = f" at {notification.step}" if notification.step else ""
    return f"project {notification.project} failed{where}: {notification.reason}"


def _post(notification: Notification, channel: WebhookChannel, keys: Keys) -> None:
    body = json.dumps(
        {
            "type": notification.event,
            "timestamp": notification.created_at.isoformat(),
            "data": {
                "project": notification.project,
                "run_id": notification.run_id,
                "step": notification.step,
                "reason": notification.reason,
            },
        }
    ).encode()
    notification_id = f"notice-{notification.id}-{notification.run_id}"
    headers = signed_headers(_secret(channel.secret, keys), notification_id, body)
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


def _mail(notification: Notification, channel: EmailChannel, keys: Keys) -> None:
    message = EmailMessage()
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    what = sentence(notification).removeprefix("project ").partition(":")[0].partition(" (")[0]
    message["Subject"] = f"HishamOS: {what}"
    message["Message-ID"] = f"<notice-{notification.id}-{notification.run_id}@hishamos>"
    where = (
        f"\n\nrun {notification.run_id}\nhishamos projects show {notification.project}\n"
        if notification.project
        else "\n"
    )
    message.set_content(sentence(notification) + where)
    send_mail(message, channel, keys)


def send_mail(message: EmailMessage, channel: EmailChannel, keys: Keys) -> None:
    """Send a mail over a channel.

    Raises:
        CredentialError: the channel's password is not set.
        OSError, smtplib.SMTPException: the server cannot be reached, or refuses it.
    """
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
