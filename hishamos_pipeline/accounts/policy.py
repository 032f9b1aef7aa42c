"""Who may do what: one table of actions, each with the least role that may do it."""

from collections.abc import Iterable, Mapping
from typing import Literal

from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.roles import ROLES, ProjectRole, Role

# Somebody who operates the whole installation; no role in an organization makes one.
SUPERUSER: Literal["superuser"] = "superuser"
POLICY: Mapping[str, Role | Literal["superuser"]] = {
    "projects.read": "viewer",
    "agents.read": "viewer",
    "ideas.submit": "developer",
    "projects.build": "developer",
    "projects.edit": "developer",
    "projects.decide": "developer",
    "projects.configure": "developer",
    "agents.run": "developer",
    "workflows.run": "developer",
    # Whom a decision is asked of, says its step: this only lets people come to the door.
    "workflows.decide": "developer",
    "workflows.publish": "manager",
    "projects.approve": "manager",
    "projects.export": "manager",
    "projects.archive": "manager",
    "projects.members": "manager",
    "people.read": "manager",
    "projects.delete": "admin",
    "people.manage": "admin",
    "webhooks.manage": "admin",
    "tokens.manage": "admin",
    # They are about projects of all organizations.
    "batches.read": SUPERUSER,
    "batches.run": SUPERUSER,
    "audit.read": SUPERUSER,
    "credentials.manage": SUPERUSER,
    "providers.manage": SUPERUSER,
    "organizations.manage": SUPERUSER,
    "installation.operate": SUPERUSER,
}
# What no agent does, whatever the person may for whom it acts. An agent that asks agents would spend without end.
NEVER_BY_AGENTS = frozenset(
    {
        "agents.run", "projects.decide", "projects.configure", "projects.approve", "projects.delete",
        "projects.members",
        "people.read", "people.manage",
        "workflows.run", "workflows.decide", "workflows.publish",
        "tokens.manage", "audit.read", "webhooks.manage",
        "credentials.manage", "providers.manage", "organizations.manage", "installation.operate",
    }
)  # fmt: skip
# What takes a person who has logged in: by these, a token could make itself into more than it is.
ONLY_IN_PERSON = frozenset({"people.manage", "tokens.manage"})
# A role in a project is one in the organization, as far as that project goes.
_AS_ROLE: Mapping[ProjectRole, Role] = {
    "viewer": "viewer",
    "developer": "developer",
    "admin": "manager",
    "owner": "manager",
}
# Scopes of tokens that stand for every action of a role.
SCOPES: Mapping[str, Role] = {"read": "viewer", "write": "developer", "manage": "manager", "admin": "admin"}


def may(
    actor: Actor, action: str, *, project_role: ProjectRole | Literal[""] = "", granted: bool = False
) -> bool:
    """Whether an actor may do something.

    Args:
        actor: whoever wants it.
        action: a key of ``POLICY``.
        project_role: the person's role in the project that it is about, if they have one.
        granted: whether the person has a grant for this action there.
    """
    least = POLICY[action]
    if actor.kind in ("installation", "sensor", "run"):
        return True
    if not within_token(actor, action):
        return False
    if actor.superuser:
        return True
    if least == SUPERUSER:
        return False
    roles = [role for role in (actor.role, _AS_ROLE.get(project_role) if project_role else None) if role]
    return granted or any(ROLES.index(role) >= ROLES.index(least) for role in roles)


def is_grantable(action: str) -> bool:
    """Whether somebody may be granted an action besides their role: nothing that takes an admin, or more."""
    return POLICY.get(action, SUPERUSER) in ROLES[: ROLES.index("admin")]


def within_token(actor: Actor, action: str) -> bool:
    """Whether what an actor has shown allows an action, whatever the person behind it may."""
    if actor.kind == "agent" and action in NEVER_BY_AGENTS:
        return False
    if actor.scopes is not None and action in ONLY_IN_PERSON:
        return False
    return actor.scopes is None or action in actor.scopes


def actions_of(scopes: Iterable[str]) -> frozenset[str]:
    """The actions that scopes stand for.

    Raises:
        ValueError: names the scope that there is not.
    """
    found: set[str] = set()
    for scope in scopes:
        if scope in SCOPES:
            most = ROLES.index(SCOPES[scope])
            found |= {name for name, least in POLICY.items() if least in ROLES[: most + 1]}
        elif scope in POLICY:
            found.add(scope)
        else:
            raise ValueError(
                f"{scope!r} is no scope: write {', '.join(SCOPES)}, or actions such as projects.build"
            )
    return frozenset(found)
