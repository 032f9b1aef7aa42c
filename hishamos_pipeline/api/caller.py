"""Who makes a request: by a bearer token, or by the cookie of a browser's session."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from hishamos_pipeline.accounts import tokens
from hishamos_pipeline.accounts.delays import counted_as
from hishamos_pipeline.api.limits import RateLimits, RateState
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.application import logins
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import LoginError
from hishamos_pipeline.generation.services import Services

# Browsers keep a cookie of this name for this host alone, and send it over HTTPS alone (RFC 6265bis, section 4.1.3).
COOKIE = "__Host-hishamos"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="An access token of a login, or an API token (`hos_…`).",
)
cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="A browser's session."
)


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """Whoever makes a request, with services that work for them."""

    services: Services
    actor: Actor


def services_of(request: Request) -> Services:
    """The services of the installation."""
    found: Services = request.app.state.services
    return found


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy, what a proxy that is trusted says."""
    return request.client.host if request.client else ""


def agent_of(request: Request) -> str:
    """What the program that makes a request calls itself."""
    return request.headers.get("user-agent", "")[:300]


async def authenticate(request: Request) -> KnownCaller:
    """Find out who makes a request; ``Caller`` is handed to its route.

    Raises:
        LoginError: nobody is logged in by what they show.
        ApiError: a browser was led here by another site, or there are too many requests.
    """
    known = await run_in_threadpool(_authenticate, request)
    request.state.caller = known
    return known


async def authenticated_still(request: Request) -> KnownCaller:
    """Whoever made a request that goes on, with the rights that they have by now; it is not counted again.

    Raises:
        LoginError: nobody is logged in by what they showed any more.
    """
    services = services_of(request)
    token = shown_token(request)
    actor = await run_in_threadpool(logins.actor_of_token, services, token)
    return KnownCaller(services.acting_as(actor), actor)


def unknown_caller(request: Request) -> None:
    """Count a request that needs no login, and refuse what a browser was led to.

    Raises:
        ApiError: there are too many of that address, or another site has made the browser do it.
    """
    named = frozenset() if COOKIE in request.cookies else request.app.state.origins
    _refuse_led_browsers(request, named)
    _count(request, limits_of(request).count_unknown(address_of(request)))


def limits_of(request: Request) -> RateLimits:
    """The limits of the installation."""
    found: RateLimits = request.app.state.limits
    return found


def shown_token(request: Request) -> str:
    """The token that a request shows, in its header or its cookie; empty for none.

    Raises:
        ApiError: it is a cookie, and another site has made the browser send it.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    session = request.cookies.get(COOKIE, "")
    if session:
        _refuse_led_browsers(request)
    return session


def _authenticate(request: Request) -> KnownCaller:
    token = shown_token(request)
    services, limits = services_of(request), limits_of(request)
    try:
        if not token:
            raise LoginError("log in, and show the token as `Authorization: Bearer …`")
        actor = logins.actor_of_token(services, token)
    except LoginError:
        _count(request, limits.count_unknown(address_of(request)))
        raise
    counted = [f"user:{actor.user_id}"]
    if actor.kind != "agent":  # those of all people call from one address, each time by another token
        counted += [f"token:{tokens.digest(token)[:32]}", f"address:{counted_as(address_of(request))}"]
    _count(request, limits.count(*counted))
    return KnownCaller(services.acting_as(actor), actor)


def _count(request: Request, state: RateState) -> None:
    request.state.rate = state


def _refuse_led_browsers(request: Request, named: Collection[str] = ()) -> None:
    """Refuse what changes something when a page of another site has made the browser send it.

    Browsers say so in headers that pages cannot set (Fetch Metadata); older ones at least name the page's origin.

    Args:
        request: the request.
        named: origins whose pages may, where nothing hangs on the browser's cookie.
    """
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = urlsplit(str(request.base_url)).netloc
    led = (
        site not in ("same-origin", "none") if site else origin is not None and urlsplit(origin).netloc != own
    )
    if led and origin not in named:
        raise ApiError(403, "cross-site-request", "a page of another site has made this request")


# What is asked of every request must not wait for a thread: FastAPI runs dependencies that are not async in one.
async def _caller(request: Request) -> KnownCaller:
    found: KnownCaller = request.state.caller
    return found


async def _installation(request: Request) -> Services:
    return services_of(request)


Caller = Annotated[KnownCaller, Depends(_caller)]
Installation = Annotated[Services, Depends(_installation)]


async def _documented(
    _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    __: Annotated[str | None, Security(cookie)],
) -> None:
    """Say in the OpenAPI document how people are known; ``route.ResourceRoute`` finds out whether they are."""


# What every router of resources depends on.
KNOWN = [Depends(_documented)]
