"""Logging in by a provider of OpenID Connect: begun here, ended there, and brought back by the browser."""

import secrets
from datetime import timedelta

from hishamos_pipeline.accounts import oidc, tokens
from hishamos_pipeline.accounts.lookup import address_of
from hishamos_pipeline.application.logins import LoggedIn, new_session
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import ROLES, Role
from hishamos_pipeline.errors import LoginError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import OidcProvider
from hishamos_pipeline.store.logins.records import OidcLogin
from hishamos_pipeline.store.people.records import User

_LASTS = timedelta(minutes=10)


class BegunLogin(View):
    """Where the browser goes, and what it has to bring back: the ``state`` is kept in a cookie of that browser."""

    url: str
    state: str


class FinishLogin(UseCaseInput):
    """What the browser brings back, and the state that it was given."""

    code: str
    state: str
    kept_state: str
    address: str = ""
    agent: str = ""


def providers(services: Services) -> list[str]:
    """The names of the providers that people log in by."""
    return sorted(services.settings.oidc)


def begin(services: Services, provider: str, redirect_uri: str) -> BegunLogin:
    """Begin a login.

    Raises:
        UsageError: there is no such provider.
        LoginError: it cannot be reached, or is not the one that it was said to be.
    """
    given = _provider(services, provider)
    state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), oidc.new_verifier()
    url = oidc.address(
        given, oidc.discover(given), state=state, nonce=nonce, verifier=verifier, redirect_uri=redirect_uri
    )
    begun = OidcLogin(provider, nonce, verifier, redirect_uri)
    services.store.logins.begin_oidc(tokens.digest(state), begun, services.store.clock.now() + _LASTS)
    return BegunLogin(url=url, state=state)


def finish(services: Services, command: FinishLogin) -> LoggedIn:
    """End a login, and log the browser in; groups of the provider decide the role, at each login anew.

    Raises:
        LoginError: it was not begun by this browser, has run out, or the provider's word is not good for it.
    """
    state = tokens.digest(command.state)
    same = bool(command.state) and secrets.compare_digest(state, tokens.digest(command.kept_state))
    begun = services.store.logins.end_oidc(state) if same else None
    if begun is None or begun.provider not in services.settings.oidc:
        raise LoginError("this login was not begun in this browser, or took too long: begin again")
    given = services.settings.oidc[begun.provider]
    endpoints = oidc.discover(given)
    secret = services.key(given.secret) if given.secret else ""
    token = oidc.exchange(
        given,
        endpoints,
        command.code,
        verifier=begun.verifier,
        redirect_uri=begun.redirect_uri,
        secret=secret,
    )
    found = oidc.identity(given, endpoints, token, begun.nonce, services.store.clock.now())
    user = _user(services, begun.provider, given, found)
    return new_session(services, user, given.organization, command.address, command.agent)


def _user(services: Services, name: str, given: OidcProvider, found: oidc.OidcIdentity) -> User:
    """The account of whoever has logged in, with the role that their groups give."""
    acting = services.acting_as(Actor(f"oidc:{name}", "installation", given.organization, "oidc"))
    store, email, role = acting.store, address_of(found.email), _role(given, found)
    user = store.users.named(email)
    if user is None and not given.create:
        raise LoginError(f"{email} has no account here: ask an admin for one")
    if user is not None and (not user.is_active or user.kind != "person"):
        raise LoginError(f"the account {email} is switched off")
    user = user or store.users.add(email, found.name)
    if store.organizations.roles(user.id).get(given.organization) != role:
        store.organizations.set_role(user.id, role)
    return user


def _role(given: OidcProvider, found: oidc.OidcIdentity) -> Role:
    """The highest role of somebody's groups, or the one for everybody else."""
    roles = [given.roles[group] for group in found.groups if group in given.roles]
    if roles:
        return max(roles, key=ROLES.index)
    if not given.default_role:
        raise LoginError("none of your groups at the provider has a role here: ask an admin")
    return given.default_role


def _provider(services: Services, name: str) -> OidcProvider:
    if name not in services.settings.oidc:
        known = ", ".join(providers(services)) or "none"
        raise UsageError(f"there is no provider {name!r} in HISHAMOS_OIDC: {known}")
    return services.settings.oidc[name]
