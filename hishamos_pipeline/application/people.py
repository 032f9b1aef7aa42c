"""Users: their accounts, what they change of their own, and what admins and operators change of them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from hishamos_pipeline.accounts.links import new_link
from hishamos_pipeline.accounts.lookup import address_of, own_id, visible_user
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import Role
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import AccountError, ForbiddenError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.people.records import User
from hishamos_pipeline.store.sessions import stored_text

_MOST_PREFERENCES = 16_384
V = TypeVar("V")


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

    volatile = frozenset({"last_login_at", "tokens_used"})

    @classmethod
    def shown(cls, services: Services, actor: Actor | None, user: User) -> "UserView":
        """A user as an actor sees them: other organizations are told to operators, and to the user, alone."""
        return _shown(services, actor, [user])[0]


class ProfileView(UserView):
    """One's own account, with what only oneself sees."""

    preferences: dict[str, Any]


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
    """What somebody changes of their own account; what is ``None`` stays.

    ``expected`` is the ``etag`` of the account that they have seen; empty for whichever it is now.
    """

    name: str | None = None
    avatar_url: str | None = None
    preferences: Mapping[str, Any] | None = None
    expected: str = ""


class ChangeUser(UseCaseInput):
    """What an admin or an operator changes of an account; what is ``None`` stays.

    ``expected`` is the ``etag`` of the account that they have seen; empty for whichever it is now.
    """

    email: str
    is_active: bool | None = None
    is_superuser: bool | None = None
    monthly_tokens: int | None = None
    expected: str = ""


class Link(View):
    """A link's token, which is told this once, and until when it is good."""

    token: str
    email: str
    expires_at: datetime


@requires("people.read")
def list_users(services: Services, actor: Actor, page: PageQuery) -> Page[UserView]:
    """A page of users by address: all of them for an operator, for others those of their organization.

    Raises:
        UsageError: the page's order or cursor is none.
    """
    found = services.store.users.page(page, "" if actor.superuser else actor.organization)
    return Page(items=tuple(_shown(services, actor, found.items)), next=found.next)


@requires("people.read")
def show_user(services: Services, actor: Actor, email: str) -> UserView:
    """One user.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
    """
    return UserView.shown(services, actor, visible_user(services.store, actor, email))


@requires("people.manage")
def add_user(services: Services, actor: Actor, command: AddUser) -> UserView:
    """Add an account without a password; a link sets one.

    Raises:
        AccountError: it is no address, there is one, or a service would operate the installation.
        ForbiddenError: somebody who does not operate the installation adds a person.
    """
    if not actor.superuser and not command.service:
        raise ForbiddenError("people are added by operators of the installation: invite them instead")
    if command.superuser and command.service:
        raise AccountError("a service does not operate the installation: give it a role")
    if command.service and command.role is None:
        raise AccountError("a service has a role in an organization: say which, such as developer")
    store, email = services.store, address_of(command.email)
    kind = "service" if command.service else "person"
    user = store.users.add(email, command.name.strip()[:200], kind=kind, superuser=command.superuser)
    if command.role is not None:
        store.organizations.set_role(user.id, command.role)
    return UserView.shown(services, actor, user)


@requires("people.manage")
def set_active(services: Services, actor: Actor, email: str, active: bool) -> UserView:
    """Switch an account off or on; whatever it is logged in with ends, tokens too.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        ForbiddenError: it belongs to somebody whom only an operator may switch.
        AccountError: it is the actor's own, or the last operator's.
    """
    user = _below(services, actor, email)
    _require_switch(services, actor, user, active)
    return UserView.shown(services, actor, services.store.users.change(user.id, is_active=active))


@requires("organizations.manage")
def set_superuser(services: Services, actor: Actor, email: str, superuser: bool) -> UserView:
    """Make somebody an operator of the installation, or no longer.

    Raises:
        PersonNotFoundError: there is no such user.
        AccountError: it is the actor themselves, or a service.
    """
    user = visible_user(services.store, actor, email)
    _require_superuser_change(services, actor, user)
    changed = services.store.users.change(user.id, is_superuser=superuser)
    return UserView.shown(services, actor, changed)


@requires("people.manage")
def set_token_limit(services: Services, actor: Actor, email: str, monthly_tokens: int) -> UserView:
    """How many tokens of models somebody may use in a month; 0 for any number.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
        AccountError: the number is below zero.
    """
    _require_limit(monthly_tokens)
    user = _below(services, actor, email)
    changed = services.store.users.change(user.id, monthly_tokens=monthly_tokens)
    return UserView.shown(services, actor, changed)


@requires("people.manage")
def change_user(services: Services, actor: Actor, command: ChangeUser) -> UserView:
    """Change an account, all of it or nothing, as ``set_active``, ``set_superuser`` and ``set_token_limit`` do.

    Raises:
        ChangedMeanwhileError: it is not what it was expected to be.
        PersonNotFoundError, ForbiddenError, AccountError: as those say.
    """
    store, user = services.store, _below(services, actor, command.email)
    require_etag(UserView.shown(services, actor, user), command.expected)
    superuser = _changed(command.is_superuser, user.is_superuser)
    limit = _changed(command.monthly_tokens, user.monthly_tokens)
    active = _changed(command.is_active, user.is_active)
    if superuser is not None:
        _require_superuser_change(services, actor, user)
    if limit is not None:
        _require_limit(limit)
    if active is not None:
        _require_switch(services, actor, user, active)
    seen = user if command.expected else None
    changed = store.users.change(
        user.id, seen=seen, is_superuser=superuser, monthly_tokens=limit, is_active=active
    )
    return UserView.shown(services, actor, changed)


def _changed(wanted: V | None, now: V) -> V | None:
    """What somebody wants, where it is another value than the one there is."""
    return None if wanted == now else wanted


@requires("organizations.manage")
def _require_superuser_change(services: Services, actor: Actor, user: User) -> None:
    if user.id == actor.user_id or user.kind == "service":
        raise AccountError(
            "nobody changes this of themselves, and a service does not operate the installation"
        )


def _require_limit(monthly_tokens: int) -> None:
    if not 0 <= monthly_tokens < 2**31:
        raise AccountError("a limit is 0, for none, or more, up to two thousand million")


def _require_switch(services: Services, actor: Actor, user: User, active: bool) -> None:
    if user.id == actor.user_id:
        raise AccountError("nobody switches their own account off")
    others = [
        one for one in services.store.users.all() if one.is_superuser and one.is_active and one.id != user.id
    ]
    if user.is_superuser and not active and not others and actor.user_id:
        raise AccountError(f"{user.email} is the only operator of the installation")


@requires("people.manage")
def reset_tokens(services: Services, actor: Actor, email: str) -> UserView:
    """Begin to count somebody's use of models anew.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
    """
    user = _below(services, actor, email)
    services.store.users.reset_tokens(user.id)
    return UserView.shown(services, actor, services.store.users.get(user.id))


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
    if purpose not in ("password", "login"):
        raise AccountError(f"{purpose!r} is nothing that a link is for: password, login")
    if purpose == "login" and not actor.superuser:
        raise ForbiddenError("only an operator of the installation logs somebody in by a link")
    token, ends = new_link(services.store, user, purpose)
    return Link(token=token, email=user.email, expires_at=ends)


@requires("installation.operate")
def own_login_link(services: Services, actor: Actor) -> Link:
    """A link that logs a browser in as whoever operates this machine; their account is made where there is none.

    It has no password: whoever can open the store could set one.
    """
    email = address_of(f"{_as_address(actor.name)}@localhost.test")
    user = services.store.users.named(email) or services.store.users.add(email, actor.name, superuser=True)
    return make_link(services, actor, user.email, "login")


def _as_address(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "operator"


def profile(services: Services, actor: Actor) -> ProfileView:
    """The actor's own account.

    Raises:
        PersonNotFoundError: the actor has none.
    """
    return _profile(services, _own(services, actor))


def update_profile(services: Services, actor: Actor, command: UpdateProfile) -> ProfileView:
    """Change one's own account.

    Raises:
        PersonNotFoundError: the actor has none.
        AccountError: the picture's address is none, or the preferences are too long.
        ChangedMeanwhileError: it is not what it was expected to be.
    """
    user_id = own_id(actor)
    if actor.scopes is not None:
        raise ForbiddenError("set your second factor up first")
    acting = services.acting_as(actor)
    seen = acting.store.users.get(user_id)
    require_etag(_profile(acting, seen), command.expected)
    changed: dict[str, str | int] = {}
    if command.name is not None:
        changed["name"] = stored_text(command.name.strip(), 200)
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
        acting.store.users.update(user_id, seen=seen if command.expected else None, **changed)
    return profile(services, actor)


def _profile(services: Services, user: User) -> ProfileView:
    found = UserView.shown(services, None, user)
    return ProfileView(**found.model_dump(), preferences=json.loads(user.preferences))


def _shown(services: Services, actor: Actor | None, users: Sequence[User]) -> list[UserView]:
    """Users as an actor sees them, with one query for the roles of all, and one for their use of models."""
    store = services.store
    roles, used = store.organizations.roles_of([user.id for user in users]), store.token_use.of_all(users)
    views = []
    for user in users:
        seen = roles[user.id]
        if actor is not None and not actor.superuser and actor.user_id != user.id:
            seen = {key: role for key, role in seen.items() if key == actor.organization}
        views.append(
            UserView.of(
                user,
                second_factor=user.totp_enabled,
                roles=seen,
                tokens_used=used[user.id] if seen == roles[user.id] else 0,
            )
        )
    return views


def _below(services: Services, actor: Actor, email: str) -> User:
    """A user whose account the actor may change: an operator's is changed by operators, and so is one that other
    organizations know, too.
    """
    user = visible_user(services.store, actor, email)
    others = services.store.organizations.roles(user.id).keys() - {actor.organization}
    if not actor.superuser and (user.is_superuser or others):
        raise ForbiddenError(
            f"the account of {user.email} is changed by an operator of the installation alone"
        )
    return user


def _own(services: Services, actor: Actor) -> User:
    return services.store.users.get(own_id(actor))
