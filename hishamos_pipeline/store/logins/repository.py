"""Logins: attempts, sessions, refresh tokens in families, API tokens, and links for one use.

Tokens come in and go out as hashes; what they look like is known to ``accounts.tokens``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm import Session as OpenSession

from hishamos_pipeline.errors import AccountError, LoginError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.base import Base
from hishamos_pipeline.store.logins.records import ApiToken, Failures, OidcLogin, RefreshToken, Session
from hishamos_pipeline.store.logins.tables import (
    ApiTokenRow,
    LinkRow,
    LoginAttemptRow,
    OidcLoginRow,
    RefreshTokenRow,
    SessionRow,
)
from hishamos_pipeline.store.organizations.scope import actor_of
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.people.records import User
from hishamos_pipeline.store.people.tables import UserRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, rows_changed

# What is of no use to anybody after an end.
_ENDS: tuple[tuple[type[Base], InstrumentedAttribute[datetime]], ...] = (
    (LoginAttemptRow, LoginAttemptRow.at),
    (SessionRow, SessionRow.expires_at),
    (RefreshTokenRow, RefreshTokenRow.expires_at),
    (LinkRow, LinkRow.expires_at),
    (OidcLoginRow, OidcLoginRow.expires_at),
)
# Noting each use of a token would make a write of every reading.
_NOTED_EVERY = timedelta(minutes=1)


class Logins:
    """Keeps what people and services are logged in with."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def note_attempt(self, account: str, address: str) -> int:
        """Note a try to log in as a wrong one, before it is looked at; its number.

        Args:
            account: a hash of the address that was given, whether or not there is such a user.
            address: where it came from.
        """
        with self._sessions.write() as session:
            now = self._sessions.clock.now()
            row = LoginAttemptRow(account=account, address=address[:64], succeeded=False, at=now)
            session.add(row)
            session.flush()
            return row.id

    def attempt_succeeded(self, attempt: int) -> None:
        """Say that a try was right."""
        with self._sessions.write() as session:
            session.execute(
                update(LoginAttemptRow).where(LoginAttemptRow.id == attempt).values(succeeded=True)
            )

    def drop_attempt(self, attempt: int) -> None:
        """Take a try out that was not looked at."""
        with self._sessions.write() as session:
            session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.id == attempt))

    def has_succeeded(self, account: str, address: str) -> bool:
        """Whether an account was logged in to from an address before."""
        where = (LoginAttemptRow.account == account, LoginAttemptRow.address == address[:64])
        with self._sessions.read() as session:
            return bool(session.scalar(select(func.count()).where(*where, LoginAttemptRow.succeeded)))

    def failures_of(self, account: str, since: datetime, before: int) -> Failures:
        """Wrong logins of an account since a time, and since the last right one, before a try."""
        mine = (LoginAttemptRow.account == account, LoginAttemptRow.at >= since, LoginAttemptRow.id < before)
        with self._sessions.read() as session:
            right = session.scalar(
                select(func.max(LoginAttemptRow.id)).where(*mine, LoginAttemptRow.succeeded)
            )
            return _failures(session, *mine, LoginAttemptRow.id > (right or 0))

    def failures_from(self, address: str, since: datetime, before: int) -> Failures:
        """Wrong logins from an address since a time, before a try; right ones in between change nothing."""
        there = LoginAttemptRow.address == address[:64]
        with self._sessions.read() as session:
            return _failures(session, there, LoginAttemptRow.at >= since, LoginAttemptRow.id < before)

    def begin_oidc(self, state_hash: str, begun: OidcLogin, expires_at: datetime) -> None:
        """Keep a login by OpenID Connect until it comes back."""
        with self._sessions.write() as session:
            session.add(
                OidcLoginRow(
                    state_hash=state_hash, provider=begun.provider, nonce=begun.nonce, verifier=begun.verifier,
                    redirect_uri=begun.redirect_uri, expires_at=expires_at,
                )
            )  # fmt: skip

    def end_oidc(self, state_hash: str) -> OidcLogin | None:
        """Take a login out that was begun, once; ``None`` if there is none, or it has run out."""
        query = select(OidcLoginRow).where(OidcLoginRow.state_hash == state_hash).with_for_update()
        with self._sessions.write() as session:
            row = session.scalars(query).one_or_none()
            if row is None:
                return None
            session.delete(row)
            return record(OidcLogin, row) if row.expires_at > self._sessions.clock.now() else None

    def ended(self, before: datetime) -> int:
        """How many attempts, sessions, refresh tokens and links there are that ended before a time."""
        with self._sessions.read() as session:
            return sum(session.scalar(select(func.count()).where(end < before)) or 0 for _, end in _ENDS)

    def add_session(
        self, token_hash: str, user: User, organization: str, expires_at: datetime, address: str, agent: str
    ) -> None:
        """Keep a browser's session.

        Raises:
            LoginError: the password was changed, or the account switched off, since the user was looked up.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            _enter(session, user, now)
            session.add(
                SessionRow(
                    token_hash=token_hash, user_id=user.id, organization_id=_id_of(session, organization),
                    address=address[:64], agent=agent[:300], created_at=now, last_seen_at=now,
                    expires_at=expires_at,
                )
            )  # fmt: skip

    def session(self, token_hash: str) -> Session | None:
        """A session that has not ended, by its token's hash; that it was seen is noted once a minute."""
        found = next(iter(self._open_sessions(SessionRow.token_hash == token_hash)), None)
        now = self._sessions.clock.now()
        if found is not None and now - found.last_seen_at > _NOTED_EVERY:
            with self._sessions.write() as session:
                session.execute(update(SessionRow).where(SessionRow.id == found.id).values(last_seen_at=now))
        return found

    def sessions_of(self, user_id: int) -> list[Session]:
        """The sessions of a user that have not ended, the newest first."""
        return self._open_sessions(SessionRow.user_id == user_id)

    def _open_sessions(self, where: ColumnElement[bool]) -> list[Session]:
        query = (
            select(SessionRow, OrganizationRow.key)
            .join(OrganizationRow, OrganizationRow.id == SessionRow.organization_id)
            .where(where, SessionRow.expires_at > self._sessions.clock.now())
            .order_by(SessionRow.id.desc())
        )
        with self._sessions.read() as session:
            return [record(Session, row, organization=key) for row, key in session.execute(query)]

    def end_session(self, token_hash: str) -> bool:
        """End a session; whether there was one."""
        with self._sessions.write() as session:
            done = rows_changed(session, delete(SessionRow).where(SessionRow.token_hash == token_hash))
            return bool(done)

    def add_refresh(
        self, token_hash: str, family: str, user: User, organization: str, expires_at: datetime
    ) -> None:
        """Keep a refresh token.

        Raises:
            LoginError: as for ``add_session``.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            _enter(session, user, now)
            session.add(
                RefreshTokenRow(
                    family=family, token_hash=token_hash, user_id=user.id, created_at=now,
                    organization_id=_id_of(session, organization), expires_at=expires_at,
                    used_at=None,
                )
            )  # fmt: skip

    def rotate_refresh(self, token_hash: str, fresh_hash: str, expires_at: datetime) -> RefreshToken | None:
        """Use a refresh token up and keep the next one of its family; ``None`` if it is good for nothing.

        One that was used already ends its whole family: somebody else has had it.
        """
        now = self._sessions.clock.now()
        query = (
            select(RefreshTokenRow, OrganizationRow.key)
            .join(OrganizationRow, OrganizationRow.id == RefreshTokenRow.organization_id)
            .where(RefreshTokenRow.token_hash == token_hash)
            .with_for_update(of=RefreshTokenRow)
        )
        with self._sessions.write() as session:
            found = session.execute(query).one_or_none()
            if found is None:
                return None
            row, key = found
            if row.used_at is not None:
                session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.family == row.family))
                audit(session, now, "login.reused", session.get_one(UserRow, row.user_id).email)
                return None
            if row.expires_at <= now:
                return None
            row.used_at = now
            session.add(
                RefreshTokenRow(
                    family=row.family, token_hash=fresh_hash, user_id=row.user_id, created_at=now,
                    organization_id=row.organization_id, expires_at=expires_at, used_at=None,
                )
            )  # fmt: skip
            return record(RefreshToken, row, organization=key)

    def end_family(self, token_hash: str) -> bool:
        """End all refresh tokens that come from the same login; whether there were any."""
        with self._sessions.write() as session:
            family = select(RefreshTokenRow.family).where(RefreshTokenRow.token_hash == token_hash)
            done = rows_changed(session, delete(RefreshTokenRow).where(RefreshTokenRow.family.in_(family)))
            return bool(done)

    def add_token(
        self,
        name: str,
        token_hash: str,
        shown: str,
        user_id: int,
        organization: str,
        scopes: Sequence[str],
        expires_at: datetime | None,
    ) -> ApiToken:
        """Keep an API token.

        Raises:
            AccountError: the user has one of that name.
        """
        now = self._sessions.clock.now()
        try:
            with self._sessions.write() as session:
                row = ApiTokenRow(
                    name=name, token_hash=token_hash, shown=shown, user_id=user_id, scopes=",".join(scopes),
                    organization_id=_id_of(session, organization), created_by=actor_of(session).label[:120],
                    created_at=now, expires_at=expires_at, last_used_at=None,
                )  # fmt: skip
                session.add(row)
                email = session.get_one(UserRow, user_id).email
                audit(session, now, "token.add", email, token=name, scopes=row.scopes)
                return record(ApiToken, row, organization=organization, email=email)
        except IntegrityError:
            raise AccountError(f"there is a token called {name!r} already") from None

    def token(self, token_hash: str) -> ApiToken | None:
        """A token that has not run out; that it was used is noted once a minute."""
        now = self._sessions.clock.now()
        found = next(iter(self._tokens(ApiTokenRow.token_hash == token_hash)), None)
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        if found.last_used_at is None or now - found.last_used_at > _NOTED_EVERY:
            with self._sessions.write() as session:
                session.execute(
                    update(ApiTokenRow).where(ApiTokenRow.id == found.id).values(last_used_at=now)
                )
        return found

    def tokens_of(self, user_id: int) -> list[ApiToken]:
        """The tokens of a user."""
        return self._tokens(ApiTokenRow.user_id == user_id)

    def tokens_in(self, organization: str) -> list[ApiToken]:
        """The tokens for an organization."""
        return self._tokens(OrganizationRow.key == organization)

    def _tokens(self, where: ColumnElement[bool]) -> list[ApiToken]:
        query = (
            select(ApiTokenRow, OrganizationRow.key, UserRow.email)
            .join(OrganizationRow, OrganizationRow.id == ApiTokenRow.organization_id)
            .join(UserRow, UserRow.id == ApiTokenRow.user_id)
            .where(where)
            .order_by(ApiTokenRow.id)
        )
        with self._sessions.read() as session:
            rows = session.execute(query).all()
        return [record(ApiToken, row, organization=key, email=email) for row, key, email in rows]

    def end_token(self, token_id: int) -> bool:
        """End a token; whether there was one."""
        with self._sessions.write() as session:
            row = session.get(ApiTokenRow, token_id)
            if row is not None:
                email = session.get_one(UserRow, row.user_id).email
                audit(session, self._sessions.clock.now(), "token.end", email, token=row.name)
                session.delete(row)
            return row is not None

    def add_link(
        self, token_hash: str, user_id: int, purpose: str, expires_at: datetime, *, keeps_others: bool = False
    ) -> None:
        """Keep a link for one use; earlier ones of the same purpose end, unless anybody could have asked for it."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            if not keeps_others:
                session.execute(delete(LinkRow).where(LinkRow.user_id == user_id, LinkRow.purpose == purpose))
            session.add(
                LinkRow(
                    token_hash=token_hash, user_id=user_id, purpose=purpose, created_at=now, expires_at=expires_at,
                    used_at=None,
                )
            )  # fmt: skip
            audit(session, now, "link.add", session.get_one(UserRow, user_id).email, purpose=purpose)

    def has_link(self, user_id: int, purpose: str, since: datetime) -> bool:
        """Whether a link for a user was made since a time."""
        query = select(func.count()).where(
            LinkRow.user_id == user_id, LinkRow.purpose == purpose, LinkRow.created_at > since
        )
        with self._sessions.read() as session:
            return bool(session.scalar(query))

    def link(self, token_hash: str, purpose: str) -> int | None:
        """The number of the user of a link that is still good; it stays good."""
        now = self._sessions.clock.now()
        query = select(LinkRow.user_id).where(
            LinkRow.token_hash == token_hash,
            LinkRow.purpose == purpose,
            LinkRow.used_at.is_(None),
            LinkRow.expires_at > now,
        )
        with self._sessions.read() as session:
            return session.scalars(query).one_or_none()

    def use_link(self, token_hash: str, purpose: str) -> int | None:
        """Use a link up; the number of its user, ``None`` if it was used, has run out, or is none."""
        now = self._sessions.clock.now()
        query = (
            select(LinkRow)
            .where(LinkRow.token_hash == token_hash, LinkRow.purpose == purpose)
            .with_for_update()
        )
        with self._sessions.write() as session:
            row = session.scalars(query).one_or_none()
            if row is None or row.used_at is not None or row.expires_at <= now:
                return None
            row.used_at = now
            return row.user_id

    def remove_ended(self, before: datetime) -> int:
        """Remove those; how many they were."""
        with self._sessions.write() as session:
            return sum(rows_changed(session, delete(table).where(end < before)) for table, end in _ENDS)


def _enter(session: OpenSession, user: User, now: datetime) -> None:
    """Note that a user logs in, if nothing has ended the user's logins since they were looked up."""
    row = session.get_one(UserRow, user.id, with_for_update=True)
    if (row.valid_from, row.is_active) != (user.valid_from, True):
        raise LoginError("the account was changed meanwhile: log in again")
    row.last_login_at = now


def _failures(session: OpenSession, *where: ColumnElement[bool]) -> Failures:
    """How many of some tries were wrong, and when the last of those was."""
    query = select(func.count(), func.max(LoginAttemptRow.at)).where(
        *where, LoginAttemptRow.succeeded.is_(False)
    )
    return Failures(*session.execute(query).one())


def _id_of(session: OpenSession, organization: str) -> int:
    query = select(OrganizationRow.id).where(OrganizationRow.key == organization)
    return session.scalars(query).one()
