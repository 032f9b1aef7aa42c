"""API tokens: of people for themselves, and of services, which admins make."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hishamos_pipeline.accounts import tokens
from hishamos_pipeline.accounts.access_tokens import AGENT_LASTS, AccessToken, Delegation
from hishamos_pipeline.accounts.lookup import address_of
from hishamos_pipeline.accounts.policy import (
    NEVER_BY_AGENTS,
    ONLY_IN_PERSON,
    POLICY,
    SUPERUSER,
    actions_of,
    may,
)
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import AccountError, ForbiddenError, LoginError, PersonNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.logins.records import ApiToken
from hishamos_pipeline.store.people.records import User

MOST_DAYS = 366


class TokenView(View):
    """A token; ``token`` is the whole of it, which is told once, when it is made."""

    id: int
    name: str
    shown: str
    email: str
    organization: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    token: str = ""


class MakeToken(UseCaseInput):
    """A new token.

    Args:
        name: what it is for, one of a kind for its owner.
        scopes: ``read``, ``write``, ``manage``, ``admin``, or actions such as ``projects.build``.
        days: for how long it is good; at most a year.
        service: the address of the service that it is for; empty for the actor's own.
    """

    name: str
    scopes: tuple[str, ...] = ("read",)
    days: int = 90
    service: str = ""


def make_token(services: Services, actor: Actor, command: MakeToken) -> TokenView:
    """Make a token, for the actor or for a service; it can do no more than its owner, and its scopes, allow.

    Raises:
        AccountError: the name, the scopes or the days are none.
        PersonNotFoundError: there is no such service, or the actor has no account.
        ForbiddenError: the actor may not make tokens for services, or shows a token themselves.
    """
    if actor.kind != "user" or actor.scopes is not None:
        raise ForbiddenError("a token is made by a person who is logged in, not by another token")
    if not command.name.strip() or len(command.name) > 100:
        raise AccountError("a token has a name of at most 100 characters")
    if not 1 <= command.days <= MOST_DAYS:
        raise AccountError(f"a token is good for 1 to {MOST_DAYS} days")
    _require_scopes(command.scopes)
    owner = _owner(services, actor, command.service)
    store = services.acting_as(actor).store
    token, now = tokens.new_token(tokens.API), store.clock.now()
    made = store.logins.add_token(
        command.name.strip(), tokens.digest(token), token[: tokens.SHOWN], owner.id, actor.organization,
        command.scopes, now + timedelta(days=command.days),
    )  # fmt: skip
    return _view(made, token)


@requires("agents.run", project="project")
def agent_token(
    services: Services, actor: Actor, agent: str, task: str, scopes: Iterable[str], project: str = ""
) -> str:
    """A token by which an agent acts for a person for two minutes: it may what the person may, within the scopes.

    Args:
        services: sign it.
        actor: the person.
        agent: the agent's role.
        task: the run and step, or the task, that it does.
        scopes: as in ``MakeToken``; what no agent may do is left out.
        project: the only project that it is about.

    Raises:
        AccountError: a scope is none.
        ForbiddenError: the actor is no person, or may not run agents.
        LoginError: they have logged out since, or the token that they have shown has ended.
    """
    if actor.kind != "user":
        raise ForbiddenError(f"{actor.label} is no person that an agent could act for")
    require_still_known(services, actor)
    allowed = _actions_of(scopes) - NEVER_BY_AGENTS
    if actor.scopes is not None:
        allowed &= actor.scopes
    now = services.store.clock.now()
    given = Delegation(agent, task, actor.label, project, allowed)
    token = AccessToken(actor.user_id, actor.organization, now, now + AGENT_LASTS, given)
    return services.signing_keys.sign(token)


def list_tokens(services: Services, actor: Actor) -> list[TokenView]:
    """The actor's own tokens; for whoever manages tokens, all of the organization.

    Raises:
        ForbiddenError: the actor shows a token themselves, or is no person.
    """
    if actor.kind != "user" or actor.scopes is not None:
        raise ForbiddenError("tokens are seen and ended by a person who is logged in")
    if may(actor, "tokens.manage"):
        return [_view(item) for item in services.store.logins.tokens_in(actor.organization)]
    return [_view(item) for item in services.store.logins.tokens_of(actor.user_id)]


def end_token(services: Services, actor: Actor, token: int) -> None:
    """End a token.

    Raises:
        PersonNotFoundError: there is none that the actor sees.
    """
    if token not in {item.id for item in list_tokens(services, actor)}:
        raise PersonNotFoundError(f"there is no token {token}")
    services.acting_as(actor).store.logins.end_token(token)


def require_still_known(services: Services, actor: Actor) -> None:
    """Make sure that the session or token by which a person is known has not ended, nor all their logins since.

    Raises:
        LoginError: it has; what goes on for them ends.
    """
    kind, _, shown = actor.known_by.partition(":")
    logins = services.store.logins
    if kind == tokens.SESSION:
        is_known = logins.session(shown) is not None
    elif kind == tokens.API:
        is_known = logins.token(shown) is not None
    elif kind == "access":
        is_known = services.store.users.get(actor.user_id).valid_from <= datetime.fromisoformat(shown)
    else:
        is_known = True
    if not is_known:
        raise LoginError(f"{actor.label} has logged out since: nothing goes on for them")


def _actions_of(scopes: Iterable[str]) -> frozenset[str]:
    try:
        return actions_of(scopes)
    except ValueError as error:
        raise AccountError(str(error)) from None


def _require_scopes(scopes: Sequence[str]) -> None:
    if not _actions_of(scopes):
        raise AccountError("a token has at least one scope")
    if refused := [name for name in scopes if name in ONLY_IN_PERSON or POLICY.get(name) == SUPERUSER]:
        raise AccountError(f"no token is good for {refused[0]}: log in for that")


@requires("tokens.manage")
def _service(services: Services, actor: Actor, email: str) -> User:
    """A service of the actor's organization."""
    user = services.store.users.named(address_of(email))
    if (
        user is None
        or user.kind != "service"
        or actor.organization not in services.store.organizations.roles(user.id)
    ):
        raise PersonNotFoundError(f"there is no service {email}")
    return user


def _owner(services: Services, actor: Actor, service: str) -> User:
    if service:
        return _service(services, actor, service)
    if not actor.user_id:
        raise PersonNotFoundError(f"{actor.label} has no account: make one with `hishamos users add`")
    return services.store.users.get(actor.user_id)


def _view(token: ApiToken, whole: str = "") -> TokenView:
    return TokenView.of(token, scopes=tuple(token.scopes.split(",")), token=whole)
