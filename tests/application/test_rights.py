"""Every use case asks the policy: role by role, for one's own organization and others, for each kind of actor."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hishamos_pipeline.accounts.policy import NEVER_BY_AGENTS, POLICY, actions_of
from hishamos_pipeline.application import organizations
from hishamos_pipeline.application.rights import require
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.roles import ROLES
from hishamos_pipeline.errors import ForbiddenError, ProjectNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from tests.accounts.test_policy import EXPECTED
from tests.application.test_views import USE_CASES
from tests.support.people import OPERATOR

CHECKED = [found for found in USE_CASES if hasattr(found, "action")]
IDS = [f"{found.__module__.rpartition('.')[2]}.{found.__name__}" for found in CHECKED]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store with the organizations `default`, with the project `notes`, and `acme`, with `bills`."""
    made = Services(Settings(home=tmp_path_factory.mktemp("rights") / "home"), actor=OPERATOR)
    organizations.add_organization(made, OPERATOR, "acme")
    for organization, key in (("default", "notes"), ("acme", "bills")):
        by = made.acting_as(replace(OPERATOR, organization=organization))
        by.store.projects.submit(Idea(key=key, title=key), "test")
    yield made
    made.close()


def called(use_case: Any, services: Services, actor: Actor, key: str) -> Any:
    """Call a use case with arguments of which only the project matters: nobody who may not looks at the others."""
    given: dict[str, Any] = {}
    for name in list(inspect.signature(use_case).parameters)[2:]:
        given[name] = SimpleNamespace(key=key, project=key) if name == "command" else key
    return use_case(services, actor, **given)


async def outcome(use_case: Any, services: Services, actor: Actor, key: str) -> str:
    """What the policy says of a call; whoever may is not let any further."""
    about = key if use_case.project else ""
    try:
        require(services, actor, use_case.action, about)
    except ForbiddenError:
        expected: type[Exception] = ForbiddenError
    except ProjectNotFoundError:
        expected = ProjectNotFoundError
    else:
        return "allowed"
    with pytest.raises(expected):
        made = called(use_case, services, actor, key)
        if inspect.isawaitable(made):
            await made
    return {ForbiddenError: "forbidden", ProjectNotFoundError: "not there"}[expected]


def test_every_action_is_somebodys() -> None:
    # Those that are asked once it is known what it is about.
    assert {found.action for found in CHECKED} | {"tokens.manage", "workflows.decide"} == POLICY.keys()


@pytest.mark.parametrize("use_case", CHECKED, ids=IDS)
async def test_ones_own_organization(services: Services, use_case: Any) -> None:
    for role in ROLES:
        actor = Actor("ann@example.org", role=role, user_id=1)
        allowed = use_case.action in EXPECTED[role]
        assert await outcome(use_case, services, actor, "notes") == ("allowed" if allowed else "forbidden"), (
            role
        )


@pytest.mark.parametrize(
    "use_case", [found for found in CHECKED if found.project], ids=lambda found: found.__name__
)
async def test_another_organization(services: Services, use_case: Any) -> None:
    """What one may there is told to nobody, and neither is whether it is there."""
    for role in ("", *ROLES):
        actor = Actor("ann@example.org", role=role, user_id=1)  # type: ignore[arg-type]
        for key in ("bills", "nowhere"):
            assert await outcome(use_case, services, actor, key) == "not there", (role, key)


READING = [
    found
    for found in CHECKED
    if found.action == "projects.read" and found.project and "after" not in found.__name__
]


@pytest.mark.parametrize("use_case", READING, ids=lambda found: found.__name__)
async def test_reading_of_another_organization_finds_nothing(services: Services, use_case: Any) -> None:
    actor = Actor("ann@example.org", role="admin", user_id=1)
    for key in ("bills", "nowhere"):
        try:
            made = called(use_case, services, actor, key)
            found = await made if inspect.isawaitable(made) else made
        except ProjectNotFoundError:
            continue
        except Exception as error:  # the other arguments are nonsense
            assert type(error).__name__ in ("TypeError", "UsageError", "ValueError", "EditError"), error
            continue
        assert not found or "bills" not in str(found)


@pytest.mark.parametrize("action", sorted(POLICY))
def test_tokens_agents_and_those_for_one_project(services: Services, action: str) -> None:
    person = Actor("ann@example.org", role="admin", user_id=1)
    of_person = action in EXPECTED["admin"]

    def allowed(actor: Actor, key: str = "notes") -> bool:
        try:
            require(services, actor, action, key)
        except (ForbiddenError, ProjectNotFoundError):
            return False
        return True

    assert allowed(person) == of_person
    assert allowed(replace(person, scopes=actions_of(["read"]))) == (action in EXPECTED["viewer"])
    agent = replace(person, kind="agent", name="coder", on_behalf_of=person.label, project="notes")
    assert allowed(agent) == (of_person and action not in NEVER_BY_AGENTS)
    assert not allowed(agent, "other"), "it is about one project"
    assert not allowed(replace(agent, scopes=frozenset()))


def test_what_an_agent_was_refused_is_in_the_audit_log(services: Services) -> None:
    agent = Actor(
        "coder", "agent", role="admin", user_id=1, on_behalf_of="user:ann@example.org", project="notes"
    )
    with pytest.raises(ForbiddenError):
        require(services, agent, "projects.delete", "notes")
    entry = services.store.audit.page(PageQuery(1)).items[0]
    assert (entry.actor, entry.action, entry.subject) == ("agent:coder", "right.refused", "notes")
    assert "user:ann@example.org" in entry.details and "projects.delete" in entry.details


def test_the_door_is_no_way_around(services: Services, tmp_path: Path) -> None:
    """Services that were opened for somebody who may everything do only what their caller may."""
    from hishamos_pipeline.application.projects import list_projects

    ann = Actor("ann@example.org", role="viewer", user_id=1)
    assert services.actor == OPERATOR
    assert [project.key for project in list_projects(services, ann, PageQuery()).items] == ["notes"]
    assert [
        project.key
        for project in list_projects(services, replace(ann, organization="acme"), PageQuery()).items
    ] == ["bills"]
