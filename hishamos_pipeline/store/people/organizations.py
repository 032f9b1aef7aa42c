"""Organizations: their members, project members, grants and invitations."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Delete, bindparam, delete, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hishamos_pipeline.core.roles import ProjectRole, Role
from hishamos_pipeline.errors import AccountError, PersonNotFoundError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.logins.tables import ApiTokenRow, RefreshTokenRow, SessionRow
from hishamos_pipeline.store.organizations.scope import actor_of
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.people.admins import require_other_admin
from hishamos_pipeline.store.people.records import (
    Grant,
    Invitation,
    Member,
    Organization,
    ProjectMember,
    User,
    UserStanding,
)
from hishamos_pipeline.store.people.tables import (
    GrantRow,
    InvitationRow,
    MembershipRow,
    ProjectMemberRow,
    UserRow,
)
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record, require_as_seen
from hishamos_pipeline.store.sessions import Sessions, find_project, locked, rows_changed

# Every request asks for it, so it is put together once.
_STANDING = (
    select(UserRow, OrganizationRow.needs_second_factor, MembershipRow.role)
    .select_from(UserRow)
    .join(OrganizationRow, OrganizationRow.key == bindparam("organization"))
    .outerjoin(
        MembershipRow,
        (MembershipRow.user_id == UserRow.id) & (MembershipRow.organization_id == OrganizationRow.id),
    )
    .where(UserRow.id == bindparam("user"))
)


class Organizations:
    """Keeps organizations; what is about members means those of the actor's own organization."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str, title: str, *, needs_second_factor: bool = False) -> Organization:
        """Add an organization.

        Raises:
            AccountError: there is one with that key.
        """
        now = self._sessions.clock.now()
        row = OrganizationRow(key=key, title=title, needs_second_factor=needs_second_factor, created_at=now)
        try:
            with self._sessions.write() as session:
                session.add(row)
                audit(session, now, "organization.add", key, needs_second_factor=needs_second_factor)
        except IntegrityError:
            raise AccountError(f"there is an organization {key} already") from None
        return record(Organization, row)

    def get(self, key: str) -> Organization:
        """An organization by key.

        Raises:
            PersonNotFoundError: there is none.
        """
        with self._sessions.read() as session:
            return record(Organization, _organization(session, key))

    def all(self) -> list[Organization]:
        """All organizations, by key."""
        with self._sessions.read() as session:
            rows = session.scalars(select(OrganizationRow).order_by(OrganizationRow.key))
            return [record(Organization, row) for row in rows]

    def update(
        self, key: str, *, title: str, needs_second_factor: bool, seen: Organization | None = None
    ) -> Organization:
        """Change an organization.

        Raises:
            ChangedMeanwhileError: it is not as it was seen any more.
        """
        with self._sessions.write() as session:
            row = _organization(session, key, lock=True)
            require_as_seen(seen, record(Organization, row), key)
            row.title, row.needs_second_factor = title, needs_second_factor
            audit(session, self._sessions.clock.now(), "organization.update", key, title=title,
                  needs_second_factor=needs_second_factor)  # fmt: skip
            session.flush()
            return record(Organization, row)

    def standing(self, user_id: int, key: str) -> UserStanding | None:
        """What a user is in an organization; ``None`` where there is no such user or organization."""
        with self._sessions.read() as session:
            found = session.execute(_STANDING, {"user": user_id, "organization": key}).one_or_none()
        if found is None:
            return None
        user, needs_second_factor, role = found
        return UserStanding(record(User, user), key, role or "", needs_second_factor)  # type: ignore[arg-type]

    def roles_of(self, user_ids: Collection[int]) -> dict[int, dict[str, Role]]:
        """The roles of some users in their organizations, by the users' numbers; each of them is there."""
        query = (
            select(MembershipRow.user_id, OrganizationRow.key, MembershipRow.role)
            .join(OrganizationRow, MembershipRow.organization_id == OrganizationRow.id)
            .where(MembershipRow.user_id.in_(user_ids))
            .order_by(OrganizationRow.key)
        )
        found: dict[int, dict[str, Role]] = {user_id: {} for user_id in user_ids}
        with self._sessions.read() as session:
            for user_id, key, role in session.execute(query):
                found[user_id][key] = role  # type: ignore[assignment]
        return found

    def roles(self, user_id: int) -> dict[str, Role]:
        """A user's role in each of their organizations, by key."""
        return self.roles_of([user_id])[user_id]

    def members(self) -> list[Member]:
        """The members of the actor's organization, by address."""
        query = select(UserRow, MembershipRow).join(MembershipRow, MembershipRow.user_id == UserRow.id)
        with self._sessions.read() as session:
            mine = MembershipRow.organization_id == _own(session).id
            rows = session.execute(query.where(mine).order_by(UserRow.email)).all()
        return [Member(record(User, user), row.role, row.created_at) for user, row in rows]  # type: ignore[arg-type]

    def set_role(self, user_id: int, role: Role | None) -> None:
        """Give a user a role in the actor's organization, or none.

        Raises:
            AccountError: it would be left without an admin.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            own = _own(session)
            user = session.get_one(UserRow, user_id)
            require_other_admin(session, user, [own.id] if role != "admin" else [])
            row = session.get(MembershipRow, (user_id, own.id), with_for_update=True)
            if role is None and row is not None:
                session.delete(row)
                _leave(session, user_id, own.id)
            elif role is not None and row is not None:
                row.role = role
            elif role is not None:
                session.add(MembershipRow(user_id=user_id, organization_id=own.id, role=role, created_at=now))
            audit(session, now, "member.role", user.email, organization=own.key, role=role or "none")

    def project_members(self, key: str) -> list[ProjectMember]:
        """The members of a project of the actor's organization.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        query = select(UserRow, ProjectMemberRow).join(
            ProjectMemberRow, ProjectMemberRow.user_id == UserRow.id
        )
        with self._sessions.read() as session:
            project = find_project(session, key)
            rows = session.execute(
                query.where(ProjectMemberRow.project_id == project.id).order_by(UserRow.email)
            ).all()
        return [ProjectMember(record(User, user), row.role, row.created_at) for user, row in rows]  # type: ignore[arg-type]

    def set_project_role(self, key: str, email: str, role: ProjectRole | None) -> None:
        """Give a member of the organization a role in one of its projects, or none.

        Raises:
            ProjectNotFoundError: there is no such project.
            PersonNotFoundError: there is no such member of its organization.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            members = select(UserRow.id).join(MembershipRow, MembershipRow.user_id == UserRow.id)
            there = MembershipRow.organization_id == project.organization_id
            user_id = session.scalars(members.where(UserRow.email == email, there)).one_or_none()
            if user_id is None:
                raise PersonNotFoundError(f"there is no member {email}")
            row = session.get(ProjectMemberRow, (user_id, project.id))
            if row is not None and role is None:
                session.delete(row)
            elif row is not None and role is not None:
                row.role = role
            elif role is not None:
                session.add(
                    ProjectMemberRow(user_id=user_id, project_id=project.id, role=role, created_at=now)
                )
            audit(session, now, "project.role", key, user=email, role=role or "none")

    def rights_in(self, user_id: int, key: str, action: str) -> tuple[ProjectRole | None, bool]:
        """A user's role in a project of the actor's organization, and whether they have a grant for an action there.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.read() as session:
            project = find_project(session, key)
            row = session.get(ProjectMemberRow, (user_id, project.id))
            granted = self._granted(session, user_id, project.organization_id, action, project.id)
            return (row.role if row else None), granted  # type: ignore[return-value]

    def is_granted(self, user_id: int, action: str) -> bool:
        """Whether a user has a grant for an action in the whole of the actor's organization."""
        with self._sessions.read() as session:
            return self._granted(session, user_id, _own(session).id, action, None)

    def _granted(
        self, session: Session, user_id: int, organization_id: int, action: str, project_id: int | None
    ) -> bool:
        where = GrantRow.project_id.is_(None)
        query = select(func.count()).where(
            GrantRow.user_id == user_id,
            GrantRow.organization_id == organization_id,
            GrantRow.action == action,
            where if project_id is None else or_(where, GrantRow.project_id == project_id),
            or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > self._sessions.clock.now()),
        )
        return bool(session.scalar(query))

    def add_grant(self, user_id: int, action: str, key: str, expires_at: datetime | None) -> Grant:
        """Let a user do something besides; ``key`` is empty for all projects of the actor's organization.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key) if key else None
            user = session.get_one(UserRow, user_id)
            row = GrantRow(
                user_id=user_id, organization_id=_own(session).id, project_id=project.id if project else None,
                action=action, granted_by=actor_of(session).label[:120], created_at=now, expires_at=expires_at,
            )  # fmt: skip
            session.add(row)
            audit(session, now, "grant.add", user.email, may=action, project=key)
            return record(Grant, row, email=user.email, project=key)

    def grants(self) -> list[Grant]:
        """The grants of the actor's organization, those included that have run out."""
        with self._sessions.read() as session:
            query = (
                select(GrantRow, UserRow.email, ProjectRow.key)
                .join(UserRow, UserRow.id == GrantRow.user_id)
                .outerjoin(ProjectRow, ProjectRow.id == GrantRow.project_id)
                .where(GrantRow.organization_id == _own(session).id)
                .order_by(GrantRow.id)
            )
            return [
                record(Grant, row, email=email, project=key or "")
                for row, email, key in session.execute(query)
            ]

    def remove_grant(self, grant_id: int) -> bool:
        """Take a grant of the actor's organization back; whether there was one."""
        with self._sessions.write() as session:
            mine = (GrantRow.id == grant_id, GrantRow.organization_id == _own(session).id)
            done = rows_changed(session, delete(GrantRow).where(*mine))
            if done:
                audit(session, self._sessions.clock.now(), "grant.remove", str(grant_id))
            return bool(done)

    def invite(self, email: str, role: Role, token_hash: str, expires_at: datetime) -> Invitation:
        """Keep an invitation into the actor's organization; an open one of the same address is replaced."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            own = _own(session)
            session.execute(_without_open_invitation(own.id, email))
            row = InvitationRow(
                organization_id=own.id, email=email, role=role, token_hash=token_hash, created_at=now,
                invited_by=actor_of(session).label[:120], expires_at=expires_at, accepted_at=None,
            )  # fmt: skip
            session.add(row)
            audit(session, now, "invitation.add", email, organization=own.key, role=role)
            return record(Invitation, row, organization=own.key)

    def invitations(self) -> list[Invitation]:
        """The invitations of the actor's organization."""
        with self._sessions.read() as session:
            mine = InvitationRow.organization_id == _own(session).id
            return _invitations(session, mine)

    def invitation(self, token_hash: str) -> Invitation | None:
        """An open invitation by its token's hash."""
        with self._sessions.read() as session:
            found = _invitations(
                session,
                InvitationRow.token_hash == token_hash,
                InvitationRow.accepted_at.is_(None),
                InvitationRow.expires_at > self._sessions.clock.now(),
            )
            return next(iter(found), None)

    def accept(self, token_hash: str, user_id: int) -> bool:
        """Make a user a member by an open invitation, once; whether it was open."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = session.scalars(
                select(InvitationRow).where(InvitationRow.token_hash == token_hash).with_for_update()
            ).one_or_none()
            if row is None or row.accepted_at is not None or row.expires_at <= now:
                return False
            row.accepted_at = now
            if session.get(MembershipRow, (user_id, row.organization_id)) is None:
                session.add(
                    MembershipRow(
                        user_id=user_id, organization_id=row.organization_id, role=row.role, created_at=now
                    )
                )
            audit(session, now, "invitation.accept", row.email, role=row.role)
            return True

    def withdraw_invitation(self, email: str) -> bool:
        """Withdraw an open invitation of the actor's organization; whether there was one."""
        with self._sessions.write() as session:
            done = rows_changed(session, _without_open_invitation(_own(session).id, email))
            if done:
                audit(session, self._sessions.clock.now(), "invitation.withdraw", email)
            return bool(done)


def _without_open_invitation(organization_id: int, email: str) -> Delete:
    return delete(InvitationRow).where(
        InvitationRow.organization_id == organization_id,
        InvitationRow.email == email,
        InvitationRow.accepted_at.is_(None),
    )


def _invitations(session: Session, *where: ColumnElement[bool]) -> list[Invitation]:
    query = (
        select(InvitationRow, OrganizationRow.key)
        .join(OrganizationRow, OrganizationRow.id == InvitationRow.organization_id)
        .where(*where)
        .order_by(InvitationRow.id)
    )
    return [record(Invitation, row, organization=key) for row, key in session.execute(query)]


def _organization(session: Session, key: str, *, lock: bool = False) -> OrganizationRow:
    query = select(OrganizationRow).where(OrganizationRow.key == key)
    row = session.scalars(locked(session, query) if lock else query).one_or_none()
    if row is None:
        raise PersonNotFoundError(f"there is no organization {key!r}")
    return row


def _own(session: Session) -> OrganizationRow:
    """The actor's organization; whoever sees them all has to say which one is meant."""
    key = actor_of(session).organization
    if not key:
        raise AccountError("say which organization is meant")
    return _organization(session, key)


def _leave(session: Session, user_id: int, organization_id: int) -> None:
    """Take everything away that somebody has in an organization."""
    projects = select(ProjectRow.id).where(ProjectRow.organization_id == organization_id)
    mine = (ProjectMemberRow.user_id == user_id, ProjectMemberRow.project_id.in_(projects))
    session.execute(delete(ProjectMemberRow).where(*mine))
    for table in (GrantRow, ApiTokenRow, SessionRow, RefreshTokenRow):
        there = (table.user_id == user_id, table.organization_id == organization_id)
        session.execute(delete(table).where(*there))
