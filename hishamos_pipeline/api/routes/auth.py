"""Logging in and out, by password, link or provider; second factors; joining by an invitation."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from hishamos_pipeline.api.caller import (
    COOKIE,
    KNOWN,
    Caller,
    Installation,
    address_of,
    agent_of,
    shown_token,
)
from hishamos_pipeline.api.fields import RequestBody, Secret
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.api.route import TOLD_ONCE, OpenRoute, ResourceRoute
from hishamos_pipeline.application import logins, mailed_links, oidc, organizations, second_factors
from hishamos_pipeline.application.logins import ClientTokens, LoggedIn, SessionView
from hishamos_pipeline.application.people import UserView
from hishamos_pipeline.application.second_factors import SecondFactor
from hishamos_pipeline.application.view import View
from hishamos_pipeline.errors import LoginError

opened = APIRouter(prefix="/auth", tags=["auth"], route_class=OpenRoute)
router = APIRouter(prefix="/auth", tags=["auth"], route_class=ResourceRoute, dependencies=KNOWN)
_STATE_COOKIE = "__Host-hishamos-login"
_HOME = "/api/docs"


class PasswordLogin(RequestBody):
    """An address and a password, with a code where there is a second factor.

    ``organization`` is the first of somebody's by default.
    """

    email: Annotated[str, Field(max_length=254)]
    password: Secret
    code: Annotated[str, Field(max_length=100)] = ""
    organization: Annotated[str, Field(max_length=63)] = ""

    def command(self, request: Request) -> logins.LogIn:
        """The login, from where it comes."""
        return logins.LogIn(**self.model_dump(), address=address_of(request), agent=agent_of(request))


class RefreshLogin(RequestBody):
    """A refresh token, which is used up by this."""

    refresh_token: Secret


class NewPassword(RequestBody):
    """The password now, and the one to come."""

    before: Secret
    password: Secret


class PasswordByLink(RequestBody):
    """A password, set by a link for one use."""

    link: Secret
    password: Secret


class MailedLink(RequestBody):
    """Where a link is mailed to."""

    email: Annotated[str, Field(min_length=3, max_length=254)]


class Registration(RequestBody):
    """Somebody joins by an invitation; with an account already, by its password."""

    link: Secret
    password: Secret
    name: Annotated[str, Field(max_length=200)] = ""


class PasswordOnly(RequestBody):
    """The password, so that nobody changes a second factor at somebody's open screen."""

    password: Secret


class CodeOnly(RequestBody):
    """A code of the authenticator."""

    code: Annotated[str, Field(min_length=6, max_length=10)]


class BrowserSession(View):
    """Who has logged in; the session itself is in the cookie."""

    email: str
    organization: str
    expires_at: datetime


class RecoveryCodes(View):
    """Codes for one use each, in place of the authenticator's; they are told this once."""

    codes: tuple[str, ...]


class LoginProviders(View):
    """Names of the OpenID Connect providers that people log in by."""

    providers: tuple[str, ...]


@opened.post("/login")
def login(request: Request, response: Response, services: Installation, body: PasswordLogin) -> ClientTokens:
    """Log a program in: an access token for ten minutes, and a refresh token for the next."""
    response.headers.update(TOLD_ONCE)
    return logins.log_in_client(services, body.command(request))


@opened.post("/refresh")
def refresh(response: Response, services: Installation, body: RefreshLogin) -> ClientTokens:
    """Exchange a refresh token for new tokens; one that is used twice ends all that come from its login."""
    response.headers.update(TOLD_ONCE)
    return logins.refresh(services, body.refresh_token)


@opened.post("/logout", status_code=204)
def logout(
    request: Request, response: Response, services: Installation, body: RefreshLogin | None = None
) -> None:
    """Log out: the login of a refresh token, and the browser's session. Access tokens run out within ten minutes."""
    shown = [*([body.refresh_token] if body else []), shown_token(request)]
    ended = [logins.log_out(services, token) for token in shown if token]
    if not ended:
        raise ApiError(
            422, "invalid-request", "show the refresh token of the login, or the session, that is to end"
        )
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")


@opened.post("/sessions", status_code=201)
def open_session(
    request: Request, response: Response, services: Installation, body: PasswordLogin
) -> BrowserSession:
    """Log a browser in, by a cookie."""
    found = logins.log_in(services, body.command(request))
    _set_cookie(response, found)
    response.headers.update(TOLD_ONCE)
    return BrowserSession(**found.model_dump(exclude={"token"}))


@opened.post("/register", status_code=201)
def register(request: Request, services: Installation, body: Registration) -> UserView:
    """Join an organization by an invitation."""
    given = organizations.AcceptInvitation(**body.model_dump(), address=address_of(request))
    return organizations.accept_invitation(services, given)


@opened.post("/password_requests", status_code=202)
def ask_for_password_link(services: Installation, background: BackgroundTasks, body: MailedLink) -> None:
    """Have a link for setting a password mailed to whoever has this address; the answer is the same for all."""
    mailed_links.require_mail(services)
    background.add_task(mailed_links.mail_password_link, services, body.email)


@opened.post("/registration_requests", status_code=202)
def ask_to_join(services: Installation, background: BackgroundTasks, body: MailedLink) -> None:
    """Have an invitation mailed, where anybody may join; the answer is the same for all."""
    mailed_links.require_open_registration(services)
    background.add_task(mailed_links.mail_invitation, services, body.email)


@opened.post("/password_by_link", status_code=204)
def set_password_by_link(services: Installation, body: PasswordByLink) -> None:
    """Set a password by a link for one use."""
    logins.set_password_by_link(services, body.link, body.password)


@opened.get("/login_by_link", response_class=RedirectResponse, status_code=303)
def login_by_link(
    request: Request,
    services: Installation,
    link: Annotated[str, Query(min_length=1, max_length=200)],
    organization: Annotated[
        str, Query(max_length=63, description="Which of yours; the first without it.")
    ] = "",
) -> RedirectResponse:
    """Log a browser in by a link for one use, as `hishamos dev` prints it."""
    if request.headers.get("sec-purpose") or request.headers.get("sec-fetch-mode", "navigate") != "navigate":
        raise ApiError(403, "not-a-visit", "this link is for somebody who opens it, once")
    found = logins.log_in_by_link(services, link, address_of(request), agent_of(request), organization)
    response = RedirectResponse(_HOME, 303, headers={"Referrer-Policy": "no-referrer", **TOLD_ONCE})
    _set_cookie(response, found)
    return response


@opened.get("/oidc")
def list_login_providers(services: Installation) -> LoginProviders:
    """List the OpenID Connect providers that people log in by."""
    return LoginProviders(providers=tuple(oidc.providers(services)))


@opened.get("/oidc/callback", response_class=RedirectResponse, status_code=303)
def end_provider_login(
    request: Request,
    services: Installation,
    state: Annotated[str, Query(max_length=500)],
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
    error_description: Annotated[str, Query(max_length=2000)] = "",
    iss: Annotated[str, Query(max_length=500)] = "",
    session_state: Annotated[str, Query(max_length=500)] = "",
    scope: Annotated[str, Query(max_length=1000)] = "",
) -> RedirectResponse:
    """End a login by a provider: where it sends the browser back to."""
    if error:
        raise LoginError(
            f"the provider has not logged you in: {error[:100]} {error_description[:300]}".strip()
        )
    given = oidc.FinishLogin(
        code=code,
        state=state,
        kept_state=request.cookies.get(_STATE_COOKIE, ""),
        address=address_of(request),
        agent=agent_of(request),
    )
    found = oidc.finish(services, given)
    response = RedirectResponse(_HOME, 303, headers=TOLD_ONCE)
    _set_cookie(response, found)
    response.delete_cookie(_STATE_COOKIE, secure=True, httponly=True, samesite="lax")
    return response


@opened.get("/oidc/{provider}", response_class=RedirectResponse, status_code=303)
def begin_provider_login(request: Request, services: Installation, provider: str) -> RedirectResponse:
    """Begin a login by a provider: the browser is sent there."""
    base = services.settings.api_url or str(request.base_url).rstrip("/")
    begun = oidc.begin(services, provider, f"{base}/api/v1/auth/oidc/callback")
    response = RedirectResponse(begun.url, 303, headers=TOLD_ONCE)
    _keep(response, _STATE_COOKIE, begun.state, 600)
    return response


@router.get("/sessions")
def list_sessions(caller: Caller) -> list[SessionView]:
    """List the browsers that you are logged in with."""
    return logins.list_sessions(caller.services, caller.actor)


@router.post("/logout_everywhere", status_code=204)
def logout_everywhere(caller: Caller) -> None:
    """End all your sessions and logins of programs; API tokens stay."""
    logins.log_out_everywhere(caller.services, caller.actor)


@router.post("/password", status_code=204)
def change_password(caller: Caller, body: NewPassword) -> None:
    """Change your password; every login ends."""
    logins.change_password(caller.services, caller.actor, body.before, body.password)


@router.post("/second_factor", status_code=201)
def begin_second_factor(caller: Caller, response: Response, body: PasswordOnly) -> SecondFactor:
    """Begin to set up your second factor: a secret for an authenticator."""
    response.headers.update(TOLD_ONCE)
    return second_factors.begin_second_factor(caller.services, caller.actor, body.password)


@router.post("/second_factor/confirm")
def confirm_second_factor(caller: Caller, response: Response, body: CodeOnly) -> RecoveryCodes:
    """Turn your second factor on by a code of it."""
    response.headers.update(TOLD_ONCE)
    codes = second_factors.confirm_second_factor(caller.services, caller.actor, body.code)
    return RecoveryCodes(codes=tuple(codes))


@router.post("/second_factor/remove", status_code=204)
def remove_second_factor(caller: Caller, body: PasswordOnly) -> None:
    """Remove your second factor."""
    second_factors.remove_second_factor(caller.services, caller.actor, body.password)


def _set_cookie(response: Response, found: LoggedIn) -> None:
    _keep(response, COOKIE, found.token, int(logins.SESSION_LASTS.total_seconds()))


def _keep(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
