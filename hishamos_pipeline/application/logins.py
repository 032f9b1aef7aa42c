"""Logging in and out, and who somebody is by what they show: a session, a refresh token, an API token, a link.

What is wrong with a login is never told in part: an address that nobody has, a wrong password, and an account that is
switched off all give the same answer, after the same time. Rights are read anew each time: whoever is demoted or
switched off is that at the next request.
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from hishamos_pipeline.accounts import passwords, second_factor, tokens
from hishamos_pipeline.accounts.delays import FORGOTTEN_AFTER, open_again_at
from hishamos_pipeline.accounts.policy import actions_of
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import Role
from hishamos_pipeline.errors import AccountError, LoginError, PersonNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.credentials.repository import decrypted, encrypted
from hishamos_pipeline.store.people.records import User

SESSION_LASTS, REFRESH_LASTS = timedelta(days=14), timedelta(days=30)
_WRONG = "the address, the password or the code is wrong"


class LogIn(UseCaseInput):
    """Somebody wants in.

    Args:
        email: their address.
        password: their password.
        code: of the authenticator, or a recovery code, where they have a second factor.
        organization: which of theirs; empty for the first.
        address: where the request comes from.
        agent: what the browser calls itself.
    """

    email: str
    password: str
    code: str = ""
    organization: str = ""
    address: str = ""
    agent: str = ""


class LoggedIn(View):
    """A new session or refresh token, which is told this once, and until when it is good."""

    token: str
    email: str
    organization: str
    expires_at: datetime


class SessionView(View):
    """A browser that somebody is logged in with."""

    id: int
    organization: str
    address: str
    agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def log_in(services: Services, command: LogIn) -> LoggedIn:
    """Log a browser in.

    Raises:
        LoginError: something is wrong, it has to be waited, or the second factor is missing.
    """
    user, organization = _known(services, command)
    token, ends = tokens.new_token(tokens.SESSION), services.store.clock.now() + SESSION_LASTS
    services.store.logins.add_session(
        tokens.digest(token), user.id, organization, ends, command.address, command.agent
    )
    return LoggedIn(token=token, email=user.email, organization=organization, expires_at=ends)


def log_in_client(services: Services, command: LogIn) -> LoggedIn:
    """Log a program in: what it gets is a refresh token, which is good for one more, and so on.

    Raises:
        LoginError: as for ``log_in``.
    """
    user, organization = _known(services, command)
    return _new_refresh(services, user, organization, str(uuid.uuid4()))


def refresh(services: Services, token: str) -> LoggedIn:
    """A new refresh token for one that was not used yet; one that was ends all that come from the same login.

    Raises:
        LoginError: it is none, or no longer.
    """
    found = services.store.logins.use_refresh(tokens.digest(token))
    now = services.store.clock.now()
    if found is None or found.used_at or found.revoked_at or found.expires_at <= now:
        raise LoginError("this refresh token is good for nothing any more: log in again")
    user = services.store.users.get(found.user_id)
    if not user.is_active or found.organization not in services.store.organizations.roles(user.id):
        raise LoginError("this refresh token is good for nothing any more: log in again")
    return _new_refresh(services, user, found.organization, found.family)


def log_out(services: Services, token: str) -> bool:
    """End a session, or all refresh tokens of a login; whether there was one."""
    digest = tokens.digest(token)
    return services.store.logins.end_session(digest) or services.store.logins.end_family(digest)


def log_in_by_link(services: Services, link: str, address: str = "", agent: str = "") -> LoggedIn:
    """Log a browser in by a link for one use.

    Raises:
        LoginError: it was used, or has run out.
    """
    user_id = services.store.logins.use_link(tokens.digest(link), "login")
    user = services.store.users.get(user_id) if user_id is not None else None
    if user is None or not user.is_active:
        raise LoginError("this link was used, or has run out: ask for another one")
    organization = _organization_of(services, user, "")
    token, ends = tokens.new_token(tokens.SESSION), services.store.clock.now() + SESSION_LASTS
    services.store.logins.add_session(tokens.digest(token), user.id, organization, ends, address, agent)
    services.store.users.logged_in(user.id)
    return LoggedIn(token=token, email=user.email, organization=organization, expires_at=ends)


def set_password_by_link(services: Services, link: str, password: str) -> str:
    """Set a password by a link for one use; the address whose it is.

    Raises:
        LoginError: the link was used, or has run out.
        AccountError: the password is none; the link stays good.
    """
    store = services.store
    digest = tokens.digest(link)
    user_id = store.logins.link(digest, "password")
    user = store.users.get(user_id) if user_id is not None else None
    if user is None or not user.is_active:
        raise LoginError("this link was used, or has run out: ask for another one")
    if faults := passwords.faults(password, user.email, user.name):
        raise AccountError("; ".join(faults))
    if store.logins.use_link(digest, "password") is None:
        raise LoginError("this link was used, or has run out: ask for another one")
    store.users.set_password(user.id, passwords.hashed(password))
    return user.email


def actor_of_token(services: Services, token: str, via: str = "api") -> Actor:
    """Whoever shows an API token or a session's, with the rights that they have now.

    Raises:
        LoginError: it is none, has run out, or its owner is switched off or no member any more.
    """
    store, digest = services.store, tokens.digest(token)
    scopes: frozenset[str] | None = None
    if token.startswith(f"{tokens.SESSION}_"):
        session = store.logins.session(digest)
        found = (session.user_id, session.organization) if session else None
    else:
        kept = store.logins.token(digest)
        found = (kept.user_id, kept.organization) if kept else None
        scopes = actions_of(kept.scopes.split(",")) if kept else None
    if found is None:
        raise LoginError("nobody is logged in by this token: log in, or make a new token")
    return actor_of(services, store.users.get(found[0]), found[1], via=via, scopes=scopes)


def actor_of(
    services: Services, user: User, organization: str = "", *, via: str, scopes: frozenset[str] | None = None
) -> Actor:
    """The actor that a user is in one of their organizations, by default the first.

    Raises:
        LoginError: the account is switched off, or the user is no member there.
    """
    if not user.is_active:
        raise LoginError(f"the account {user.email} is switched off")
    own = organization or _organization_of(services, user, "")
    role: Role | Literal[""] = services.store.organizations.roles(user.id).get(own) or ""
    if not role and not user.is_superuser:
        raise LoginError(f"{user.email} is no member of {own}")
    if (
        user.kind == "person"
        and not user.totp_enabled
        and services.store.organizations.get(own).needs_second_factor
    ):
        scopes = frozenset()  # nothing but to set one up
    return Actor(
        user.email,
        organization=own,
        via=via,
        user_id=user.id,
        role=role,
        superuser=user.is_superuser,
        scopes=scopes,
    )


def list_sessions(services: Services, actor: Actor) -> list[SessionView]:
    """The browsers that the actor is logged in with."""
    return [SessionView.of(item) for item in services.store.logins.sessions_of(_own_id(actor))]


def log_out_everywhere(services: Services, actor: Actor) -> None:
    """End every session and refresh token of the actor."""
    services.acting_as(actor).store.users.log_out_everywhere(_own_id(actor))


def change_password(services: Services, actor: Actor, before: str, password: str) -> None:
    """Change the actor's own password; every other login of theirs ends.

    Raises:
        LoginError: the password before is wrong.
        AccountError: the new one is none.
    """
    store = services.acting_as(actor).store
    user = store.users.get(_own_id(actor))
    fits, _ = passwords.verify(before, store.users.secrets(user.id).password_hash)
    if not fits:
        raise LoginError("the password before is wrong")
    if faults := passwords.faults(password, user.email, user.name):
        raise AccountError("; ".join(faults))
    store.users.set_password(user.id, passwords.hashed(password))


class SecondFactor(View):
    """A secret for an authenticator, and the address that it reads it from."""

    secret: str
    address: str


def begin_second_factor(services: Services, actor: Actor) -> SecondFactor:
    """Begin to set up the actor's second factor; it counts once a code of it was shown.

    Raises:
        AccountError: there is one already.
        CredentialError: there is no key to encrypt its secret with.
    """
    store = services.acting_as(actor).store
    user = store.users.get(_own_id(actor))
    if user.totp_enabled:
        raise AccountError("there is a second factor already: remove it first")
    secret = second_factor.new_secret()
    store.users.begin_second_factor(user.id, encrypted(secret, services.settings.secret_key_list))
    return SecondFactor(secret=secret, address=second_factor.address(secret, user.email))


def confirm_second_factor(services: Services, actor: Actor, code: str) -> list[str]:
    """Turn the second factor on by a code of it; recovery codes, which are told this once.

    Raises:
        LoginError: the code is wrong.
        AccountError: nothing was begun.
    """
    store = services.acting_as(actor).store
    user_id = _own_id(actor)
    kept = store.users.secrets(user_id)
    if not kept.totp_secret or kept.totp_enabled:
        raise AccountError("no second factor was begun")
    secret = decrypted(kept.totp_secret, services.settings.secret_key_list)
    step = second_factor.step_of(secret, code, store.clock.now(), kept.totp_last_step)
    if not step:
        raise LoginError("the code is wrong: is the clock of the authenticator right?")
    codes = second_factor.new_recovery_codes()
    store.users.enable_second_factor(user_id, step, [tokens.digest(item) for item in codes])
    return codes


def remove_second_factor(services: Services, actor: Actor, password: str) -> None:
    """Ask for no second factor any more.

    Raises:
        LoginError: the password is wrong.
        AccountError: the organization asks for one.
    """
    store = services.acting_as(actor).store
    user_id = _own_id(actor)
    if not passwords.verify(password, store.users.secrets(user_id).password_hash)[0]:
        raise LoginError("the password is wrong")
    if asking := [
        key for key in store.organizations.roles(user_id) if store.organizations.get(key).needs_second_factor
    ]:
        raise AccountError(f"{asking[0]} asks its members for a second factor")
    store.users.disable_second_factor(user_id)


def _known(services: Services, command: LogIn) -> tuple[User, str]:
    """Who somebody is by address, password and second factor, and in which organization."""
    store = services.store
    email = command.email.strip().lower()
    account = hashlib.sha256(email.encode()).hexdigest()
    _require_waited(services, account, command.address)
    user = store.users.named(email)
    kept = store.users.secrets(user.id) if user else None
    fits, newer = passwords.verify(command.password, kept.password_hash if kept else "")
    if user is None or not fits or not user.is_active:
        store.logins.note_attempt(account, command.address, succeeded=False)
        raise LoginError(_WRONG)
    if user.totp_enabled:
        if not command.code:
            raise LoginError("a code of the authenticator is needed, or a recovery code", needs_code=True)
        if not _is_code(services, user, command.code):
            store.logins.note_attempt(account, command.address, succeeded=False)
            raise LoginError(_WRONG, needs_code=True)
    organization = _organization_of(services, user, command.organization)
    store.logins.note_attempt(account, command.address, succeeded=True)
    if newer:
        store.users.rehash(user.id, newer)
    store.users.logged_in(user.id)
    return user, organization


def _is_code(services: Services, user: User, code: str) -> bool:
    """Whether a code is the authenticator's, or one for recovery, that was not used yet; it is used up."""
    store = services.store
    kept = store.users.secrets(user.id)
    secret = decrypted(kept.totp_secret, services.settings.secret_key_list)
    step = second_factor.step_of(secret, code, store.clock.now(), kept.totp_last_step)
    if step:
        return store.users.use_step(user.id, step)
    return store.users.use_recovery_code(user.id, tokens.digest(code.strip().lower()))


def _require_waited(services: Services, account: str, address: str) -> None:
    """Make sure that enough time has passed since the wrong logins of an account, and of an address."""
    store = services.store
    now = store.clock.now()
    since = now - FORGOTTEN_AFTER
    asked: Sequence[dict[str, str]] = [{"account": account}, *([{"address": address}] if address else [])]
    for which in asked:
        found = store.logins.failures(since=since, **which)
        opens = open_again_at(found.count, found.last)
        if opens is not None and opens > now:
            wait = (opens - now).total_seconds()
            raise LoginError(f"too many wrong logins: try again in {wait:.0f} s", wait=wait)


def _organization_of(services: Services, user: User, wanted: str) -> str:
    """The organization that somebody logs in to."""
    roles = services.store.organizations.roles(user.id)
    if wanted:
        if wanted not in roles and not user.is_superuser:
            raise LoginError(_WRONG)
        return services.store.organizations.get(wanted).key
    if not roles and not user.is_superuser:
        raise LoginError("this account is a member of no organization: ask an admin for an invitation")
    return next(iter(roles), "default")


def _new_refresh(services: Services, user: User, organization: str, family: str) -> LoggedIn:
    token, ends = tokens.new_token(tokens.REFRESH), services.store.clock.now() + REFRESH_LASTS
    services.store.logins.add_refresh(tokens.digest(token), family, user.id, organization, ends)
    return LoggedIn(token=token, email=user.email, organization=organization, expires_at=ends)


def _own_id(actor: Actor) -> int:
    if not actor.user_id or actor.kind != "user":
        raise PersonNotFoundError(f"{actor.label} has no account")
    return actor.user_id
