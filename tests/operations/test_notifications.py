"""Channels: a real HTTP server and a real SMTP server on loopback, which refuse, redirect and die."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hishamos_pipeline.core.pipeline.channel import Channel, EmailChannel, WebhookChannel
from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.operations.notifications import send_due
from hishamos_pipeline.operations.signed_posts import signature
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.notifications.repository import TRIES
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock
from tests.fakes.mail import mail_server
from tests.fakes.web import Answer, Asked, web_server

KEY = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


class Hooks:
    """What a receiver of webhooks got, and what it answers next."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    made = Hooks()

    def take(asked: Asked) -> Answer:
        made.got.append((dict(asked.headers), asked.body))
        return Answer(made.answers.pop(0) if made.answers else 204, {"Location": made.url})

    with web_server(take) as url:
        made.url = f"{url}/hook"
        yield made


def keys(variable: str) -> str:
    return {"HOOK_KEY": KEY, "MAIL_PASSWORD": "s3cret-of-the-mail-server"}.get(variable, "")


def with_channels(settings: Settings, **channels: Any) -> Settings:
    return settings.model_copy(update={"notify": channels})


def note(store: ProjectStore, *channels: str) -> None:
    store.notifications.add(
        "run/r1",
        channels,
        event="run.failed",
        project="notes",
        run_id="r1",
        step="stories",
        reason="broken: é",
    )


def send(store: ProjectStore, settings: Settings) -> int:
    return send_due(store.notifications, settings, keys, most=10, seconds=10)


def test_a_webhook_is_signed(store: ProjectStore, settings: Settings, hooks: Hooks) -> None:
    given = with_channels(settings, ops=WebhookChannel(kind="webhook", url=hooks.url, secret="HOOK_KEY"))
    note(store, "ops")
    assert send(store, given) == 1 and send(store, given) == 0
    ((headers, body),) = hooks.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(b"0123456789abcdef01234567", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    said = json.loads(body)
    assert (said["type"], said["data"]["project"], said["data"]["reason"]) == (
        "run.failed",
        "notes",
        "broken: é",
    )


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_what_was_refused_is_told_later_with_the_same_id(
    store: ProjectStore, settings: Settings, hooks: Hooks, clock: FixedClock, answer: int
) -> None:
    given = with_channels(settings, ops=WebhookChannel(kind="webhook", url=hooks.url, secret="HOOK_KEY"))
    hooks.answers = [answer]
    note(store, "ops")
    assert send(store, given) == 0 and send(store, given) == 0
    assert len(hooks.got) == 1  # neither followed nor asked again at once
    clock.advance(timedelta(seconds=31))
    assert send(store, given) == 1
    assert hooks.got[0][0]["webhook-id"] == hooks.got[1][0]["webhook-id"]


def test_one_that_never_works_is_given_up(
    store: ProjectStore, settings: Settings, hooks: Hooks, clock: FixedClock
) -> None:
    given = with_channels(settings, ops=WebhookChannel(kind="webhook", url=hooks.url, secret="HOOK_KEY"))
    hooks.answers = [503] * 100
    note(store, "ops")
    for _ in range(TRIES + 3):
        send(store, given)
        clock.advance(timedelta(days=1))
    (notification,) = store.notifications.newest(5)
    assert (notification.status, notification.tries, len(hooks.got)) == ("failed", TRIES, TRIES)
    assert "503" in notification.error


def test_one_bad_channel_does_not_hold_up_the_others(
    store: ProjectStore, settings: Settings, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    away = WebhookChannel(kind="webhook", url="http://127.0.0.1:1/", secret="HOOK_KEY")
    no_key = WebhookChannel(kind="webhook", url=hooks.url, secret="NO_SUCH_KEY")
    good = WebhookChannel(kind="webhook", url=hooks.url, secret="HOOK_KEY")
    given = with_channels(settings, away=away, no_key=no_key, good=good, **settings.notify)
    note(store, "away", "no_key", "removed", "good", "log")
    assert send(store, given) == 2
    errors = {notification.channel: notification.error for notification in store.notifications.newest(9)}
    assert "NO_SUCH_KEY" in errors["no_key"] and "HISHAMOS_NOTIFY" in errors["removed"]
    assert errors["good"] == errors["log"] == ""
    assert "project notes failed at stories: broken: é" in caplog.text


def test_the_secret_of_a_url_is_in_no_error(store: ProjectStore, settings: Settings) -> None:
    url = "https://127.0.0.1:1/services/a_secret_url"
    given = with_channels(settings, ops=WebhookChannel(kind="webhook", url=url, secret="HOOK_KEY"))
    note(store, "ops")
    assert send(store, given) == 0
    (notification,) = store.notifications.newest(1)
    assert "a_secret_url" not in notification.error and "127.0.0.1 could not be reached" in notification.error


def test_a_host_that_is_none_stops_nobody(store: ProjectStore, settings: Settings) -> None:
    nowhere = EmailChannel(
        kind="email", host="mail..example.com", sender="h@example.org", to=("a@example.org",)
    )
    note(store, "nowhere", "log")
    assert send(store, with_channels(settings, nowhere=nowhere, **settings.notify)) == 1


def mail(port: int, **more: Any) -> EmailChannel:
    to = ("ops@example.org", "ann@example.org")
    return EmailChannel(kind="email", host="127.0.0.1", port=port, sender="h@example.org", to=to, **more)


def test_an_email_says_what_failed(store: ProjectStore, settings: Settings) -> None:
    with mail_server() as (box, port):
        note(store, "mail")
        assert send(store, with_channels(settings, mail=mail(port, tls="none"))) == 1
    ((to, content),) = box.mails
    message = message_from_bytes(content)
    assert to == ["ops@example.org", "ann@example.org"]
    assert message["Subject"] == "HishamOS: notes failed at stories"
    assert "hishamos projects show notes" in message.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_password_is_not_sent_without_tls(store: ProjectStore, settings: Settings) -> None:
    register(keys("MAIL_PASSWORD"))
    with mail_server() as (box, port):
        note(store, "mail")
        given = with_channels(settings, mail=mail(port, user="u", password="MAIL_PASSWORD"))
        assert send(store, given) == 0
    assert box.mails == []
    assert "STARTTLS" in store.notifications.newest(1)[0].error


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "webhook", "url": "http://example.org/", "secret": "KEY"},
        {"kind": "webhook", "url": "https://u:p@example.org/", "secret": "KEY"},
        {"kind": "webhook", "url": "https://example.org/", "secret": "whsec_abc"},
        {"kind": "email", "host": "h", "sender": "a@b", "to": []},
        {"kind": "email", "host": "h", "sender": "a@b\nBcc: c@d", "to": ["x@y"]},
        {
            "kind": "email",
            "host": "h",
            "sender": "a@b",
            "to": ["x@y"],
            "user": "u",
            "tls": "none",
            "password": "P",
        },
        {"kind": "pigeon"},
    ],
)
def test_channels_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Channel).validate_python(given)


def test_the_signature_is_that_of_the_published_example() -> None:
    """The vector of the reference implementations: https://github.com/standard-webhooks/standard-webhooks."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
