"""Logging in by OpenID Connect: the authorization code flow with PKCE, as a client.

See https://openid.net/specs/openid-connect-core-1_0.html and RFC 9700: state, nonce and verifier for each login, exact
issuer and audience, signatures by the provider's published keys alone, and no redirect followed.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from hishamos_pipeline.errors import LoginError
from hishamos_pipeline.settings import OidcProvider

# Signatures by a private key: with any other, whoever knows the public key could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_SECONDS, _MOST_BYTES, _LEEWAY_SECONDS = 10.0, 1_000_000, 60


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked for what."""

    authorization: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """Who has logged in, as the provider vouches for."""

    email: str
    name: str
    groups: tuple[str, ...]


def new_verifier() -> str:
    """A verifier for PKCE (RFC 7636)."""
    return secrets.token_urlsafe(64)


def discover(provider: OidcProvider) -> Endpoints:
    """What a provider publishes about itself.

    Raises:
        LoginError: it cannot be reached, or is another one than it was said to be.
    """
    found = _json("GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise LoginError("the provider calls itself otherwise than HISHAMOS_OIDC does: correct `issuer`")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    endpoints = [str(found.get(name, "")) for name in names]
    for name, url in zip(names, endpoints, strict=True):
        if not _is_safe(url):
            raise LoginError(f"the provider's {name} is no https:// address")
    return Endpoints(*endpoints)


def address(
    provider: OidcProvider, endpoints: Endpoints, *, state: str, nonce: str, verifier: str, redirect_uri: str
) -> str:
    """Where a browser is sent to log in."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": redirect_uri,
        "scope": provider.scopes, "state": state, "nonce": nonce, "code_challenge": challenge,
        "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{endpoints.authorization}{'&' if '?' in endpoints.authorization else '?'}{urlencode(query)}"


def exchange(
    provider: OidcProvider, endpoints: Endpoints, code: str, *, verifier: str, redirect_uri: str, secret: str
) -> str:
    """The identity token for a code.

    Raises:
        LoginError: the provider refuses, or gives none.
    """
    given = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
        "client_id": provider.client_id, "code_verifier": verifier,
    }  # fmt: skip
    login = (provider.client_id, secret) if secret else None
    found = _json("POST", endpoints.token, data=given, login=login)
    token = found.get("id_token")
    if not isinstance(token, str):
        raise LoginError("the provider gave no identity token: does its client ask for the scope `openid`?")
    return token


def identity(
    provider: OidcProvider, endpoints: Endpoints, token: str, nonce: str, now: datetime
) -> OidcIdentity:
    """Who an identity token is about, after everything about it was checked.

    Raises:
        LoginError: something is not as it has to be; what it is, is for the log.
    """
    claims = _claims(provider, _json("GET", endpoints.keys), token)
    if not all(isinstance(claims[name], int | float) for name in ("iat", "exp")):
        raise LoginError("the provider's token has no times")
    age = now.timestamp() - claims["iat"]
    if now.timestamp() > claims["exp"] + _LEEWAY_SECONDS or age < -_LEEWAY_SECONDS:
        raise LoginError("the provider's token is not of now")
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise LoginError("the provider's token is not for this login")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if len(audience) > 1 and claims.get("azp") != provider.client_id:
        raise LoginError("the provider's token is for somebody else, too")
    if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
        raise LoginError("the provider does not vouch for an e-mail address: it has to be verified there")
    groups = claims.get(provider.groups, ())
    listed = groups if isinstance(groups, list) else [groups] if isinstance(groups, str) else []
    return OidcIdentity(str(claims["email"]), str(claims.get("name", ""))[:200], tuple(map(str, listed)))


def _claims(provider: OidcProvider, published: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The claims of a token that one of the published keys has signed."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise LoginError("the provider's token is not signed in a way that is taken")
        keys = [
            key
            for key in jwt.PyJWKSet.from_dict(dict(published)).keys
            if key.public_key_use in (None, "sig")
            and (header.get("kid") is None or key.key_id == header["kid"])
        ]
        if len(keys) != 1:
            raise LoginError("the provider's token names no key that it publishes")
        if keys[0].algorithm_name not in ALGORITHMS or keys[0].algorithm_name != header["alg"]:
            raise LoginError("the provider's token is signed otherwise than its key says")
        found: dict[str, Any] = jwt.decode(
            token,
            keys[0].key,
            algorithms=[header["alg"]],
            audience=provider.client_id,
            issuer=provider.issuer,
            # The times are compared with the installation's own clock.
            options={"require": ["exp", "iat", "aud", "iss", "sub"], "verify_exp": False, "verify_iat": False,
                     "verify_nbf": False},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise LoginError(f"the provider's token cannot be taken: {type(error).__name__}") from None
    return found


def _is_safe(url: str) -> bool:
    found = urlsplit(url)
    return found.scheme == "https" or (
        found.scheme == "http" and found.hostname in ("127.0.0.1", "localhost")
    )


def _json(
    verb: str, url: str, *, data: Mapping[str, str] | None = None, login: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Ask a provider; what it answers is an object of at most a megabyte."""
    import requests

    try:
        with requests.request(
            verb, url, data=data, auth=login, timeout=_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            body = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
            status = answer.status_code
    except requests.RequestException as error:
        raise LoginError(f"the provider cannot be reached: {type(error).__name__}") from None
    if status != 200 or len(body) > _MOST_BYTES:
        raise LoginError(f"the provider answered {status} at {urlsplit(url).path}")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LoginError(f"the provider's answer at {urlsplit(url).path} is no object")
    return found
