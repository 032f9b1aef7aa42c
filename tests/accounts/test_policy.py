"""The policy: one table, walked role by role and action by action."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.accounts.policy import (
    NEVER_BY_AGENTS,
    ONLY_IN_PERSON,
    POLICY,
    SUPERUSER,
    actions_of,
    may,
)
from hishamos_pipeline.core.actor import INSTALLATION, Actor
from hishamos_pipeline.core.roles import PROJECT_ROLES, ROLES

# Written out a second time, so that a change of the table is one that somebody wanted.
VIEWER = {"projects.read", "agents.read"}
DEVELOPER = VIEWER | {
    "ideas.submit",
    "projects.build",
    "projects.edit",
    "projects.decide",
    "projects.configure",
    "agents.run",
    "workflows.run",
    "workflows.decide",
}
MANAGER = DEVELOPER | {
    "projects.approve",
    "projects.export",
    "projects.archive",
    "projects.members",
    "people.read",
    "workflows.publish",
}
ADMIN = MANAGER | {"projects.delete", "people.manage", "tokens.manage", "webhooks.manage"}
EXPECTED = {"viewer": VIEWER, "developer": DEVELOPER, "manager": MANAGER, "admin": ADMIN}


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may(role: str) -> None:
    actor = Actor("ann@example.org", role=role)  # type: ignore[arg-type]
    assert {action for action in POLICY if may(actor, action)} == EXPECTED[role]


def test_nobody_without_a_role_may_anything_and_an_operator_may_all() -> None:
    assert not any(may(Actor("ann@example.org"), action) for action in POLICY)
    assert all(may(Actor("ann@example.org", superuser=True), action) for action in POLICY)
    assert all(may(INSTALLATION, action) for action in POLICY)


@pytest.mark.parametrize("project_role", PROJECT_ROLES)
def test_a_role_in_a_project_adds_and_takes_nothing(project_role: str) -> None:
    as_role = {"viewer": VIEWER, "developer": DEVELOPER, "admin": MANAGER, "owner": MANAGER}[project_role]
    for role in ("", *ROLES):
        actor = Actor("ann@example.org", role=role)  # type: ignore[arg-type]
        allowed = {action for action in POLICY if may(actor, action, project_role=project_role)}  # type: ignore[arg-type]
        assert allowed == as_role | EXPECTED.get(role, set())


def test_a_grant_is_for_what_it_names_and_never_for_the_installation() -> None:
    for action, least in POLICY.items():
        assert may(Actor("ann@example.org"), action, granted=True) == (least != SUPERUSER)


@given(st.sampled_from(("", *ROLES)), st.booleans(), st.booleans(), st.sampled_from(sorted(POLICY)))
def test_an_agent_never_may_more_than_its_person(
    role: str, superuser: bool, granted: bool, action: str
) -> None:
    person = Actor("ann@example.org", role=role, superuser=superuser)  # type: ignore[arg-type]
    agent = replace(person, kind="agent", name="coder", on_behalf_of=person.label)
    allowed = may(agent, action, granted=granted)
    assert not allowed or (may(person, action, granted=granted) and action not in NEVER_BY_AGENTS)


@given(
    st.sets(st.sampled_from([*sorted(POLICY), "read", "write", "manage", "admin"])), st.sampled_from(ROLES)
)
def test_a_token_never_may_more_than_its_person_nor_than_its_scopes(scopes: set[str], role: str) -> None:
    person = Actor("ann@example.org", role=role)  # type: ignore[arg-type]
    allowed = actions_of(scopes)
    token = replace(person, scopes=allowed)
    for action in POLICY:
        assert may(token, action) == (may(person, action) and action in allowed - ONLY_IN_PERSON)


def test_scopes_of_roles_and_unknown_ones() -> None:
    assert actions_of(["read"]) == VIEWER and actions_of(["write"]) == DEVELOPER
    assert actions_of(["admin"]) == ADMIN, "what operates the installation is no scope of a role"
    with pytest.raises(ValueError, match="'all' is no scope"):
        actions_of(["read", "all"])
