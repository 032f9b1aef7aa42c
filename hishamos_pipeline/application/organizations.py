"""Organizations and who may do what in them: members, project members, grants, invitations."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from hishamos_pipeline.accounts import passwords, tokens
from hishamos_pipeline.accounts.lookup import address_of, visible_user
from hishamos_pipeline.accounts.policy import POLICY, is_grantable, may
from hishamos_pipeline.application.logins import right_password
from hishamos_pipeline.application.people import UserView
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import PROJECT_ROLES, ROLES, ProjectRole, Role
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import AccountError, ForbiddenError, LoginError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.people.records import User

INVITATION_LASTS = timedelta(days=7)
GRANT_LASTS = timedelta(days=3653)
_KEY = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")


class OrganizationView(View):
    """An organization."""

    key: str
    title: str
    needs_second_factor: bool
    created_at: datetime


class MemberView(View):
    """Somebody in an organization or a project, with the role there."""

    email: str
    name: str
    kind: str
    role: str
    is_active: bool
    since: datetime


class GrantView(View):
    """One action that somebody may do besides; ``project`` is empty for all of the organization."""

    id: int
    email: str
    action: str
    project: str
    granted_by: str
    created_at: datetime
    expires_at: datetime | None


class InvitationView(View):
    """Somebody who is asked to join; ``link`` is told once, when it is made."""

    organization: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    link: str = ""


class AcceptInvitation(UseCaseInput):
    """Somebody joins by an invitation: with a password and a name, where they have no account yet."""

    link: str = Field(repr=False)
    name: str = ""
    password: str = Field("", repr=False)
    address: str = ""


class AddGrant(UseCaseInput):
    """Let somebody do one thing besides; ``project`` is empty for all of the organization."""

    email: str
    action: str
    project: str = ""
    expires_at: AwareDatetime | None = None


@requires("organizations.manage")
def list_organizations(services: Services, actor: Actor) -> list[OrganizationView]:
    """All organizations."""
    return [OrganizationView.of(item) for item in services.store.organizations.all()]


@requires("organizations.manage")
def add_organization(
    services: Services, actor: Actor, key: str, title: str = "", *, needs_second_factor: bool = False
) -> OrganizationView:
    """Add an organization.

    Raises:
        AccountError: the key is none, or there is one with it.
    """
    if not _KEY.fullmatch(key):
        raise AccountError(
            f"{key[:80]!r} is no key: 3 to 63 lower case letters, digits and hyphens, a letter first"
        )
    _require_keys(services, needs_second_factor)
    made = services.store.organizations.add(
        key, title.strip()[:200] or key, needs_second_factor=needs_second_factor
    )
    return OrganizationView.of(made)


def _require_keys(services: Services, needs_second_factor: bool | None) -> None:
    """Ask for no second factor that nobody could set up."""
    if needs_second_factor and not services.settings.secret_key_list:
        raise AccountError(
            "secrets of second factors are encrypted: set HISHAMOS_SECRET_KEYS before members are asked for one"
        )


@requires("projects.read")
def show_organization(services: Services, actor: Actor) -> OrganizationView:
    """The actor's organization."""
    return OrganizationView.of(services.store.organizations.get(actor.organization))


@requires("people.manage")
def update_organization(
    services: Services,
    actor: Actor,
    *,
    title: str | None = None,
    needs_second_factor: bool | None = None,
    expected: str = "",
) -> OrganizationView:
    """Change the actor's organization; what is ``None`` stays.

    Raises:
        ChangedMeanwhileError: it is not what it was expected to be.
    """
    store = services.store
    _require_keys(services, needs_second_factor)
    own = store.organizations.get(actor.organization)
    require_etag(OrganizationView.of(own), expected)
    changed = store.organizations.update(
        own.key,
        title=own.title if title is None else title.strip()[:200],
        needs_second_factor=own.needs_second_factor if needs_second_factor is None else needs_second_factor,
        seen=own if expected else None,
    )
    return OrganizationView.of(changed)


@requires("people.read")
def list_members(services: Services, actor: Actor) -> list[MemberView]:
    """The members of the actor's organization."""
    return [_member(item.user, item.role, item.since) for item in services.store.organizations.members()]


@requires("people.manage")
def set_role(services: Services, actor: Actor, email: str, role: Role | None) -> None:
    """Give somebody a role in the actor's organization, or none.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        AccountError: there is no such role, or the organization would be without an admin.
    """
    if role is not None and role not in ROLES:
        raise AccountError(f"{role!r} is no role: {', '.join(ROLES)}")
    services.store.organizations.set_role(visible_user(services.store, actor, email).id, role)


@requires("projects.read", project="key")
def list_project_members(services: Services, actor: Actor, key: str) -> list[MemberView]:
    """The members of a project.

    Raises:
        ProjectNotFoundError: there is no such project.
        ForbiddenError: it is an agent; addresses are people's.
    """
    if actor.kind == "agent":
        raise ForbiddenError(f"{actor.label} may not do this: people are nothing that an agent reads")
    return [
        _member(item.user, item.role, item.since)
        for item in services.store.organizations.project_members(key)
    ]


@requires("projects.members", project="key")
def set_project_role(
    services: Services, actor: Actor, key: str, email: str, role: ProjectRole | None
) -> None:
    """Give a member of the organization a role in a project, or none.

    Raises:
        ProjectNotFoundError: there is no such project.
        PersonNotFoundError: there is no such member.
        AccountError: there is no such role.
    """
    if role is not None and role not in PROJECT_ROLES:
        raise AccountError(f"{role!r} is no role in a project: {', '.join(PROJECT_ROLES)}")
    services.store.organizations.set_project_role(key, address_of(email), role)


@requires("people.read")
def list_grants(services: Services, actor: Actor) -> list[GrantView]:
    """The grants of the actor's organization, those included that have run out."""
    return [GrantView.of(item) for item in services.store.organizations.grants()]


@requires("people.manage")
def add_grant(services: Services, actor: Actor, command: AddGrant) -> GrantView:
    """Let a member do one thing besides what the role allows; nobody grants what they may not do themselves.

    Raises:
        PersonNotFoundError: there is no such member.
        ProjectNotFoundError: there is no such project.
        AccountError: there is no such action, it cannot be granted, or it ends before now.
    """
    if not is_grantable(command.action) or not may(actor, command.action):
        allowed = ", ".join(sorted(filter(is_grantable, POLICY)))
        raise AccountError(f"{command.action!r} cannot be granted: {allowed}")
    now = services.store.clock.now()
    if command.expires_at is not None and not now < command.expires_at <= now + GRANT_LASTS:
        raise AccountError("a grant ends after now, and within ten years; one without an end has none")
    user = visible_user(services.store, actor, command.email)
    made = services.store.organizations.add_grant(
        user.id, command.action, command.project, command.expires_at
    )
    return GrantView.of(made)


@requires("people.manage")
def remove_grant(services: Services, actor: Actor, grant: int) -> bool:
    """Take a grant back; whether there was one."""
    return 0 < grant < 2**31 and services.store.organizations.remove_grant(grant)


@requires("people.read")
def list_invitations(services: Services, actor: Actor) -> list[InvitationView]:
    """The invitations into the actor's organization."""
    return [InvitationView.of(item) for item in services.store.organizations.invitations()]


@requires("people.manage")
def invite(services: Services, actor: Actor, email: str, role: Role) -> InvitationView:
    """Invite somebody into the actor's organization; its link is told this once.

    Raises:
        AccountError: it is no address, or there is no such role.
    """
    if role not in ROLES:
        raise AccountError(f"{role!r} is no role: {', '.join(ROLES)}")
    token = tokens.new_token(tokens.LINK)
    ends = services.store.clock.now() + INVITATION_LASTS
    made = services.store.organizations.invite(address_of(email), role, tokens.digest(token), ends)
    return InvitationView.of(made, link=token)


@requires("people.manage")
def withdraw_invitation(services: Services, actor: Actor, email: str) -> bool:
    """Withdraw an open invitation; whether there was one."""
    return services.store.organizations.withdraw_invitation(address_of(email))


def accept_invitation(services: Services, command: AcceptInvitation) -> UserView:
    """Join an organization: with a new account, or, by the password, with the one that the address has.

    Raises:
        LoginError: the invitation was used, withdrawn or has run out, or the password is wrong.
        AccountError: the new password is none; the invitation stays good.
    """
    store, digest = services.store, tokens.digest(command.link)
    invitation = store.organizations.invitation(digest)
    if invitation is None:
        raise LoginError("this invitation was used, withdrawn, or has run out: ask for another one")
    user = store.users.named(invitation.email)
    if user is None:
        if faults := passwords.faults(command.password, invitation.email, command.name):
            raise AccountError("; ".join(faults))
        hashed = passwords.hashed(command.password)
        user = store.users.add(invitation.email, command.name.strip()[:200], password_hash=hashed)
    elif not right_password(services, user, command.password, command.address) or not user.is_active:
        raise LoginError("the password of this account is wrong")
    if not store.organizations.accept(digest, user.id):
        raise LoginError("this invitation was used, withdrawn, or has run out: ask for another one")
    return UserView.shown(services, None, user)


def _member(user: User, role: str, since: datetime) -> MemberView:
    return MemberView(
        email=user.email, name=user.name, kind=user.kind, role=role, is_active=user.is_active, since=since
    )
