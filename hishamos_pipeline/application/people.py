"""Users, organizations and who may do what in them: members, project members, grants, invitations."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hishamos_pipeline.accounts import passwords, tokens
from hishamos_pipeline.accounts.policy import POLICY, SUPERUSER, may
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import PROJECT_ROLES, ROLES, ProjectRole, Role
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import AccountError, ForbiddenError, LoginError, PersonNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.people.records import User

INVITATION_LASTS, LINK_LASTS = timedelta(days=7), timedelta(hours=24)
_KEY = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
_MOST_PREFERENCES = 16_384


class UserView(View):
    """Somebody with an account; roles by organization, and tokens of models this month."""

    id: int
    kind: str
    email: str
    name: str
    avatar_url: str
    is_active: bool
    is_superuser: bool
    second_factor: bool
    roles: dict[str, Role]
    monthly_tokens: int
    tokens_used: int
    created_at: datetime
    last_login_at: datetime | None


class ProfileView(UserView):
    """One's own account, with what only oneself sees."""

    preferences: dict[str, Any]


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


class AddUser(UseCaseInput):
    """A new account.

    Args:
        email: the address, which is the login.
        name: as people call them.
        role: in the actor's organization; empty for none.
        superuser: whether they operate the installation.
        service: whether it is no person: it has tokens and no password.
    """

    email: str
    name: str = ""
    role: Role | None = None
    superuser: bool = False
    service: bool = False


class UpdateProfile(UseCaseInput):
    """What somebody changes of their own account; what is ``None`` stays."""

    name: str | None = None
    avatar_url: str | None = None
    preferences: Mapping[str, Any] | None = None


class AcceptInvitation(UseCaseInput):
    """Somebody joins by an invitation: with a password and a name, where they have no account yet."""

    link: str
    name: str = ""
    password: str = ""


class AddGrant(UseCaseInput):
    """Let somebody do one thing besides; ``project`` is empty for all of the organization."""

    email: str
    action: str
    project: str = ""
    expires_at: datetime | None = None


class Link(View):
    """A link's token, which is told this once, and until when it is good."""

    token: str
    email: str
    expires_at: datetime


def address_of(email: str) -> str:
    """An e-mail address in the form that it is kept in: lower case.

    Raises:
        AccountError: it is none.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        # Whether mail arrives there is shown by the mail; nothing is looked up. Names of machines are allowed.
        found = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AccountError(f"{email[:100]!r} is no e-mail address: {error}") from None
    return found.normalized.lower()


@requires("people.read")
def list_users(services: Services, actor: Actor) -> list[UserView]:
    """The users: all of them for an operator, for others those of their organization."""
    store = services.store
    found = (
        store.users.all() if actor.superuser else [member.user for member in store.organizations.members()]
    )
    return [_view(services, user) for user in found]


@requires("people.read")
def show_user(services: Services, actor: Actor, email: str) -> UserView:
    """One user.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
    """
    return _view(services, _seen(services, actor, email))


@requires("people.manage")
def add_user(services: Services, actor: Actor, command: AddUser) -> UserView:
    """Add an account without a password; a link sets one.

    Raises:
        AccountError: it is no address, there is one, or a service would operate the installation.
        ForbiddenError: somebody who does not operate the installation adds somebody who does.
    """
    if command.superuser and not actor.superuser:
        raise ForbiddenError("only an operator of the installation makes another one")
    if command.superuser and command.service:
        raise AccountError("a service does not operate the installation: give it a role")
    store, email = services.store, address_of(command.email)
    kind = "service" if command.service else "person"
    user = store.users.add(email, command.name.strip()[:200], kind=kind, superuser=command.superuser)
    if command.role is not None:
        store.organizations.set_role(user.id, command.role)
    return _view(services, user)


@requires("people.manage")
def set_active(services: Services, actor: Actor, email: str, active: bool) -> UserView:
    """Switch an account off or on; whatever it is logged in with ends, tokens too.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        ForbiddenError: it belongs to somebody whom only an operator may switch.
        AccountError: it is the actor's own, or the last operator's.
    """
    user = _below(services, actor, email)
    if user.id == actor.user_id:
        raise AccountError("nobody switches their own account off")
    others = [
        one for one in services.store.users.all() if one.is_superuser and one.is_active and one.id != user.id
    ]
    if user.is_superuser and not active and not others and actor.user_id:
        raise AccountError(f"{user.email} is the only operator of the installation")
    return _view(services, services.store.users.set_active(user.id, active))


@requires("organizations.manage")
def set_superuser(services: Services, actor: Actor, email: str, superuser: bool) -> UserView:
    """Make somebody an operator of the installation, or no longer.

    Raises:
        PersonNotFoundError: there is no such user.
        AccountError: it is the actor themselves, or a service.
    """
    user = _seen(services, actor, email)
    if user.id == actor.user_id or user.kind == "service":
        raise AccountError(
            "nobody changes this of themselves, and a service does not operate the installation"
        )
    return _view(services, services.store.users.set_superuser(user.id, superuser))


@requires("people.manage")
def set_token_limit(services: Services, actor: Actor, email: str, monthly_tokens: int) -> UserView:
    """How many tokens of models somebody may use in a month; 0 for any number.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        AccountError: the number is below zero.
    """
    if monthly_tokens < 0:
        raise AccountError("a limit is 0, for none, or more")
    user = _below(services, actor, email)
    return _view(services, services.store.users.update(user.id, monthly_tokens=monthly_tokens))


@requires("people.manage")
def reset_tokens(services: Services, actor: Actor, email: str) -> UserView:
    """Begin to count somebody's use of models anew.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
    """
    user = _below(services, actor, email)
    services.store.users.reset_tokens(user.id)
    return _view(services, services.store.users.get(user.id))


@requires("people.manage")
def make_link(services: Services, actor: Actor, email: str, purpose: str = "password") -> Link:
    """A link for one use: to set a password, or, for operators of this machine, to log in.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        AccountError: a service has no password.
    """
    user = _below(services, actor, email)
    if user.kind == "service":
        raise AccountError(f"{user.email} is a service: it has tokens and no password")
    if purpose == "login" and not actor.superuser:
        raise ForbiddenError("only an operator of the installation logs somebody in by a link")
    token, ends = tokens.new_token(tokens.LINK), services.store.clock.now() + LINK_LASTS
    services.store.logins.add_link(tokens.digest(token), user.id, purpose, ends)
    return Link(token=token, email=user.email, expires_at=ends)


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
    made = services.store.organizations.add(
        key, title.strip()[:200] or key, needs_second_factor=needs_second_factor
    )
    return OrganizationView.of(made)


@requires("people.manage")
def update_organization(
    services: Services, actor: Actor, *, title: str | None = None, needs_second_factor: bool | None = None
) -> OrganizationView:
    """Change the actor's organization; what is ``None`` stays."""
    store = services.store
    own = store.organizations.get(actor.organization)
    changed = store.organizations.update(
        own.key,
        title=own.title if title is None else title.strip()[:200],
        needs_second_factor=own.needs_second_factor if needs_second_factor is None else needs_second_factor,
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
    services.store.organizations.set_role(_seen(services, actor, email).id, role)


@requires("projects.read", project="key")
def list_project_members(services: Services, actor: Actor, key: str) -> list[MemberView]:
    """The members of a project.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
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
    member = services.store.users.named(address_of(email))
    if member is None:
        raise PersonNotFoundError(f"there is no member {email}")
    services.store.organizations.set_project_role(key, member.id, role)


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
    least = POLICY.get(command.action)
    if least is None or least == SUPERUSER or not may(actor, command.action):
        allowed = ", ".join(sorted(name for name, role in POLICY.items() if role != SUPERUSER))
        raise AccountError(f"{command.action!r} cannot be granted: {allowed}")
    if command.expires_at is not None and command.expires_at <= services.store.clock.now():
        raise AccountError("the grant would end before it begins")
    user = _seen(services, actor, command.email)
    made = services.store.organizations.add_grant(
        user.id, command.action, command.project, command.expires_at
    )
    return GrantView.of(made)


@requires("people.manage")
def remove_grant(services: Services, actor: Actor, grant: int) -> bool:
    """Take a grant back; whether there was one."""
    return services.store.organizations.remove_grant(grant)


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
    elif (
        not user.is_active
        or not passwords.verify(command.password, store.users.secrets(user.id).password_hash)[0]
    ):
        raise LoginError("the password of this account is wrong")
    if not store.organizations.accept(digest, user.id):
        raise LoginError("this invitation was used, withdrawn, or has run out: ask for another one")
    return _view(services, user)


def profile(services: Services, actor: Actor) -> ProfileView:
    """The actor's own account.

    Raises:
        PersonNotFoundError: the actor has none.
    """
    user = _own(services, actor)
    found = _view(services, user)
    return ProfileView(**found.model_dump(), preferences=json.loads(user.preferences))


def update_profile(services: Services, actor: Actor, command: UpdateProfile) -> ProfileView:
    """Change one's own account.

    Raises:
        PersonNotFoundError: the actor has none.
        AccountError: the picture's address is none, or the preferences are too long.
    """
    changed: dict[str, str | int] = {}
    if command.name is not None:
        changed["name"] = command.name.strip()[:200]
    if command.avatar_url is not None:
        if command.avatar_url and not re.fullmatch(r"https://[^\s\"'<>]{1,480}", command.avatar_url):
            raise AccountError("the address of a picture begins with https:// and has at most 488 characters")
        changed["avatar_url"] = command.avatar_url
    if command.preferences is not None:
        text = json.dumps(dict(command.preferences), sort_keys=True)
        if len(text) > _MOST_PREFERENCES:
            raise AccountError(f"preferences have at most {_MOST_PREFERENCES} characters as JSON")
        changed["preferences"] = text
    if changed:
        services.acting_as(actor).store.users.update(_own(services, actor).id, **changed)
    return profile(services, actor)


def _view(services: Services, user: User) -> UserView:
    store = services.store
    used = store.calls.tokens_of(user.email, store.calls.month_of(user.tokens_from))
    roles = store.organizations.roles(user.id)
    return UserView.of(user, second_factor=user.totp_enabled, roles=roles, tokens_used=used)


def _member(user: User, role: str, since: datetime) -> MemberView:
    return MemberView(
        email=user.email, name=user.name, kind=user.kind, role=role, is_active=user.is_active, since=since
    )


def _seen(services: Services, actor: Actor, email: str) -> User:
    """A user whom the actor sees: of their organization, or any for an operator."""
    user = services.store.users.named(address_of(email))
    roles = services.store.organizations.roles(user.id) if user else {}
    if user is None or not (actor.superuser or actor.organization in roles):
        raise PersonNotFoundError(f"there is no user {email}")
    return user


def _below(services: Services, actor: Actor, email: str) -> User:
    """A user whose account the actor may change: an operator's is changed by operators, and so is one that other
    organizations know, too.
    """
    user = _seen(services, actor, email)
    others = services.store.organizations.roles(user.id).keys() - {actor.organization}
    if not actor.superuser and (user.is_superuser or others):
        raise ForbiddenError(
            f"the account of {user.email} is changed by an operator of the installation alone"
        )
    return user


def _own(services: Services, actor: Actor) -> User:
    if not actor.user_id or actor.kind != "user":
        raise PersonNotFoundError(f"{actor.label} has no account")
    return services.store.users.get(actor.user_id)
