"""What is done for somebody later is done with the rights that they have by then, and with no more than they had."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hishamos_pipeline.application import organizations
from hishamos_pipeline.application.later_work import Asker
from hishamos_pipeline.errors import LoginError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from tests.support.people import OPERATOR


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """The organization `acme`, and `dora`, a manager in it and in `default`."""
    made = Services(Settings(home=tmp_path / "home"), actor=OPERATOR)
    organizations.add_organization(made, OPERATOR, "acme")
    user = made.store.users.add("dora@example.org")
    for key in ("default", "acme"):
        made.acting_as(replace(OPERATOR, organization=key)).store.organizations.set_role(user.id, "manager")
    yield made
    made.close()


def asker(services: Services, organization: str = "default", **given: str) -> Asker:
    user = services.store.users.named("dora@example.org")
    assert user is not None
    return Asker(user.id, organization, "workflow", **given)


def test_they_have_the_role_that_they_have_now(services: Services) -> None:
    actor = asker(services, project="notes").by_then(services)
    assert (actor.role, actor.scopes, actor.project, actor.via) == ("manager", None, "notes", "workflow")
    assert asker(services, scopes="projects.read").by_then(services).scopes == {"projects.read"}


def test_a_second_factor_that_is_missing_by_then_leaves_nothing(services: Services) -> None:
    acme = services.acting_as(replace(OPERATOR, organization="acme")).store.organizations
    acme.update("acme", title="acme", needs_second_factor=True)
    assert asker(services, "acme").by_then(services).scopes == frozenset()
    assert asker(services, "acme", scopes="projects.read").by_then(services).scopes == frozenset()


def test_who_is_switched_off_or_no_member_any_more_has_nothing_done(services: Services) -> None:
    found = asker(services, "acme")
    services.acting_as(replace(OPERATOR, organization="acme")).store.organizations.set_role(
        found.user_id, None
    )
    with pytest.raises(LoginError, match="no member"):
        found.by_then(services)
    services.store.users.change(found.user_id, is_active=False)
    with pytest.raises(LoginError, match="switched off"):
        found.by_then(services)
