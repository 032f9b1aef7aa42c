"""Logging in and out, and who somebody is by what they show: a session, a refresh token, an API token, a link.

What is wrong with a login is never told in part: an address that nobody has, a wrong password, and an account that is
switched off all give the same answer, after the same time. Rights are read anew each time: whoever is demoted or
switched off is that at the next request.
"""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field

from hishamos_pipeline.accounts import access_tokens, passwords, second_factor, tokens
from hishamos_pipeline.accounts.access_tokens import AccessToken, Delegation
from hishamos_pipeline.accounts.delays import FORGOTTEN_AFTER, counted_as, open_again_at
from hishamos_pipeline.accounts.lookup import own_id
from hishamos_pipeline.accounts.policy import actions_of
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor, this_user
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import AccountError, LoginError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.people.records import User, UserStanding

SESSION_LASTS, REFRESH_LASTS = timedelta(days=14), timedelta(days=30)
# Above every number of a row.
_ANY = 2**31 - 1
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
    password: str = Field(repr=False)
    code: str = Field("", repr=False)
    organization: str = ""
    address: str = ""
    agent: str = ""


class LoggedIn(View):
    """A new session or refresh token, which is told this once, and until when it is good."""

    token: str
    email: str
    organization: str
    expires_at: datetime


class ClientTokens(View):
    """What a program is logged in by: a token for its requests, and one for the next such pair; each is told once."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    email: str
    organization: str


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
    return new_session(services, user, organization, command.address, command.agent)


def new_session(services: Services, user: User, organization: str, address: str, agent: str) -> LoggedIn:
    """A session for somebody who was found to be who they are."""
    token, ends = tokens.new_token(tokens.SESSION), services.store.clock.now() + SESSION_LASTS
    services.store.logins.add_session(tokens.digest(token), user, organization, ends, address, agent)
    return LoggedIn(token=token, email=user.email, organization=organization, expires_at=ends)


def log_in_client(services: Services, command: LogIn) -> ClientTokens:
    """Log a program in: its access token is good for ten minutes, and its refresh token for another pair.

    Raises:
        LoginError: as for ``log_in``.
    """
    user, organization = _known(services, command)
    token, ends = tokens.new_token(tokens.REFRESH), services.store.clock.now() + REFRESH_LASTS
    services.store.logins.add_refresh(tokens.digest(token), str(uuid.uuid4()), user, organization, ends)
    return _client_tokens(services, user, organization, token, ends)


def refresh(services: Services, token: str) -> ClientTokens:
    """New tokens for a refresh token that was not used yet; one that was ends all that come from the same login.

    Raises:
        LoginError: it is none, or no longer.
    """
    store = services.store
    fresh, ends = tokens.new_token(tokens.REFRESH), store.clock.now() + REFRESH_LASTS
    found = store.logins.rotate_refresh(tokens.digest(token), tokens.digest(fresh), ends)
    user = store.users.get(found.user_id) if found else None
    is_member = (
        user and found and (user.is_superuser or found.organization in store.organizations.roles(user.id))
    )
    if found is None or user is None or not user.is_active or not is_member:
        store.logins.end_family(tokens.digest(fresh))
        raise LoginError("this refresh token is good for nothing any more: log in again")
    return _client_tokens(services, user, found.organization, fresh, ends)


def _client_tokens(
    services: Services, user: User, organization: str, refresh_token: str, ends: datetime
) -> ClientTokens:
    now = services.store.clock.now()
    access = AccessToken(user.id, organization, now, now + access_tokens.LASTS)
    return ClientTokens(
        access_token=services.signing_keys.sign(access),
        access_expires_at=access.expires_at,
        refresh_token=refresh_token,
        refresh_expires_at=ends,
        email=user.email,
        organization=organization,
    )


def log_out(services: Services, token: str) -> bool:
    """End a session, or all refresh tokens of a login; whether there was one."""
    digest = tokens.digest(token)
    return services.store.logins.end_session(digest) or services.store.logins.end_family(digest)


def log_in_by_link(
    services: Services, link: str, address: str = "", agent: str = "", organization: str = ""
) -> LoggedIn:
    """Log a browser in by a link for one use.

    Raises:
        LoginError: it was used, or has run out.
    """
    user_id = services.store.logins.use_link(tokens.digest(link), "login")
    user = services.store.users.get(user_id) if user_id is not None else None
    if user is None or not user.is_active:
        raise LoginError("this link was used, or has run out: ask for another one")
    return new_session(services, user, _organization_of(services, user, organization), address, agent)


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
    """Whoever shows an access token, an API token or a session's, with the rights that they have now.

    Raises:
        LoginError: it is none, has run out, or its owner is switched off or no member any more.
    """
    store, digest = services.store, tokens.digest(token)
    delegated: Delegation | None = None
    scopes: frozenset[str] | None = None
    issued_at: datetime | None = None
    if token.startswith(f"{tokens.SESSION}_"):
        session = store.logins.session(digest)
        found = (session.user_id, session.organization) if session else None
    elif token.startswith(f"{tokens.API}_"):
        kept = store.logins.token(digest)
        found = (kept.user_id, kept.organization) if kept else None
        scopes = actions_of(kept.scopes.split(",")) if kept else None
    elif token.count(".") == 2:
        access = services.signing_keys.read(token, store.clock.now())
        delegated = access.delegated
        if delegated and not access.user_id:
            return agent_of(replace(this_user(), organization=access.organization), delegated, via)
        found, issued_at = (access.user_id, access.organization), access.issued_at
    else:
        found = None
    standing = store.organizations.standing(*found) if found else None
    if standing is None or (issued_at is not None and issued_at < standing.user.valid_from):
        raise LoginError("nobody is logged in by this token: log in, or make a new token")
    actor = _actor(standing, via, scopes)
    if delegated:
        return agent_of(actor, delegated, via)
    shown = f"access:{issued_at.isoformat()}" if issued_at else f"{token.partition('_')[0]}:{digest}"
    return replace(actor, known_by=shown)


def agent_of(person: Actor, given: Delegation, via: str) -> Actor:
    """The agent that acts for a person: it may what they may now, as far as its token's scopes go."""
    return Actor(
        given.agent,
        "agent",
        person.organization,
        via,
        on_behalf_of=given.person,
        user_id=person.user_id,
        role="admin" if person.superuser else person.role,
        scopes=given.scopes if person.scopes is None else given.scopes & person.scopes,
        project=given.project,
        task=given.task,
    )


def actor_of(services: Services, user: User, organization: str = "", *, via: str) -> Actor:
    """The actor that a user is in one of their organizations, by default the first.

    Raises:
        LoginError: the account is switched off, or the user is no member there.
    """
    own = organization or _organization_of(services, user, "")
    standing = services.store.organizations.standing(user.id, own)
    if standing is None:
        raise LoginError(f"{user.email} is no member of {own}")
    return _actor(standing, via, None)


def _actor(standing: UserStanding, via: str, scopes: frozenset[str] | None) -> Actor:
    user, own = standing.user, standing.organization
    if not user.is_active:
        raise LoginError(f"the account {user.email} is switched off")
    if not standing.role and not user.is_superuser:
        raise LoginError(f"{user.email} is no member of {own}")
    if user.kind == "person" and not user.totp_enabled and standing.needs_second_factor:
        if scopes is not None:
            raise LoginError(
                f"{own} asks its members for a second factor: no token is good before there is one"
            )
        scopes = frozenset()  # nothing but to set one up
    return Actor(
        user.email,
        organization=own,
        via=via,
        user_id=user.id,
        role=standing.role,
        superuser=user.is_superuser and scopes is None,
        scopes=scopes,
    )


def list_sessions(services: Services, actor: Actor) -> list[SessionView]:
    """The browsers that the actor is logged in with."""
    return [SessionView.of(item) for item in services.store.logins.sessions_of(own_id(actor))]


def log_out_everywhere(services: Services, actor: Actor) -> None:
    """End every session and refresh token of the actor."""
    services.acting_as(actor).store.users.log_out_everywhere(own_id(actor))


def change_password(services: Services, actor: Actor, before: str, password: str) -> None:
    """Change the actor's own password; every other login of theirs ends.

    Raises:
        LoginError: the password before is wrong.
        AccountError: the new one is none.
    """
    store = services.acting_as(actor).store
    user = store.users.get(own_id(actor))
    if not right_password(services, user, before):
        raise LoginError("the password before is wrong")
    if faults := passwords.faults(password, user.email, user.name):
        raise AccountError("; ".join(faults))
    store.users.set_password(user.id, passwords.hashed(password))


def right_password(services: Services, user: User, password: str, address: str = "") -> bool:
    """Whether a password is somebody's; wrong ones are counted as wrong logins are.

    Raises:
        LoginError: it has to be waited first.
    """
    attempt = _begin_attempt(services, user.email, address)
    fits, _ = passwords.verify(password, services.store.users.secrets(user.id).password_hash)
    if fits:
        services.store.logins.attempt_succeeded(attempt)
    return fits


def _known(services: Services, command: LogIn) -> tuple[User, str]:
    """Who somebody is by address, password and second factor, and in which organization."""
    store = services.store
    email = _storable(command.email).strip().lower()
    attempt = _begin_attempt(services, email, command.address)
    user = store.users.named(email)
    kept = store.users.secrets(user.id) if user else None
    fits, newer = passwords.verify(command.password, kept.password_hash if kept else "")
    if user is None or not fits or not user.is_active:
        raise LoginError(_WRONG)
    if user.totp_enabled:
        if not command.code:
            # Neither right nor wrong: it must not begin the counting of codes anew.
            store.logins.drop_attempt(attempt)
            raise LoginError("a code of the authenticator is needed, or a recovery code", needs_code=True)
        if not _is_code(services, user, command.code):
            raise LoginError(_WRONG, needs_code=True)
    organization = _organization_of(services, user, command.organization)
    store.logins.attempt_succeeded(attempt)
    if newer:
        store.users.rehash(user.id, newer)
    return user, organization


def _is_code(services: Services, user: User, code: str) -> bool:
    """Whether a code is the authenticator's, or one for recovery, that was not used yet; it is used up."""
    store = services.store
    kept = store.users.secrets(user.id)
    step = second_factor.step_shown(kept, services.settings.secret_key_list, code, store.clock.now())
    if step:
        return store.users.use_step(user.id, step)
    return store.users.use_recovery_code(user.id, tokens.digest(code.strip().lower()))


def _begin_attempt(services: Services, email: str, address: str) -> int:
    """Note a try as a wrong one before it is looked at, so that many at once are many; its number.

    Raises:
        LoginError: not enough time has passed since the wrong ones before, of the account or from the address.
    """
    logins, address = services.store.logins, counted_as(address)
    account = sha256_text(email)
    _require_waited(services, account, address, _ANY)
    attempt = logins.note_attempt(account, address)
    try:
        _require_waited(services, account, address, attempt)
    except LoginError:
        logins.drop_attempt(attempt)
        raise
    return attempt


def _require_waited(services: Services, account: str, address: str, attempt: int) -> None:
    """Make sure that enough time has passed since the wrong logins before a try."""
    logins, now = services.store.logins, services.store.clock.now()
    since = now - FORGOTTEN_AFTER
    counted = [logins.failures_from(address, since, attempt)] if address else []
    # Whoever has logged in from there before is not kept out by what others try elsewhere.
    if not (address and logins.has_succeeded(account, address)):
        counted.append(logins.failures_of(account, since, attempt))
    opens = max((wait for found in counted if (wait := open_again_at(found.count, found.last))), default=None)
    if opens is not None and opens > now:
        seconds = (opens - now).total_seconds()
        raise LoginError(f"too many wrong logins: try again in {seconds:.0f} s", wait=seconds)


def _storable(text: str) -> str:
    """A text as every database takes it, so that one which nobody has is looked for like any other."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:300]


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
