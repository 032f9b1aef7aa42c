"""Outgoing webhooks: a real receiver on loopback, which refuses and comes back; what must not be reached is not."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trustme
from cryptography.fernet import Fernet
from pydantic import SecretStr

from hishamos_pipeline.application import organizations, webhooks
from hishamos_pipeline.application.webhooks import AddWebhook, ChangeWebhook, WebhookView
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import ChangedMeanwhileError, PersonNotFoundError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations import signed_posts
from hishamos_pipeline.operations.webhooks import ToldWebhooks, tell_webhooks
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.webhooks.repository import WAITS
from hishamos_pipeline.web import pinned
from tests.fakes.clock import FixedClock
from tests.fakes.web import Answer, Asked, web_server
from tests.support.people import OPERATOR

ADMIN = replace(OPERATOR, name="ann@example.org", superuser=False, role="admin")


class Receiver:
    """What has arrived, and what is answered next."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    def take(asked: Asked) -> Answer:
        made.got.append((dict(asked.headers), asked.body))
        return Answer(made.answers.pop(0) if made.answers else 204, {"Location": made.url})

    with web_server(take) as url:
        made.url = f"{url}/hook?of=hishamos"
        yield made


@pytest.fixture
def services(settings: Settings, store: ProjectStore) -> Services:
    changed = {"secret_keys": SecretStr(Fernet.generate_key().decode()), "webhook_private": True}
    made = Services(settings.model_copy(update=changed), actor=OPERATOR)
    made.__dict__["store"] = store.acting_as(OPERATOR)
    return made


def added(services: Services, url: str, *kinds: str) -> WebhookView:
    return webhooks.add_webhook(services, ADMIN, AddWebhook(url=url, kinds=kinds))


def submitted(services: Services, key: str, organization: str = "default") -> None:
    acting = services.acting_as(replace(OPERATOR, organization=organization))
    acting.store.projects.submit(Idea(key=key, title=key), "test")


def told(services: Services, **changed: Any) -> ToldWebhooks:
    given = services.settings.model_copy(update=changed)
    return tell_webhooks(services.store.webhooks, given, most=50, seconds=20)


def listed(services: Services, webhook: WebhookView, status: str = "") -> list[Any]:
    return list(webhooks.list_deliveries(services, ADMIN, webhook.id, PageQuery(), status=status).items)


def test_what_happens_is_told_signed_and_once(services: Services, receiver: Receiver) -> None:
    submitted(services, "before")
    hook = added(services, receiver.url, "idea.submitted")
    submitted(services, "notes")
    assert told(services) == ToldWebhooks(1, 1, 0) and told(services) == ToldWebhooks(0, 0, 0)
    ((headers, body),) = receiver.got
    message = json.loads(body)
    assert (message["type"], message["data"]["project"]) == ("idea.submitted", "notes")
    # As https://www.standardwebhooks.com says, computed anew.
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}"
    expected = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert [(d.kind, d.status, d.tries) for d in listed(services, hook)] == [("idea.submitted", "sent", 1)]
    assert webhooks.list_webhooks(services, ADMIN)[0].secret == "", "it is told once"


def test_each_organization_is_told_of_its_own(services: Services, receiver: Receiver) -> None:
    organizations.add_organization(services, OPERATOR, "acme")
    theirs = replace(ADMIN, organization="acme")
    hook = webhooks.add_webhook(services, theirs, AddWebhook(url=receiver.url))
    submitted(services, "notes")
    submitted(services, "bills", "acme")
    told(services)
    assert {json.loads(body)["data"]["project"] for _, body in receiver.got} == {"bills"}
    for use_case in (webhooks.show_webhook, webhooks.remove_webhook):
        with pytest.raises(PersonNotFoundError):
            use_case(services, ADMIN, hook.id)
    with pytest.raises(PersonNotFoundError):
        webhooks.retry_delivery(services, ADMIN, hook.id, 1)


def test_what_does_not_arrive_is_tried_again_later_and_then_given_up(
    services: Services, receiver: Receiver, clock: FixedClock
) -> None:
    hook = added(services, receiver.url, "idea.submitted")
    submitted(services, "notes")
    receiver.answers = [503] * (len(WAITS) + 1)
    assert told(services) == ToldWebhooks(1, 0, 1) and told(services).failed == 0, "not before its time"
    for wait in WAITS:
        clock.advance(wait - timedelta(seconds=1))
        assert told(services).failed == 0
        clock.advance(timedelta(seconds=1))
        assert told(services).failed == 1
    (dead,) = listed(services, hook, "dead")
    assert dead.tries == len(WAITS) + 1 and "answered 503" in dead.error
    ids = {headers["webhook-id"] for headers, _ in receiver.got}
    assert len(ids) == 1, "a receiver knows what it has seen"
    webhooks.retry_delivery(services, ADMIN, hook.id, dead.id)
    assert told(services).sent == 1 and listed(services, hook, "dead") == []


def test_two_senders_send_nothing_twice(services: Services, receiver: Receiver) -> None:
    added(services, receiver.url, "idea.submitted")
    submitted(services, "notes")
    hooks = services.store.webhooks
    assert (hooks.take_up(), hooks.take_up()) == (1, 0)
    assert (len(hooks.claim_due(5)), len(hooks.claim_due(5))) == (1, 0)


def test_a_webhook_that_is_switched_off_is_told_nothing_and_then_what_comes(
    services: Services, receiver: Receiver
) -> None:
    hook = added(services, receiver.url, "idea.submitted")
    off = webhooks.change_webhook(services, ADMIN, ChangeWebhook(webhook=hook.id, is_active=False))
    submitted(services, "missed")
    told(services)
    command = ChangeWebhook(webhook=hook.id, is_active=True, expected=off.etag)
    webhooks.change_webhook(services, ADMIN, command)
    with pytest.raises(ChangedMeanwhileError):
        webhooks.change_webhook(services, ADMIN, command)
    submitted(services, "notes")
    told(services)
    assert [json.loads(body)["data"]["project"] for _, body in receiver.got] == ["notes"]
    webhooks.remove_webhook(services, ADMIN, hook.id)
    assert webhooks.list_webhooks(services, ADMIN) == []


def test_no_redirect_is_followed(services: Services, receiver: Receiver) -> None:
    hook = added(services, receiver.url, "idea.submitted")
    submitted(services, "notes")
    receiver.answers = [302]
    assert told(services).failed == 1 and len(receiver.got) == 1
    assert "answered 302" in listed(services, hook)[0].error


def resolved(address: str) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return lambda _host, port, *_args, **_named: [(family, socket.SOCK_STREAM, 6, "", (address, port))]


PRIVATE = [
    "64:ff9b::a00:1", "::7f00:1", "::ffff:0:7f00:1", "2607:f8b0::5efe:7f00:1", "fec0::1",
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_reached_whatever_their_name(
    services: Services, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    hook = added(services, "http://hooks.example.org/x", "idea.submitted")
    submitted(services, "notes")
    monkeypatch.setattr(pinned.socket, "getaddrinfo", resolved(address))
    assert told(services, webhook_private=False).failed == 1
    assert "private network" in listed(services, hook)[0].error


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*resolved("93.184.216.34")("", 80), *resolved("10.0.0.1")("", 80)]
    monkeypatch.setattr(pinned.socket, "getaddrinfo", lambda *_a, **_n: found)
    with pytest.raises(OSError, match="private network"):
        signed_posts.post("http://hooks.example.org/x", b"{}", {}, private=False)


def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked at, and another one a moment later, gains nothing."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    asked: list[str] = []

    def once(host: str, *_args: Any, **_named: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(pinned.socket, "getaddrinfo", once)
    signed_posts.post(f"http://hooks.example.org:{port}/x", b"{}", {}, private=True)
    assert asked.count("hooks.example.org") == 1
    assert receiver.got[0][0]["host"] == f"hooks.example.org:{port}"


def test_certificates_are_checked_by_the_name_and_not_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl
    import threading

    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.org").configure_cert(server)
    with socket.create_server(("127.0.0.1", 0)) as listening, authority.cert_pem.tempfile() as bundle:
        port = listening.getsockname()[1]

        def accept() -> None:
            with listening.accept()[0] as connection, suppress(OSError):
                server.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        monkeypatch.setattr(pinned.certifi, "where", lambda: bundle)
        monkeypatch.setattr(pinned.socket, "getaddrinfo", resolved("127.0.0.1"))
        with pytest.raises(OSError, match="SSLError"):
            signed_posts.post(f"https://hooks.example.org:{port}/x", b"{}", {}, private=True)


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://example.org/x", "javascript:alert(1)", "http://", "https://user:pw@example.org/", "http://[::1",
        "https://example.org/#part", "https://example.org:99999/", "https://exa mple.org/", "file:///etc/passwd",
        "https://example.org/" + "a" * 600,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(services: Services, url: str) -> None:
    with pytest.raises(UsageError, match="url: write an address"):
        added(services, url)
    with pytest.raises(UsageError, match=r"kinds: 'build.lost' is none of"):
        added(services, "https://example.org/x", "build.lost")


def test_secrets_follow_a_new_key(services: Services, receiver: Receiver) -> None:
    added(services, receiver.url, "idea.submitted")
    old, new = services.settings.secret_key_list[0], Fernet.generate_key().decode()
    services.store.credentials.rotate((new, old))
    submitted(services, "notes")
    assert told(services, secret_keys=SecretStr(new)).sent == 1
