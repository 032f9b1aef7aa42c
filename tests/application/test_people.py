"""Users, organizations, invitations, project members and grants."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hishamos_pipeline.application import logins, organizations, people, projects, tokens
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import (
    AccountError,
    BudgetError,
    ForbiddenError,
    LoginError,
    PersonNotFoundError,
    ProjectNotFoundError,
)
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import open_store
from tests.fakes.clock import FixedClock
from tests.support.people import OPERATOR, PASSWORD


@pytest.fixture
def services(tmp_path: Path, clock: FixedClock) -> Iterator[Services]:
    """Services over a store with the organizations `default`, with the project `notes`, and `acme`, with `bills`."""
    settings = Settings(home=tmp_path / "home")
    made = Services(settings)
    made.__dict__["store"] = open_store(settings.store_url, clock)
    organizations.add_organization(made, OPERATOR, "acme", "Acme")
    for by, key in ((OPERATOR, "notes"), (in_acme(OPERATOR), "bills")):
        made.acting_as(by).store.projects.submit(Idea(key=key, title=key), "test")
    yield made
    made.close()


def in_acme(actor: Actor) -> Actor:
    return replace(actor, organization="acme")


def actor(services: Services, email: str, role: str | None = None, organization: str = "default") -> Actor:
    """A user with a role, who is added if there is none."""
    by = OPERATOR if organization == "default" else in_acme(OPERATOR)
    user = services.store.users.named(email)
    if user is None:
        people.add_user(services, by, people.AddUser(email=email, role=role))  # type: ignore[arg-type]
        user = services.store.users.named(email)
    assert user is not None
    return logins.actor_of(services, user, organization, via="test")


def test_an_invitation_makes_an_account_once(services: Services, clock: FixedClock) -> None:
    ann = actor(services, "ann@example.org", "admin")
    made = organizations.invite(services, ann, "Eve@Example.org", "developer")
    with pytest.raises(AccountError):
        organizations.accept_invitation(
            services, organizations.AcceptInvitation(link=made.link, password="short")
        )
    given = organizations.AcceptInvitation(link=made.link, name="Eve", password=PASSWORD)
    eve = organizations.accept_invitation(services, given)
    assert (eve.email, eve.roles, eve.name) == ("eve@example.org", {"default": "developer"}, "Eve")
    with pytest.raises(LoginError):
        organizations.accept_invitation(services, given)
    (shown,) = organizations.list_invitations(services, ann)
    assert shown.accepted_at and shown.link == "" and shown.invited_by == "user:ann@example.org"
    late = organizations.invite(services, ann, "bob@example.org", "viewer")
    clock.advance(timedelta(days=8))
    with pytest.raises(LoginError):
        organizations.accept_invitation(
            services, organizations.AcceptInvitation(link=late.link, password=PASSWORD)
        )
    gone = organizations.invite(services, ann, "cem@example.org", "viewer")
    assert organizations.withdraw_invitation(services, ann, "cem@example.org")
    with pytest.raises(LoginError):
        organizations.accept_invitation(
            services, organizations.AcceptInvitation(link=gone.link, password=PASSWORD)
        )


def test_who_has_an_account_joins_another_organization_with_its_password(services: Services) -> None:
    actor(services, "ann@example.org", "viewer")
    link = people.make_link(services, OPERATOR, "ann@example.org")
    logins.set_password_by_link(services, link.token, PASSWORD)
    made = organizations.invite(services, in_acme(OPERATOR), "ann@example.org", "manager")
    with pytest.raises(LoginError, match="password of this account"):
        organizations.accept_invitation(
            services, organizations.AcceptInvitation(link=made.link, password="another one of mine")
        )
    joined = organizations.accept_invitation(
        services, organizations.AcceptInvitation(link=made.link, password=PASSWORD)
    )
    assert joined.roles == {"acme": "manager", "default": "viewer"}
    assert actor(services, "ann@example.org", organization="acme").role == "manager"
    given = logins.LogIn(email="ann@example.org", password=PASSWORD, organization="acme")
    assert logins.log_in(services, given).organization == "acme"
    with pytest.raises(LoginError):
        logins.log_in(services, given.model_copy(update={"organization": "nowhere"}))


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "a b@example.org", "ann@exa mple.org", "x" * 300 + "@example.org"]
)
def test_what_is_no_address(services: Services, email: str) -> None:
    with pytest.raises(AccountError, match="no e-mail address"):
        people.add_user(services, OPERATOR, people.AddUser(email=email))


def test_an_organization_keeps_an_admin(services: Services) -> None:
    ann, bob = actor(services, "ann@example.org", "admin"), actor(services, "bob@example.org", "viewer")
    with pytest.raises(AccountError, match="the only admin"):
        organizations.set_role(services, ann, "ann@example.org", "viewer")
    organizations.set_role(services, ann, "bob@example.org", "admin")
    organizations.set_role(services, ann, "ann@example.org", None)
    assert [m.email for m in organizations.list_members(services, actor(services, bob.name))] == [
        "bob@example.org"
    ]
    with pytest.raises(AccountError, match="their own account"):
        people.set_active(services, actor(services, bob.name), "bob@example.org", False)


def test_an_admin_has_no_power_over_operators_and_people_of_others(services: Services) -> None:
    ann = actor(services, "ann@example.org", "admin")
    people.add_user(
        services, OPERATOR, people.AddUser(email="root@example.org", superuser=True, role="viewer")
    )
    actor(services, "both@example.org", "viewer")
    both = services.store.users.named("both@example.org")
    assert both
    services.acting_as(in_acme(OPERATOR)).store.organizations.set_role(both.id, "viewer")
    for email in ("root@example.org", "both@example.org"):
        for act in (
            lambda email=email: people.set_active(services, ann, email, False),
            lambda email=email: people.make_link(services, ann, email),
            lambda email=email: people.set_token_limit(services, ann, email, 1),
        ):
            with pytest.raises(ForbiddenError, match="by an operator"):
                act()
    for forbidden in (
        lambda: people.add_user(services, ann, people.AddUser(email="x@example.org", superuser=True)),
        lambda: people.set_superuser(services, ann, "ann@example.org", True),
        lambda: organizations.add_organization(services, ann, "mine"),
        lambda: people.make_link(services, ann, "ann@example.org", "login"),
    ):
        with pytest.raises(ForbiddenError):
            forbidden()


def test_people_of_other_organizations_are_not_there(services: Services) -> None:
    ann = actor(services, "ann@example.org", "admin")
    actor(services, "eve@example.org", "admin", "acme")
    assert [user.email for user in people.list_users(services, ann, PageQuery()).items] == ["ann@example.org"]
    for act in (
        lambda: people.show_user(services, ann, "eve@example.org"),
        lambda: organizations.set_role(services, ann, "eve@example.org", "viewer"),
        lambda: people.set_active(services, ann, "eve@example.org", False),
        lambda: people.make_link(services, ann, "eve@example.org"),
        lambda: organizations.add_grant(
            services, ann, organizations.AddGrant(email="eve@example.org", action="projects.edit")
        ),
        lambda: organizations.set_project_role(services, ann, "notes", "eve@example.org", "owner"),
    ):
        with pytest.raises(PersonNotFoundError):
            act()
    with pytest.raises(ProjectNotFoundError):
        organizations.set_project_role(services, ann, "bills", "ann@example.org", "owner")
    with pytest.raises(ProjectNotFoundError):
        given = organizations.AddGrant(email="ann@example.org", action="projects.edit", project="bills")
        organizations.add_grant(services, ann, given)


def test_a_role_in_a_project_counts_there(services: Services) -> None:
    ann, bob = actor(services, "ann@example.org", "admin"), actor(services, "bob@example.org", "viewer")
    with pytest.raises(ForbiddenError, match="takes the role manager"):
        organizations.set_project_role(services, bob, "notes", "bob@example.org", "owner")
    organizations.set_project_role(services, ann, "notes", "bob@example.org", "owner")
    assert [(m.email, m.role) for m in organizations.list_project_members(services, bob, "notes")] == [
        ("bob@example.org", "owner")
    ]
    organizations.set_project_role(services, bob, "notes", "ann@example.org", "viewer")
    organizations.set_project_role(services, ann, "notes", "bob@example.org", None)
    with pytest.raises(ForbiddenError):
        organizations.set_project_role(services, bob, "notes", "ann@example.org", "owner")
    # Whoever leaves the organization leaves its projects.
    organizations.set_project_role(services, ann, "notes", "bob@example.org", "owner")
    organizations.set_role(services, ann, "bob@example.org", None)
    assert [m.email for m in organizations.list_project_members(services, ann, "notes")] == [
        "ann@example.org"
    ]


def test_a_grant_lasts_until_it_ends(services: Services, clock: FixedClock) -> None:
    ann, bob = actor(services, "ann@example.org", "admin"), actor(services, "bob@example.org", "viewer")
    until = clock.now() + timedelta(days=1)
    given = organizations.AddGrant(
        email=bob.name, action="projects.members", project="notes", expires_at=until
    )
    made = organizations.add_grant(services, ann, given)
    organizations.set_project_role(services, bob, "notes", "ann@example.org", "viewer")
    clock.advance(timedelta(days=2))
    with pytest.raises(ForbiddenError):
        organizations.set_project_role(services, bob, "notes", "ann@example.org", "owner")
    assert [grant.id for grant in organizations.list_grants(services, ann)] == [made.id]
    assert organizations.remove_grant(services, ann, made.id) and not organizations.remove_grant(
        services, ann, made.id
    )
    for action in ("installation.operate", "projects.everything"):
        with pytest.raises(AccountError, match="cannot be granted"):
            organizations.add_grant(services, ann, organizations.AddGrant(email=bob.name, action=action))
    with pytest.raises(AccountError, match="ends after now"):
        organizations.add_grant(services, ann, given)
    organizations.add_grant(services, ann, organizations.AddGrant(email=bob.name, action="people.read"))
    assert organizations.list_members(services, bob)


def test_a_profile_is_ones_own(services: Services) -> None:
    ann = actor(services, "ann@example.org", "viewer")
    given = people.UpdateProfile(
        name=" Ann ", avatar_url="https://example.org/a.png", preferences={"theme": "dark"}
    )
    shown = people.update_profile(services, ann, given)
    assert (shown.name, shown.avatar_url, shown.preferences) == (
        "Ann",
        "https://example.org/a.png",
        {"theme": "dark"},
    )
    assert people.update_profile(services, ann, people.UpdateProfile(name="A")).preferences == {
        "theme": "dark"
    }
    for wrong in (
        {"avatar_url": "javascript:alert(1)"},
        {"avatar_url": "http://x"},
        {"preferences": {"x": "y" * 20_000}},
    ):
        with pytest.raises(AccountError):
            people.update_profile(services, ann, people.UpdateProfile(**wrong))  # type: ignore[arg-type]
    for field in ("is_superuser", "email", "role", "monthly_tokens"):
        with pytest.raises(Exception, match=field):
            people.UpdateProfile.model_validate({field: 1})


def test_tokens_of_models_are_counted_by_person_and_month(services: Services, clock: FixedClock) -> None:
    from hishamos_pipeline.core.pipeline.spending import CallEnd, CallStart, Purpose, Throttle

    ann = actor(services, "ann@example.org", "developer")
    store = services.acting_as(ann).store

    def call(tokens: int) -> None:
        start = CallStart(
            purpose=Purpose(project="notes"), role="r", task="t", provider="p", model="m", prompt_version="1",
            request_hash=f"{clock.now()}{tokens}", request="{}", reserved_usd=0.0, reserved_tokens=tokens,
        )  # fmt: skip
        number = store.calls.admit(start, (), Throttle(10, 100), alone=False)
        assert isinstance(number, int)
        store.calls.settle(number, CallEnd(outcome="ok", input_tokens=tokens - 10, output_tokens=10))

    call(600)
    assert people.show_user(services, OPERATOR, ann.name).tokens_used == 600
    people.set_token_limit(services, OPERATOR, ann.name, 1000)
    call(300)
    with pytest.raises(BudgetError, match="has used 900 of 1,000 tokens"):
        call(200)
    clock.advance(timedelta(seconds=1))
    people.reset_tokens(services, OPERATOR, ann.name)
    call(900)
    with pytest.raises(BudgetError):
        call(200)
    clock.advance(timedelta(days=10))  # another month
    call(900)
    run = services.acting_as(Actor("r1", "run", "", "dagster", ann.label)).store
    assert run.token_use.of(ann.name, run.token_use.month_of(None)) == 900


def test_costs_of_other_organizations_are_not_told(services: Services) -> None:
    from hishamos_pipeline.application.costs import costs

    ann = actor(services, "ann@example.org", "viewer")
    with pytest.raises(ProjectNotFoundError):
        costs(services, ann, "bills")
    assert [p.key for p in projects.list_projects(services, ann, PageQuery()).items] == ["notes"]


def test_admins_who_can_log_in_are_counted(services: Services) -> None:
    ann = actor(services, "ann@example.org", "admin")
    people.add_user(services, OPERATOR, people.AddUser(email="ci@example.org", role="admin", service=True))
    actor(services, "bob@example.org", "admin")
    people.set_active(services, OPERATOR, "bob@example.org", False)
    for act in (
        lambda: organizations.set_role(services, OPERATOR, ann.name, "viewer"),
        lambda: organizations.set_role(services, OPERATOR, ann.name, None),
        lambda: people.set_active(services, OPERATOR, ann.name, False),
    ):
        with pytest.raises(AccountError, match="the only admin"):
            act()
    organizations.set_role(services, OPERATOR, "bob@example.org", "viewer")  # who cannot log in is none


def test_whoever_leaves_takes_nothing_along(services: Services) -> None:
    ann, bob = actor(services, "ann@example.org", "admin"), actor(services, "bob@example.org", "viewer")
    organizations.add_grant(services, ann, organizations.AddGrant(email=bob.name, action="projects.export"))
    made = tokens.make_token(services, bob, tokens.MakeToken(name="ci"))
    organizations.set_role(services, ann, bob.name, None)
    organizations.set_role(services, OPERATOR, bob.name, "viewer")
    assert organizations.list_grants(services, ann) == [] and tokens.list_tokens(services, bob) == []
    with pytest.raises(LoginError):
        logins.actor_of_token(services, made.token)


def test_a_grant_makes_nobody_an_admin(services: Services) -> None:
    ann = actor(services, "ann@example.org", "admin")
    actor(services, "bob@example.org", "viewer")
    for action in ("people.manage", "tokens.manage", "projects.delete"):
        with pytest.raises(AccountError, match="cannot be granted"):
            organizations.add_grant(
                services, ann, organizations.AddGrant(email="bob@example.org", action=action)
            )


def test_other_organizations_of_somebody_are_not_told(services: Services) -> None:
    ann, kim = actor(services, "ann@example.org", "manager"), actor(services, "kim@example.org", "viewer")
    services.acting_as(in_acme(OPERATOR)).store.organizations.set_role(kim.user_id, "admin")
    assert people.show_user(services, ann, kim.name).roles == {"default": "viewer"}
    assert people.show_user(services, OPERATOR, kim.name).roles == {"acme": "admin", "default": "viewer"}
    assert people.profile(services, kim).roles == {"acme": "admin", "default": "viewer"}


def test_an_invitation_is_no_way_to_guess_a_password(services: Services) -> None:
    actor(services, "ann@example.org", "viewer")
    logins.set_password_by_link(
        services, people.make_link(services, OPERATOR, "ann@example.org").token, PASSWORD
    )
    made = organizations.invite(services, in_acme(OPERATOR), "ann@example.org", "viewer")
    waits = []
    for number in range(10):
        given = organizations.AcceptInvitation(link=made.link, password=f"guess {number}")
        with pytest.raises(LoginError) as caught:
            organizations.accept_invitation(services, given)
        waits.append(caught.value.wait)
    assert waits[5] > 0 and waits[9] > 0


def test_roles_and_prompts_of_other_organizations_are_not_there(services: Services) -> None:
    from hishamos_pipeline.application import agents, prompts

    ann = actor(services, "ann@example.org", "admin")
    for act in (
        lambda: agents.list_roles(services, ann, "bills"),
        lambda: agents.show_role(services, ann, "coding", "bills"),
        lambda: prompts.list_prompts(services, ann, "bills"),
        lambda: prompts.read_prompt(services, ann, "coding", "new", "bills"),
    ):
        with pytest.raises(ProjectNotFoundError):
            act()
