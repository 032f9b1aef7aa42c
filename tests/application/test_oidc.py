"""Logging in by OpenID Connect, with a provider that keeps to the specification, and with ones that do not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from hishamos_pipeline.application import logins, oidc, people
from hishamos_pipeline.errors import LoginError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import OidcProvider, Settings
from hishamos_pipeline.store.store import open_store
from tests.fakes.clock import FixedClock
from tests.fakes.oidc import CLIENT, SECRET, OidcProviderDouble, oidc_provider
from tests.support.people import OPERATOR

BACK = "https://hishamos.example.org/back"
ANN = {"email": "Ann@example.org", "name": "Ann", "groups": ["staff", "leads"]}


@pytest.fixture
def provider() -> Iterator[OidcProviderDouble]:
    with oidc_provider() as made:
        made.claims = dict(ANN)
        yield made


@pytest.fixture
def services(
    tmp_path: Path, clock: FixedClock, provider: OidcProviderDouble, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    monkeypatch.setenv("LOGIN_SECRET", SECRET)
    provider.now = clock.now().timestamp()
    made = Services(Settings(home=tmp_path / "home", oidc={"work": given(provider)}))
    made.__dict__["store"] = open_store(made.settings.store_url, clock)
    yield made
    made.close()


def given(provider: OidcProviderDouble, **more: Any) -> OidcProvider:
    roles = {"staff": "viewer", "leads": "manager"}
    return OidcProvider(
        issuer=provider.url, client_id=CLIENT, secret="LOGIN_SECRET", **{"roles": roles, **more}
    )


def log_in(services: Services, provider: OidcProviderDouble) -> logins.LoggedIn:
    begun = oidc.begin(services, "work", BACK)
    code, state = provider.log_in(begun.url)
    return oidc.finish(services, oidc.FinishLogin(code=code, state=state, kept_state=begun.state))


def test_a_login_makes_an_account_with_the_role_of_its_groups(
    services: Services, provider: OidcProviderDouble
) -> None:
    entered = log_in(services, provider)
    actor = logins.actor_of_token(services, entered.token)
    assert (actor.name, actor.role, actor.organization) == ("ann@example.org", "manager", "default")
    assert people.profile(services, actor).name == "Ann"
    provider.claims["groups"] = ["staff"]
    log_in(services, provider)
    assert logins.actor_of_token(services, entered.token).role == "viewer", "groups decide at each login"
    assert len(services.store.users.all()) == 1
    with pytest.raises(LoginError):
        logins.log_in(services, logins.LogIn(email="ann@example.org", password=""))


def test_who_is_in_no_group_is_refused_or_has_the_default_role(
    services: Services, provider: OidcProviderDouble
) -> None:
    provider.claims["groups"] = ["others"]
    with pytest.raises(LoginError, match="none of your groups"):
        log_in(services, provider)
    assert services.store.users.all() == []
    settings = services.settings.model_copy(update={"oidc": {"work": given(provider, default_role="viewer")}})
    services.settings = settings
    assert logins.actor_of_token(services, log_in(services, provider).token).role == "viewer"


def test_only_who_has_an_account_where_none_are_made(
    services: Services, provider: OidcProviderDouble
) -> None:
    services.settings = services.settings.model_copy(update={"oidc": {"work": given(provider, create=False)}})
    with pytest.raises(LoginError, match="has no account here"):
        log_in(services, provider)
    people.add_user(services, OPERATOR, people.AddUser(email="ann@example.org", role="viewer"))
    assert log_in(services, provider)
    people.set_active(services, OPERATOR, "ann@example.org", False)
    with pytest.raises(LoginError, match="switched off"):
        log_in(services, provider)


@pytest.mark.parametrize("service", [True, False])
def test_a_service_is_nobody_who_logs_in(
    services: Services, provider: OidcProviderDouble, service: bool
) -> None:
    people.add_user(
        services, OPERATOR, people.AddUser(email="ann@example.org", role="viewer", service=service)
    )
    if service:
        with pytest.raises(LoginError):
            log_in(services, provider)
    else:
        assert log_in(services, provider)


OTHERWISE: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "somebody else"},
    "two audiences": {"aud": [CLIENT, "somebody else"]},
    "another issuer": {"iss": "https://evil.example.org"},
    "expired": {"exp": 1_700_000_000},
    "of tomorrow": {"iat": 4_000_000_000},
    "no end": {"exp": None},
    "an end that is no time": {"exp": [1]},
    "a beginning that is no time": {"iat": "now"},
    "an address that is not verified": {"email_verified": False},
    "an address that says that it is": {"email_verified": "true"},
    "no address": {"email": None},
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_token_that_is_not_as_it_has_to_be(
    services: Services, provider: OidcProviderDouble, what: str
) -> None:
    provider.otherwise = OTHERWISE[what]
    with pytest.raises(LoginError):
        log_in(services, provider)
    assert services.store.users.all() == []


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_signature_by_anything_but_the_published_key(
    services: Services, provider: OidcProviderDouble
) -> None:
    other = rsa.generate_private_key(65537, 2048)

    def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
        return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."

    def by_the_public_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
        signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
        made = hmac.new(provider.public_pem(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"

    def by_another(header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(claims, other, "RS256", headers=header)

    def by_a_key_of_its_own(header: dict[str, Any], claims: dict[str, Any]) -> str:
        own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))
        return jwt.encode(
            claims, other, "RS256", headers={**header, "jwk": own, "jku": f"{provider.url}/evil"}
        )

    for sign in (
        unsigned,
        by_the_public_key,
        by_another,
        by_a_key_of_its_own,
        lambda *_: "x.y.z",
        lambda *_: "",
    ):
        provider.sign = sign
        with pytest.raises(LoginError):
            log_in(services, provider)
    assert "/evil" not in provider.asked
    provider.sign = None
    for header in ({"kid": "two"}, {"kid": "../one"}):
        provider.header = header
        with pytest.raises(LoginError, match="names no key"):
            log_in(services, provider)


def test_a_login_is_of_one_browser_and_good_once(
    services: Services, provider: OidcProviderDouble, clock: FixedClock
) -> None:
    begun, other = oidc.begin(services, "work", BACK), oidc.begin(services, "work", BACK)
    code, state = provider.log_in(begun.url)
    for kept, brought in ((other.state, state), (state, other.state), ("", ""), ("", state)):
        with pytest.raises(LoginError, match="not begun in this browser"):
            oidc.finish(services, oidc.FinishLogin(code=code, state=brought, kept_state=kept))
    assert oidc.finish(services, oidc.FinishLogin(code=code, state=state, kept_state=begun.state))
    with pytest.raises(LoginError):
        oidc.finish(services, oidc.FinishLogin(code=code, state=state, kept_state=begun.state))
    late = oidc.begin(services, "work", BACK)
    code, state = provider.log_in(late.url)
    clock.advance(timedelta(minutes=11))
    with pytest.raises(LoginError):
        oidc.finish(services, oidc.FinishLogin(code=code, state=state, kept_state=late.state))


def test_somebody_elses_code_is_no_use(services: Services, provider: OidcProviderDouble) -> None:
    theirs, mine = oidc.begin(services, "work", BACK), oidc.begin(services, "work", BACK)
    code, _ = provider.log_in(theirs.url)
    _, state = provider.log_in(mine.url)
    with pytest.raises(LoginError, match="answered 400 at /token"):
        oidc.finish(services, oidc.FinishLogin(code=code, state=state, kept_state=mine.state))


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ({"issuer": "https://evil.example.org"}, "calls itself otherwise"),
        ({"token_endpoint": "http://evil.example.org/token"}, "token_endpoint is no https"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is no https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint is no https"),
    ],
)
def test_a_provider_that_leads_elsewhere(
    services: Services, provider: OidcProviderDouble, published: dict[str, str], said: str
) -> None:
    provider.discovery = published
    with pytest.raises(LoginError, match=said):
        oidc.begin(services, "work", BACK)


def test_providers_are_named_and_their_addresses_checked(
    services: Services, provider: OidcProviderDouble
) -> None:
    assert oidc.providers(services) == ["work"]
    with pytest.raises(UsageError, match="no provider 'home' in HISHAMOS_OIDC: work"):
        oidc.begin(services, "home", BACK)
    for issuer in ("http://login.example.org", "https://u:p@login.example.org", "ftp://x", "https://x?y"):
        with pytest.raises(ValidationError):
            given(OidcProviderDouble(url=issuer))
    provider.discovery = {}
    services.settings = services.settings.model_copy(
        update={"oidc": {"work": given(OidcProviderDouble("http://127.0.0.1:1"))}}
    )
    with pytest.raises(LoginError, match="cannot be reached"):
        oidc.begin(services, "work", BACK)
