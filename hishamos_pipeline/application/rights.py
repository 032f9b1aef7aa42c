"""Every use case says what it does, and is done only for who may do that: one decorator, before anything is looked at.

Across organizations, what is there cannot be told from what is not: a project of another one is not found.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from hishamos_pipeline.accounts.policy import POLICY, SUPERUSER, may, within_token
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import ForbiddenError, ProjectNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.store import ProjectStore

F = TypeVar("F", bound=Callable[..., Any])


class RightsView(View):
    """What somebody may do, as actions of the policy: in a project, or, where none is named, in their organization."""

    project: str
    actions: tuple[str, ...]


def requires(action: str, project: str = "") -> Callable[[F], F]:
    """Have a use case done only for actors who may.

    The use case gets the services of the actor: what it reads is their organization's, what it writes is theirs.

    Args:
        action: what it does, a key of the policy.
        project: where it is told which project it is about: an argument's name, or ``command.key``; empty where it is
            about none. Where that is empty when it is called, it is about all of the organization.
    """
    assert action in POLICY, action

    def mark(use_case: F) -> F:
        signature = inspect.signature(use_case)

        def check(services: Services, actor: Actor, *given: Any, **named: Any) -> Services:
            bound = signature.bind(services, actor, *given, **named)
            bound.apply_defaults()
            require(services, actor, action, _key(bound.arguments, project))
            return _of(services, actor)

        def checked(services: Services, actor: Actor, *given: Any, **named: Any) -> Any:
            return use_case(check(services, actor, *given, **named), actor, *given, **named)

        async def awaited(services: Services, actor: Actor, *given: Any, **named: Any) -> Any:
            return await use_case(check(services, actor, *given, **named), actor, *given, **named)

        made: Any = functools.wraps(use_case)(awaited if inspect.iscoroutinefunction(use_case) else checked)
        made.action, made.project = action, project
        return made  # type: ignore[no-any-return]

    return mark


def require(services: Services, actor: Actor, action: str, key: str = "") -> None:
    """Make sure that an actor may do something.

    Raises:
        ProjectNotFoundError: the project is none of those that the actor sees.
        ForbiddenError: they may not.
    """
    if actor.project and key and key != actor.project:
        raise ProjectNotFoundError(f"no project {key!r} that this token is for")
    if key and actor.user_id and within_token(actor, action):
        _of(services, actor).store.projects.get(key)
    if _allowed(services, actor, action, key):
        return
    _refused(_of(services, actor).store, actor, action, key)
    if not within_token(actor, action):
        raise ForbiddenError(f"{actor.label} may not do this: {_lacks(actor, action)}")
    least = POLICY[action]
    needs = "an operator of the installation" if least == SUPERUSER else f"the role {least}"
    raise ForbiddenError(f"{actor.label} may not do this: {action} takes {needs}")


def list_rights(services: Services, actor: Actor, project: str = "") -> RightsView:
    """What an actor may do now, in a project or in their organization.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    key = project or actor.project
    if key:
        _of(services, actor).store.projects.get(key)
    return RightsView(
        project=key, actions=tuple(action for action in POLICY if _allowed(services, actor, action, key))
    )


def _allowed(services: Services, actor: Actor, action: str, key: str) -> bool:
    """Whether an actor may do something, by their role, their role in the project, or a grant.

    The store is opened where a role does not tell: whoever operates the machine may look for what is wrong with it.
    """
    if may(actor, action):
        return True
    if not actor.user_id or not within_token(actor, action):
        return False
    organizations = _of(services, actor).store.organizations
    if not key:
        return may(actor, action, granted=organizations.is_granted(actor.user_id, action))
    project_role, granted = organizations.rights_in(actor.user_id, key, action)
    return may(actor, action, project_role=project_role or "", granted=granted)


def _lacks(actor: Actor, action: str) -> str:
    """Why what an actor shows is not good for an action."""
    if actor.kind == "agent":
        return f"{action} is nothing that an agent may do"
    if actor.scopes is not None and not actor.scopes:
        return "the organization asks for a second factor, and none is set up"
    return f"the token's scopes do not allow {action}"


def _refused(store: ProjectStore, actor: Actor, action: str, key: str) -> None:
    """Note what an agent was refused: somebody may have talked it into that."""
    if actor.kind == "agent":
        about = {"wanted": action, "task": actor.task}
        store.audit.record("right.refused", key or actor.organization, about)


def _of(services: Services, actor: Actor) -> Services:
    return services if services.actor == actor else services.acting_as(actor)


def _key(arguments: dict[str, Any], project: str) -> str:
    if not project:
        return ""
    name, _, field = project.partition(".")
    found = arguments[name]
    return str(getattr(found, field) if field else found)
