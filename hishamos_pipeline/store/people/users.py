"""Users: their accounts, profiles, passwords and second factors."""

from datetime import datetime
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import AccountError, PersonNotFoundError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.logins.tables import (
    ApiTokenRow,
    LinkRow,
    RecoveryCodeRow,
    RefreshTokenRow,
    SessionRow,
)
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.pages import PageOf, PageQuery, Sorts, containing, read_page
from hishamos_pipeline.store.people.admins import require_other_admin
from hishamos_pipeline.store.people.records import Secrets, User
from hishamos_pipeline.store.people.tables import MembershipRow, UserRow
from hishamos_pipeline.store.records import record, require_as_seen
from hishamos_pipeline.store.sessions import Sessions, locked, rows_changed

_SORTS: Sorts = {"email": UserRow.email, "created_at": UserRow.created_at}


class Users:
    """Keeps users; who may see and change them is said by the use cases."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(
        self,
        email: str,
        name: str = "",
        *,
        password_hash: str = "",
        kind: str = "person",
        superuser: bool = False,
    ) -> User:
        """Add a user.

        Raises:
            AccountError: there is one with that address.
        """
        now = self._sessions.clock.now()
        row = UserRow(
            kind=kind, email=email, name=name, avatar_url="", preferences="{}", password_hash=password_hash,
            is_active=True, is_superuser=superuser, totp_secret="", totp_enabled=False, totp_last_step=0,
            monthly_tokens=0, tokens_from=None, valid_from=now, created_at=now, last_login_at=None,
        )  # fmt: skip
        try:
            with self._sessions.write() as session:
                session.add(row)
                audit(session, now, "user.add", email, kind=kind, superuser=superuser)
        except IntegrityError:
            raise AccountError(f"there is a user {email} already") from None
        return record(User, row)

    def get(self, user_id: int) -> User:
        """A user by number.

        Raises:
            PersonNotFoundError: there is none.
        """
        with self._sessions.read() as session:
            row = session.get(UserRow, user_id)
        if row is None:
            raise PersonNotFoundError(f"there is no user {user_id}")
        return record(User, row)

    def named(self, email: str) -> User | None:
        """A user by address; ``None`` if there is none."""
        with self._sessions.read() as session:
            row = session.scalars(select(UserRow).where(UserRow.email == email)).one_or_none()
        return record(User, row) if row else None

    def all(self) -> list[User]:
        """All users of the installation, by address."""
        with self._sessions.read() as session:
            return [record(User, row) for row in session.scalars(select(UserRow).order_by(UserRow.email))]

    def page(self, page: PageQuery, organization: str = "") -> PageOf[User]:
        """A page of users by address: of one organization if it is named, whose address or name contains a text.

        Raises:
            UsageError: the page's order or cursor is none.
        """
        query = select(UserRow)
        if organization:
            members = (
                select(MembershipRow.user_id)
                .join(OrganizationRow, OrganizationRow.id == MembershipRow.organization_id)
                .where(OrganizationRow.key == organization)
            )
            query = query.where(UserRow.id.in_(members))
        if page.search:
            query = query.where(containing(page.search, UserRow.email, UserRow.name))
        with self._sessions.read() as session:
            return read_page(session, query, _SORTS, UserRow.id, page, partial(record, User))

    def secrets(self, user_id: int) -> Secrets:
        """What logging in has to know of a user."""
        with self._sessions.read() as session:
            return record(Secrets, session.get_one(UserRow, user_id))

    def update(self, user_id: int, *, seen: User | None = None, **values: str | int) -> User:
        """Change a profile: ``name``, ``avatar_url``, ``preferences``.

        Args:
            user_id: whose.
            seen: the user as whoever changes it has seen them; ``None`` for whatever they are now.
            values: the new values.

        Raises:
            ChangedMeanwhileError: they are not as they were seen any more.
        """
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            require_as_seen(seen, record(User, row), row.email)
            for name, value in values.items():
                setattr(row, name, value)
            audit(session, self._sessions.clock.now(), "user.update", row.email, fields=sorted(values))
            session.flush()
            return record(User, row)

    def set_password(self, user_id: int, password_hash: str) -> None:
        """Set a password; whoever is logged in by then has to log in again."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            row.password_hash = password_hash
            end_logins(session, row, self._sessions.clock.now())
            audit(session, self._sessions.clock.now(), "user.password", row.email)

    def rehash(self, user_id: int, password_hash: str) -> None:
        """Keep the same password with newer parameters."""
        with self._sessions.write() as session:
            session.execute(update(UserRow).where(UserRow.id == user_id).values(password_hash=password_hash))

    def change(
        self,
        user_id: int,
        *,
        seen: User | None = None,
        is_active: bool | None = None,
        is_superuser: bool | None = None,
        monthly_tokens: int | None = None,
    ) -> User:
        """Change an account, in one transaction; what is ``None`` stays.

        Whoever is switched off is logged in with nothing any more, tokens included.

        Raises:
            AccountError: an organization would be left without an admin.
            ChangedMeanwhileError: it is not as it was seen any more.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            require_as_seen(seen, record(User, row), row.email)
            if is_superuser is not None:
                row.is_superuser = is_superuser
                audit(session, now, "user.superuser", row.email, superuser=is_superuser)
            if monthly_tokens is not None:
                row.monthly_tokens = monthly_tokens
                audit(session, now, "user.update", row.email, fields=["monthly_tokens"])
            if is_active is not None:
                if not is_active:
                    require_other_admin(session, row)
                    end_logins(session, row, now)
                    session.execute(delete(ApiTokenRow).where(ApiTokenRow.user_id == user_id))
                row.is_active = is_active
                audit(session, now, "user.activate" if is_active else "user.deactivate", row.email)
            session.flush()
            return record(User, row)

    def log_out_everywhere(self, user_id: int) -> None:
        """End every session and refresh token of a user; API tokens stay."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            end_logins(session, row, self._sessions.clock.now())
            audit(session, self._sessions.clock.now(), "user.logout_everywhere", row.email)

    def reset_tokens(self, user_id: int) -> None:
        """Begin to count a user's use of models anew."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            row.tokens_from = self._sessions.clock.now()
            audit(session, self._sessions.clock.now(), "user.reset_tokens", row.email)

    def begin_second_factor(self, user_id: int, encrypted: str) -> None:
        """Keep the secret of a second factor that has not been shown to work yet."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            row.totp_secret, row.totp_enabled, row.totp_last_step = encrypted, False, 0

    def enable_second_factor(self, user_id: int, step: int, code_hashes: list[str]) -> None:
        """Ask for the second factor from now on; ``code_hashes`` are those of the recovery codes."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            row.totp_enabled, row.totp_last_step = True, step
            session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
            session.add_all(RecoveryCodeRow(user_id=user_id, code_hash=code) for code in code_hashes)
            audit(session, self._sessions.clock.now(), "user.second_factor", row.email, enabled=True)

    def disable_second_factor(self, user_id: int) -> None:
        """Ask for no second factor any more."""
        with self._sessions.write() as session:
            row = _locked(session, user_id)
            row.totp_secret, row.totp_enabled, row.totp_last_step = "", False, 0
            session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
            audit(session, self._sessions.clock.now(), "user.second_factor", row.email, enabled=False)

    def use_step(self, user_id: int, step: int) -> bool:
        """Use an authenticator's code up; whether nobody has used it, or a later one, before."""
        with self._sessions.write() as session:
            unused = UserRow.totp_last_step < step
            done = rows_changed(
                session, update(UserRow).where(UserRow.id == user_id, unused).values(totp_last_step=step)
            )
            return bool(done)

    def use_recovery_code(self, user_id: int, code_hash: str) -> bool:
        """Use a recovery code up; whether there was one that nobody had used."""
        mine = (RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.code_hash == code_hash)
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            done = rows_changed(
                session,
                update(RecoveryCodeRow).where(*mine, RecoveryCodeRow.used_at.is_(None)).values(used_at=now),
            )
            if done:
                audit(session, now, "user.recovery_code", session.get_one(UserRow, user_id).email)
            return bool(done)


def end_logins(session: Session, row: UserRow, now: datetime) -> None:
    """End sessions, refresh tokens and links of a user; access tokens made before are none any more."""
    row.valid_from = now
    for table in (SessionRow, RefreshTokenRow, LinkRow):
        session.execute(delete(table).where(table.user_id == row.id))


def _locked(session: Session, user_id: int) -> UserRow:
    row = session.scalars(locked(session, select(UserRow).where(UserRow.id == user_id))).one_or_none()
    if row is None:
        raise PersonNotFoundError(f"there is no user {user_id}")
    return row
