"""Attacks on the API's door: tokens, sessions, browsers that are led, bodies, files and texts."""

import base64
import json
import logging
import socket
import statistics
import time
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.accounts.access_tokens import AUDIENCE, AccessToken, SigningKeys, own_secret
from hishamos_pipeline.accounts.delays import counted_as
from hishamos_pipeline.api.caller import COOKIE
from hishamos_pipeline.application import people
from hishamos_pipeline.errors import LoginError
from tests.support.api import RunningApi, running_api, served, settings_at, token_of
from tests.support.people import OPERATOR, PASSWORD

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TOKEN = AccessToken(7, "default", NOW, NOW + timedelta(minutes=10))
LOGIN = {"email": "admin@example.org", "password": PASSWORD}


def claims(**changed: Any) -> dict[str, Any]:
    given = {
        "iss": "hishamos", "aud": AUDIENCE, "sub": "7", "org": "default",
        "iat": NOW.timestamp(), "exp": (NOW + timedelta(minutes=10)).timestamp(),
    }  # fmt: skip
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


def test_an_access_token_is_what_was_signed_until_it_runs_out() -> None:
    keys = SigningKeys(["one"])
    assert keys.read(keys.sign(TOKEN), NOW) == TOKEN
    with pytest.raises(LoginError, match="run out"):
        keys.read(keys.sign(TOKEN), TOKEN.expires_at)


def test_keys_are_rotated_as_those_of_credentials_are() -> None:
    old, both, new = SigningKeys(["one"]), SigningKeys(["two", "one"]), SigningKeys(["two"])
    assert both.read(old.sign(TOKEN), NOW) == TOKEN
    assert new.read(both.sign(TOKEN), NOW) == TOKEN
    with pytest.raises(LoginError, match="none of this installation's"):
        new.read(old.sign(TOKEN), NOW)


def forged(kind: str) -> str:
    """A token that is none: signed by somebody else, by nothing, or by what everybody knows."""
    keys = SigningKeys(["one"])
    kid = jwt.get_unverified_header(keys.sign(TOKEN))["kid"]
    theirs = Ed25519PrivateKey.generate()
    public = theirs.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    own = keys._private

    def signed(key: Any, algorithm: str = "EdDSA", kid: str | None = kid, **changed: Any) -> str:
        headers = {"kid": kid} if kid else {}
        return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)

    made = {
        "another key": lambda: signed(theirs),
        "another kid": lambda: signed(own, kid="0" * 16),
        "no kid": lambda: signed(own, kid=None),
        "a path as kid": lambda: signed(theirs, kid="../../dev/null"),
        "no algorithm": lambda: signed(None, "none"),
        "HMAC by the public key": lambda: signed(public, "HS256"),
        "another audience": lambda: signed(own, aud="somebody"),
        "no audience": lambda: signed(own, aud=None),
        "another issuer": lambda: signed(own, iss="somebody"),
        "no end": lambda: signed(own, exp=None),
        "an end that is none": lambda: signed(own, exp="never"),
        "an end beyond time": lambda: signed(own, exp=1e300),
        "no subject": lambda: signed(own, sub=None),
        "a subject that is no number": lambda: signed(own, sub="root"),
        "no organization": lambda: signed(own, org=None),
        "a changed body": lambda: _with_body(keys.sign(TOKEN), claims(sub="1")),
        "an embedded key": lambda: jwt.encode(
            claims(), theirs, "EdDSA", headers={"kid": kid, "jwk": {"kty": "OKP", "crv": "Ed25519"}}
        ),
    }
    return made[kind]() if kind else "|".join(made)


def _with_body(token: str, body: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    packed = base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")
    return f"{head}.{packed}.{signature}"


@pytest.mark.parametrize("kind", forged("").split("|"))
def test_forged_tokens_are_none(kind: str) -> None:
    with pytest.raises(LoginError, match="none of this installation's"):
        SigningKeys(["one"]).read(forged(kind), NOW)


@given(st.text(max_size=200))
def test_whatever_is_shown_as_a_token_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(LoginError):
        SigningKeys(["one"]).read(text, NOW)


def test_an_installation_without_secret_keys_makes_its_own(tmp_path: Path) -> None:
    path = tmp_path / "home" / "access-tokens.key"
    made = own_secret(path)
    assert made == own_secret(path) and len(made) == 64
    assert path.stat().st_mode & 0o777 == 0o600 and len(list(path.parent.iterdir())) == 1


def test_a_refresh_token_that_is_used_twice_ends_its_family(api: RunningApi) -> None:
    first = api.nobody.post("auth/login", json=LOGIN).json()
    second = api.nobody.post("auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert api.client(second["access_token"]).get("users/me").json()["email"] == "admin@example.org"
    stolen = api.nobody.post("auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert stolen.status_code == 401
    assert api.nobody.post("auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401


def test_logging_out_everywhere_ends_access_tokens_too(api: RunningApi) -> None:
    before = api["viewer"]
    assert before.post("auth/logout_everywhere").status_code == 204
    assert before.get("users/me").status_code == 401
    again = api.nobody.post("auth/login", json={**LOGIN, "email": "viewer@example.org"}).json()
    assert api.client(again["access_token"]).get("users/me").status_code == 200


def test_a_session_is_new_at_each_login_and_hidden_from_pages(api: RunningApi) -> None:
    browser = api.nobody
    fixed = "hob_" + "A" * 43
    browser.cookies.set(COOKIE, fixed)
    made = browser.post("auth/sessions", json=LOGIN)
    cookie = made.headers["set-cookie"]
    assert made.status_code == 201 and fixed not in cookie and "hob_" not in made.text
    assert all(part in cookie for part in (f"{COOKIE}=hob_", "HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    fresh = api.nobody
    fresh.cookies.set(COOKIE, fixed)
    assert fresh.get("users/me").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://testserver"},
    ],
)
def test_a_page_of_another_site_changes_nothing(api: RunningApi, headers: dict[str, str]) -> None:
    browser = api.nobody
    browser.post("auth/sessions", json=LOGIN)
    for path, body in (("projects/notes/builds", None), ("tokens", {"name": "x"})):
        led = browser.post(path, json=body, headers=headers)
        assert led.status_code == 403 and led.json()["type"] == "urn:hishamos:problem:cross-site-request"
    assert browser.get("tokens").json()["items"] == []
    # Nor does it log anybody in as somebody else.
    assert api.nobody.post("auth/sessions", json=LOGIN, headers=headers).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "https://testserver"}
    assert browser.post("projects/notes/builds", headers=own).status_code == 202


def test_pages_of_other_sites_read_nothing_unless_they_are_named(tmp_path: Path) -> None:
    asked = {"Origin": "https://board.example", "Access-Control-Request-Method": "GET"}
    with running_api(settings_at(tmp_path / "off")) as api:
        assert "access-control-allow-origin" not in api.nobody.get("health", headers=asked).headers
    with running_api(settings_at(tmp_path / "on"), api_origins="https://board.example") as api:
        named = api.nobody.get("health", headers=asked).headers
        assert named["access-control-allow-origin"] == "https://board.example"
        assert "access-control-allow-credentials" not in named
        other = api.nobody.get("health", headers={"Origin": "https://evil.example"}).headers
        assert other.get("access-control-allow-origin") != "https://evil.example"


def test_a_login_tells_nothing_of_who_has_an_account(api: RunningApi) -> None:
    """Known and unknown addresses take the same time, up to noise: both check a password's hash.

    It is the processor's time, which others on this machine do not add to.
    """
    took: dict[str, list[float]] = {"admin@example.org": [], "nobody@example.org": []}
    answers = set()
    for _ in range(2):  # then the delays begin
        for email, times in took.items():
            began = time.process_time()
            answer = api.nobody.post("auth/login", json={"email": email, "password": "wrong password here"})
            times.append(time.process_time() - began)
            answers.add((answer.status_code, answer.text))
    assert len(answers) == 1 and next(iter(answers))[0] == 401
    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.4 < known / unknown < 2.5


def test_guesses_are_slowed_down_and_then_refused_by_address(tmp_path: Path) -> None:
    with running_api(settings_at(tmp_path), api_logins_per_minute=20) as api:
        wrong = [api.nobody.post("auth/login", json={**LOGIN, "password": f"wrong {n}"}) for n in range(30)]
        statuses = [answer.status_code for answer in wrong]
        assert statuses.count(401) <= 10 and set(statuses[20:]) == {429}
        assert {answer.json()["type"] for answer in wrong[-5:]} == {"urn:hishamos:problem:too-many-requests"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in wrong[20:])
        # Tokens are guessed no faster.
        assert api.client("hos_" + "B" * 43).get("users/me").status_code == 429
        assert api["admin"].get("users/me").status_code == 200, (
            "whoever is logged in has a limit of their own"
        )


def test_requests_are_limited_by_person_and_said_to_be(tmp_path: Path) -> None:
    with running_api(settings_at(tmp_path), api_per_minute=5) as api:
        answers = [api["viewer"].get("users/me") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[0].headers["ratelimit-policy"] == '"requests";q=5;w=60'
        assert answers[4].headers["ratelimit"].startswith('"requests";r=0;')
        assert answers[5].json()["type"] == "urn:hishamos:problem:too-many-requests"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("users/me", {"is_superuser": True}, "is_superuser"),
        ("users/me", {"name": "Eve", "role": "admin"}, "role"),
        ("users/me", {"email": "root@example.org"}, "email"),
        ("organization", {"key": "acme"}, "key"),
    ],
)
def test_nobody_assigns_what_is_not_theirs(
    api: RunningApi, path: str, body: dict[str, Any], field: str
) -> None:
    answer = api["admin"].patch(path, json=body, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": field, "problem": "Extra inputs are not permitted", "fix": "leave it out"}
    ]


def test_every_fault_of_a_request_is_told_at_once(shared_api: RunningApi) -> None:
    body = {"name": "", "days": 900, "colour": "red"}
    problem = shared_api["admin"].post("tokens", json=body).json()
    assert problem["type"] == "urn:hishamos:problem:invalid-request"
    assert {item["field"] for item in problem["errors"]} == {"name", "days", "colour"}
    query = shared_api["admin"].get("projects?limit=0&colour=red&sort=colour")
    assert query.status_code == 422 and query.json()["errors"][0]["field"] == "colour"


@pytest.mark.parametrize(
    "value",
    ["\\ud800", "a\\u0000b", "[" * 60 + "]" * 60, "NaN", "1e999"],
    ids=["surrogate", "nul", "deep", "nan", "inf"],
)
def test_what_cannot_be_kept_and_answered_again_is_refused(api: RunningApi, value: str) -> None:
    text = value if value[0] in "[N1" else f'"{value}"'
    answer = api["viewer"].patch(
        "users/me",
        content=f'{{"preferences": {{"a": {text}}}}}',
        headers={"If-Match": "*", "Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 422)
    assert api["viewer"].get("users/me").json()["preferences"] == {}


def test_a_grant_has_an_end_that_every_database_knows(api: RunningApi) -> None:
    for end in ("9999-12-31T23:59:59-12:00", "2200-01-01T00:00:00Z", "2001-01-01T00:00:00Z"):
        given = {"email": "viewer@example.org", "action": "projects.build", "expires_at": end}
        assert api["admin"].post("grants", json=given).status_code == 422, end
    assert api["admin"].get("grants").json()["items"] == []


def test_what_nobody_knows_is_read_in_small_pieces(shared_api: RunningApi) -> None:
    many = {f"k{number}": 1 for number in range(5000)}
    refused = shared_api.nobody.post("auth/login", json=many)
    assert (refused.status_code, refused.headers["content-type"]) == (413, "application/problem+json")
    assert refused.json()["type"] == "urn:hishamos:problem:request-entity-too-large"
    some = shared_api["admin"].post("tokens", json={**many, "name": "ci"})
    assert some.status_code == 422 and len(some.content) < 2000
    large = {"title": "x" * 1_100_000}
    assert shared_api["admin"].patch("organization", json=large, headers={"If-Match": "*"}).status_code == 413


def test_nothing_stops_where_redis_is_away(tmp_path: Path) -> None:
    with running_api(settings_at(tmp_path), celery_broker="redis://127.0.0.1:1/0") as api:
        assert api.nobody.get("health").status_code == 200
        assert api["viewer"].get("users/me").status_code == 200


def test_addresses_of_one_network_are_one(tmp_path: Path) -> None:
    assert counted_as("2001:db8:1:2:3::4") == counted_as("2001:db8:1:2:ffff::1%eth0") == "2001:db8:1:2::/64"
    assert counted_as("2001:db8:1:3::1") != counted_as("2001:db8:1:2::1")
    assert (counted_as("192.0.2.7"), counted_as("")) == ("192.0.2.7", "")


def test_a_named_site_uses_tokens_and_never_the_browsers_cookie(tmp_path: Path) -> None:
    led = {"Sec-Fetch-Site": "same-site", "Origin": "https://board.example"}
    with running_api(settings_at(tmp_path), api_origins="https://board.example") as api:
        browser = api.nobody
        browser.post("auth/sessions", json=LOGIN)
        assert browser.post("projects/notes/builds", headers=led).status_code == 403
        assert api["developer"].post("projects/notes/builds", headers=led).status_code == 202
        assert api.nobody.post("auth/login", json=LOGIN, headers=led).status_code == 200


def test_logging_out_ends_what_is_shown(api: RunningApi) -> None:
    browser = api.nobody
    browser.post("auth/sessions", json=LOGIN)
    client = api.nobody.post("auth/login", json=LOGIN).json()
    cookie = browser.cookies[COOKIE]
    assert browser.post("auth/logout", json={"refresh_token": client["refresh_token"]}).status_code == 204
    kept = api.nobody
    kept.cookies.set(COOKIE, cookie)
    assert kept.get("users/me").status_code == 401
    assert api.nobody.post("auth/refresh", json={"refresh_token": client["refresh_token"]}).status_code == 401
    assert api.nobody.post("auth/logout").status_code == 422


def test_a_token_is_not_good_for_ones_own_account(api: RunningApi) -> None:
    made = api["admin"].post("tokens", json={"name": "builds", "scopes": ["projects.build"]}).json()
    client = api.client(made["token"])
    assert client.get("users/me").status_code == 403
    refused = client.get("projects").json()
    assert "the token's scopes do not allow projects.read" in refused["detail"]


def test_what_is_served_is_never_a_page(api: RunningApi) -> None:
    """Whatever a project's file holds, a browser that is led to it makes no page of it."""
    from hishamos_pipeline.core.artifacts.documents import TreeFile
    from hishamos_pipeline.core.text.hashing import sha256_text

    pages = {
        "index.html": "<script>alert(1)</script>",
        "a b/logo.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        'x"; filename=y.html': "alert(1)",
    }
    store = api.services.acting_as(OPERATOR).store
    store.units.add_blobs(pages.values())
    files = [TreeFile(path=p, sha256=sha256_text(t), size=len(t)) for p, t in pages.items()]
    store.deliveries.record_tree("notes", "/nowhere", files, passed=True)
    for path, text in pages.items():
        answer = api["viewer"].get(f"projects/notes/raw/{quoted(path)}")
        assert answer.text == text and answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="')
        assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
        shown = api["viewer"].get(f"projects/notes/files/{quoted(path)}")
        assert shown.json()["text"] == text and shown.headers["content-type"] == "application/json"
    part = api["viewer"].get("projects/notes/raw/index.html", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.text, part.headers["content-range"]) == (206, "<script>", "bytes 0-7/25")
    assert (
        api["viewer"].get("projects/notes/raw/index.html", headers={"Range": "bytes=-9"}).text == "</script>"
    )
    beyond = api["viewer"].get("projects/notes/raw/index.html", headers={"Range": "bytes=25-"})
    assert beyond.status_code == 416 and beyond.headers["content-range"] == "bytes */25"
    packed = zipfile.ZipFile(BytesIO(api["viewer"].get("projects/notes/download?folder=a%20b").content))
    assert packed.namelist() == ["notes/a b/logo.svg"]


def quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
        "....//....//etc/passwd", "..%5c..%5cetc", "%00", "src/../../home",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_a_project(shared_api: RunningApi, path: str) -> None:
    for route in ("files", "raw"):
        answer = shared_api["operator"].get(f"projects/notes/{route}/{path}")
        assert answer.status_code in (404, 422) and "root:" not in answer.text
    folder = shared_api["operator"].get("projects/notes/download", params={"folder": path})
    assert folder.status_code in (404, 422)


def test_packed_and_large_bodies_are_refused(tmp_path: Path) -> None:
    import gzip

    with running_api(settings_at(tmp_path), api_body_bytes=10_000) as api:
        bomb = gzip.compress(b"a" * 1_000_000)
        packed = api["admin"].post(
            "ideas", content=bomb, headers={"Content-Encoding": "gzip", "Content-Type": "text/markdown"}
        )
        assert packed.status_code == 415
        large = api["admin"].post("ideas", content=b"a" * 10_001, headers={"Content-Type": "text/markdown"})
        assert large.status_code == 413

        files = [("files", (f"f{n}.txt", b"x")) for n in range(1100)]
        many = api["admin"].post("ideas", data={"brief": "# T"}, files=files)
        assert many.status_code in (400, 413, 422)


def test_endless_and_slow_bodies_are_ended(tmp_path: Path) -> None:
    """On a real server: the client that sends on and on, and the one that sends a byte now and then."""
    with (
        running_api(settings_at(tmp_path), api_body_bytes=10_000, api_body_seconds=1.0) as api,
        served(api) as at,
    ):
        head = f"POST /api/v1/ideas HTTP/1.1\r\nHost: {at[0]}\r\nContent-Type: text/markdown\r\n"
        head += f"Authorization: Bearer {token_of(api['admin'])}\r\n"
        endless = [
            (head + "Transfer-Encoding: chunked\r\n\r\n").encode(),
            *[b"400\r\n" + b"a" * 1024 + b"\r\n"] * 20,
        ]
        assert b" 413 " in exchanged(at, endless)
        for path in ("ideas", "tokens", "auth/login"):
            said = head.replace("/api/v1/ideas", f"/api/v1/{path}").replace(
                "text/markdown", "application/json"
            )
            slow = [(said + "Content-Length: 5000\r\n\r\n").encode(), b"{"]
            assert b" 408 " in exchanged(at, slow), path


def exchanged(at: tuple[str, int], parts: list[bytes]) -> bytes:
    """What a server says to bytes that are sent one after another."""
    with socket.create_connection(at, timeout=10) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break  # it has said enough
        return connection.recv(4096)


def test_no_token_is_in_a_log_or_an_answer(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {token_of(api["admin"])}
    login = api.nobody.post("auth/login", json=LOGIN).json()
    secrets |= {login["access_token"], login["refresh_token"]}
    made = api["admin"].post("tokens", json={"name": "ci"}).json()
    secrets.add(made["token"])
    link = api["operator"].post("users/viewer@example.org/links", json={}).json()["token"]
    secrets.add(link)
    texts = [
        api["admin"].get(f"projects/notes/files/{secret[:200]}").text
        + api.client(secret + "x").get("users/me").text
        for secret in secrets
    ]
    for listed in ("tokens", "users", "invitations", "event_log"):
        texts.append(api["admin"].get(listed).text)
    texts.append(api["operator"].get("audit").text)
    logged = "\n".join(
        r.getMessage() for r in caplog.records if not r.name.startswith("httpx")
    )  # the client's own
    for secret in secrets:
        assert secret not in logged
        assert not [text for text in texts if secret in text]


def test_a_link_logs_in_once(api: RunningApi) -> None:
    link = people.own_login_link(api.services, OPERATOR)
    looked_at = {"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "no-cors"}
    assert (
        api.nobody.get("auth/login_by_link", params={"link": link.token}, headers=looked_at).status_code
        == 403
    )
    browser = api.nobody
    entered = browser.get("auth/login_by_link", params={"link": link.token}, follow_redirects=False)
    assert entered.status_code == 303 and entered.headers["location"] == "/api/docs"
    assert (
        entered.headers["cache-control"] == "no-store" and entered.headers["referrer-policy"] == "no-referrer"
    )
    assert browser.get("users/me").json()["email"] == link.email == "root@localhost.test"
    assert api.nobody.get("auth/login_by_link", params={"link": link.token}).status_code == 401
    assert browser.post("auth/logout").status_code == 204
    assert browser.get("users/me").status_code == 401
