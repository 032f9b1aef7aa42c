"""Logging in and out, and who somebody is by what they show."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet

from hishamos_pipeline.application import logins, organizations, people, second_factors, tokens
from hishamos_pipeline.core.actor import INSTALLATION, Actor
from hishamos_pipeline.errors import AccountError, ForbiddenError, LoginError, PersonNotFoundError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from tests.fakes.clock import FixedClock
from tests.support.people import OPERATOR, PASSWORD


@pytest.fixture
def services(tmp_path: Path, clock: FixedClock) -> Iterator[Services]:
    """Services over an empty store, with a clock that stands still."""
    from hishamos_pipeline.store.store import open_store

    settings = Settings(home=tmp_path / "home", secret_keys=Fernet.generate_key().decode())  # type: ignore[arg-type]
    made = Services(settings)
    made.__dict__["store"] = open_store(settings.store_url, clock)
    yield made
    made.close()


def person(services: Services, email: str = "ann@example.org", role: str | None = "developer") -> str:
    """Somebody with an account and a password."""
    made = people.add_user(services, OPERATOR, people.AddUser(email=email, role=role))  # type: ignore[arg-type]
    link = people.make_link(services, OPERATOR, made.email)
    assert logins.set_password_by_link(services, link.token, PASSWORD) == made.email
    return made.email


def ann(**given: str) -> logins.LogIn:
    return logins.LogIn(**{"email": "ann@example.org", "password": PASSWORD, **given})


def test_a_session_is_somebody_until_they_log_out(services: Services) -> None:
    person(services)
    session = logins.log_in(services, ann(email=" Ann@Example.ORG ", address="10.0.0.1", agent="a browser"))
    actor = logins.actor_of_token(services, session.token, "console")
    assert (actor.name, actor.role, actor.organization, actor.via) == (
        "ann@example.org", "developer", "default", "console"
    )  # fmt: skip
    (shown,) = logins.list_sessions(services, actor)
    assert (shown.address, shown.agent) == ("10.0.0.1", "a browser")
    assert people.profile(services, actor).last_login_at is not None
    assert logins.log_out(services, session.token) and not logins.log_out(services, session.token)
    with pytest.raises(LoginError):
        logins.actor_of_token(services, session.token)


def test_two_logins_are_two_sessions_of_which_none_was_known_before(services: Services) -> None:
    person(services)
    first, second = (logins.log_in(services, ann()).token for _ in range(2))
    assert first != second
    logins.log_out(services, first)
    assert logins.actor_of_token(services, second).name == "ann@example.org"


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"email": "nobody@example.org"}, {"password": ""}])
def test_what_is_wrong_is_not_told(services: Services, wrong: dict[str, str]) -> None:
    person(services)
    people.set_active(services, OPERATOR, person(services, "off@example.org"), False)
    told = set()
    for given in (wrong, {"email": "off@example.org"}, {"password": PASSWORD + "x"}):
        with pytest.raises(LoginError) as caught:
            logins.log_in(services, ann(**given))
        told.add((str(caught.value), caught.value.wait, caught.value.needs_code))
    assert len(told) == 1


def test_guessing_is_slowed_down_for_the_account_and_for_the_address(
    services: Services, clock: FixedClock
) -> None:
    person(services)
    person(services, "bob@example.org")
    for _ in range(5):
        with pytest.raises(LoginError, match="is wrong"):
            logins.log_in(services, ann(password="wrong", address="10.0.0.1"))
    with pytest.raises(LoginError, match="too many wrong logins: try again in 2 s") as caught:
        logins.log_in(services, ann(address="10.0.0.2"))
    assert caught.value.wait == 2
    with pytest.raises(LoginError, match="too many"):
        logins.log_in(services, ann(email="bob@example.org", address="10.0.0.1"))
    logins.log_in(services, ann(email="bob@example.org", address="10.0.0.2"))
    clock.advance(timedelta(seconds=3))
    logins.log_in(services, ann(address="10.0.0.2"))
    with pytest.raises(LoginError, match="is wrong"):
        logins.log_in(services, ann(password="wrong", address="10.0.0.2"))


def test_hours_of_wrong_logins_are_looked_at_a_few_times(services: Services, clock: FixedClock) -> None:
    person(services)
    looked_at = 0
    for _ in range(300):
        clock.advance(timedelta(seconds=30))
        try:
            logins.log_in(services, ann(password="wrong"))
        except LoginError as error:
            looked_at += error.wait == 0
    assert looked_at < 60


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(services: Services) -> None:
    person(services)
    first = logins.log_in_client(services, ann())
    second = logins.refresh(services, first.refresh_token)
    third = logins.refresh(services, second.refresh_token)
    other = logins.log_in_client(services, ann())
    with pytest.raises(LoginError):
        logins.refresh(services, first.refresh_token)  # somebody else had it
    with pytest.raises(LoginError):
        logins.refresh(services, third.refresh_token)
    assert logins.refresh(services, other.refresh_token), "another login goes on"
    assert [entry.action for entry in services.store.audit.page(PageQuery(3)).items].count(
        "login.reused"
    ) == 1


def test_a_token_ends_with_its_time(services: Services, clock: FixedClock) -> None:
    person(services)
    session, client = logins.log_in(services, ann()), logins.log_in_client(services, ann())
    actor = logins.actor_of_token(services, session.token)
    made = tokens.make_token(services, actor, tokens.MakeToken(name="ci", days=1))
    assert logins.actor_of_token(services, made.token).scopes == {"projects.read", "agents.read"}
    clock.advance(timedelta(days=31))
    for token in (session.token, made.token, "hos_nonsense", "", "hob_x"):
        with pytest.raises(LoginError):
            logins.actor_of_token(services, token)
    with pytest.raises(LoginError):
        logins.refresh(services, client.refresh_token)


def test_rights_end_at_the_next_request(services: Services) -> None:
    email = person(services, role="admin")
    person(services, "bob@example.org", "admin")
    session = logins.log_in(services, ann())
    actor = logins.actor_of_token(services, session.token)
    made = tokens.make_token(services, actor, tokens.MakeToken(name="ci", scopes=("admin",)))
    organizations.set_role(services, OPERATOR, email, "viewer")
    for token in (session.token, made.token):
        assert logins.actor_of_token(services, token).role == "viewer"
    people.set_active(services, OPERATOR, email, False)
    for token in (session.token, made.token):
        with pytest.raises(LoginError):
            logins.actor_of_token(services, token)
    people.set_active(services, OPERATOR, email, True)
    with pytest.raises(LoginError):
        logins.actor_of_token(services, made.token)  # ended for good


def test_whoever_is_taken_out_of_an_organization_is_nobody_there(services: Services) -> None:
    email = person(services)
    session = logins.log_in(services, ann())
    organizations.set_role(services, OPERATOR, email, None)
    with pytest.raises(LoginError):
        logins.actor_of_token(services, session.token)
    with pytest.raises(LoginError, match="member of no organization"):
        logins.log_in(services, ann())


def test_a_new_password_ends_every_login(services: Services) -> None:
    person(services)
    sessions = [logins.log_in(services, ann()).token for _ in range(2)]
    client = logins.log_in_client(services, ann())
    actor = logins.actor_of_token(services, sessions[0])
    with pytest.raises(LoginError, match="before is wrong"):
        logins.change_password(services, actor, "wrong", "another horse battery staple")
    with pytest.raises(AccountError, match="at least 12"):
        logins.change_password(services, actor, PASSWORD, "short")
    logins.change_password(services, actor, PASSWORD, "another horse battery staple")
    for token in sessions:
        with pytest.raises(LoginError):
            logins.actor_of_token(services, token)
    with pytest.raises(LoginError):
        logins.refresh(services, client.refresh_token)
    with pytest.raises(LoginError):
        logins.log_in(services, ann())
    assert logins.log_in(services, ann(password="another horse battery staple"))


def test_a_link_is_good_once_and_for_its_purpose(services: Services, clock: FixedClock) -> None:
    person(services)
    link = people.make_link(services, OPERATOR, "ann@example.org")
    with pytest.raises(LoginError):
        logins.log_in_by_link(services, link.token)
    with pytest.raises(AccountError):
        logins.set_password_by_link(services, link.token, "short")
    logins.set_password_by_link(services, link.token, "another horse battery staple")
    with pytest.raises(LoginError):
        logins.set_password_by_link(services, link.token, PASSWORD)
    entry = people.make_link(services, OPERATOR, "ann@example.org", "login")
    assert (
        logins.actor_of_token(services, logins.log_in_by_link(services, entry.token).token).role
        == "developer"
    )
    late = people.make_link(services, OPERATOR, "ann@example.org", "login")
    clock.advance(timedelta(hours=25))
    for token in (entry.token, late.token):
        with pytest.raises(LoginError):
            logins.log_in_by_link(services, token)


def test_a_second_factor_is_asked_for_once_it_was_shown_to_work(
    services: Services, clock: FixedClock
) -> None:
    person(services)
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    begun = second_factors.begin_second_factor(services, actor, PASSWORD)
    assert logins.log_in(services, ann()), "not yet"
    with pytest.raises(LoginError):
        second_factors.confirm_second_factor(services, actor, "000000")
    codes = second_factors.confirm_second_factor(services, actor, pyotp.TOTP(begun.secret).at(clock.now()))
    assert begun.secret.encode() not in (services.settings.home / "store.db").read_bytes()
    with pytest.raises(LoginError) as caught:
        logins.log_in(services, ann())
    assert caught.value.needs_code
    with pytest.raises(LoginError) as wrong:
        logins.log_in(services, ann(password="wrong"))
    assert not wrong.value.needs_code, "only who knows the password learns of it"
    clock.advance(timedelta(seconds=30))
    code = pyotp.TOTP(begun.secret).at(clock.now())
    assert logins.log_in(services, ann(code=code))
    with pytest.raises(LoginError):
        logins.log_in(services, ann(code=code))  # used
    assert logins.log_in(services, ann(code=codes[0].upper()))
    with pytest.raises(LoginError):
        logins.log_in(services, ann(code=codes[0]))
    with pytest.raises(LoginError):
        second_factors.remove_second_factor(services, actor, "wrong")
    second_factors.remove_second_factor(services, actor, PASSWORD)
    assert logins.log_in(services, ann())


def test_a_second_factor_outlives_a_change_of_the_encryption_key(
    services: Services, clock: FixedClock
) -> None:
    person(services)
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    begun = second_factors.begin_second_factor(services, actor, PASSWORD)
    second_factors.confirm_second_factor(services, actor, pyotp.TOTP(begun.secret).at(clock.now()))
    new = Fernet.generate_key().decode()
    services.store.credentials.rotate((new, *services.settings.secret_key_list))
    services.settings = services.settings.model_copy(
        update={"secret_keys": Settings(secret_keys=new).secret_keys}
    )  # type: ignore[arg-type]
    clock.advance(timedelta(seconds=30))
    assert logins.log_in(services, ann(code=pyotp.TOTP(begun.secret).at(clock.now())))


def test_an_organization_may_ask_for_second_factors(services: Services, clock: FixedClock) -> None:
    person(services)
    organizations.update_organization(services, OPERATOR, needs_second_factor=True)
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    assert actor.scopes == frozenset()
    with pytest.raises(ForbiddenError):
        organizations.list_project_members(services, actor, "notes")
    begun = second_factors.begin_second_factor(services, actor, PASSWORD)
    second_factors.confirm_second_factor(services, actor, pyotp.TOTP(begun.secret).at(clock.now()))
    with pytest.raises(AccountError, match="asks its members"):
        second_factors.remove_second_factor(services, actor, PASSWORD)
    clock.advance(timedelta(seconds=30))
    entered = logins.log_in(services, ann(code=pyotp.TOTP(begun.secret).at(clock.now())))
    assert logins.actor_of_token(services, entered.token).scopes is None


def test_a_token_is_no_way_around_a_second_factor(services: Services) -> None:
    person(services)
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    made = tokens.make_token(services, actor, tokens.MakeToken(name="ci"))
    organizations.update_organization(services, OPERATOR, needs_second_factor=True)
    with pytest.raises(LoginError, match="asks its members for a second factor"):
        logins.actor_of_token(services, made.token)


def test_tokens_of_people_and_services(services: Services) -> None:
    person(services, role="admin")
    person(services, "bob@example.org", "viewer")
    people.add_user(
        services, OPERATOR, people.AddUser(email="ci@example.org", service=True, role="developer")
    )
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    bob = logins.actor_of_token(services, logins.log_in(services, ann(email="bob@example.org")).token)
    given = tokens.MakeToken(name="ci", scopes=("write",), service="ci@example.org")
    made = tokens.make_token(services, actor, given)
    service = logins.actor_of_token(services, made.token)
    assert (service.name, service.role) == ("ci@example.org", "developer") and made.token.startswith(
        made.shown
    )
    with pytest.raises(ForbiddenError):
        tokens.make_token(services, bob, tokens.MakeToken(name="ci", service="ci@example.org"))
    with pytest.raises(AccountError, match="already"):
        tokens.make_token(services, actor, given)
    with pytest.raises(ForbiddenError, match="not by another token"):
        tokens.make_token(services, service, tokens.MakeToken(name="more"))
    for wrong in (
        {"scopes": ("all",)},
        {"scopes": ()},
        {"scopes": ("installation.operate",)},
        {"days": 0},
        {"name": " "},
    ):
        with pytest.raises(AccountError):
            tokens.make_token(services, actor, tokens.MakeToken(**{"name": "x", **wrong}))  # type: ignore[arg-type]
    assert [item.name for item in tokens.list_tokens(services, actor)] == ["ci"]
    assert tokens.list_tokens(services, bob) == [] and not tokens.list_tokens(services, actor)[0].token
    with pytest.raises(PersonNotFoundError):
        tokens.end_token(services, bob, made.id)
    tokens.end_token(services, actor, made.id)
    with pytest.raises(LoginError):
        logins.actor_of_token(services, made.token)


def test_nothing_that_is_kept_lets_anybody_in(services: Services) -> None:
    """Whoever reads the database has hashes."""
    person(services)
    session, client = logins.log_in(services, ann()), logins.log_in_client(services, ann())
    link = people.make_link(services, OPERATOR, "ann@example.org")
    actor = logins.actor_of_token(services, session.token)
    made = tokens.make_token(services, actor, tokens.MakeToken(name="ci"))
    invited = organizations.invite(services, OPERATOR, "eve@example.org", "viewer")
    services.close()
    kept = b"".join(path.read_bytes() for path in services.settings.home.glob("store.db*"))
    for secret in (session.token, client.refresh_token, link.token, made.token, invited.link, PASSWORD):
        assert secret.encode() not in kept


def test_only_people_have_accounts(services: Services) -> None:
    with pytest.raises(PersonNotFoundError, match="has no account"):
        logins.list_sessions(services, OPERATOR)
    with pytest.raises(ForbiddenError, match="has no account of its own"):
        people.profile(services, Actor("x", "agent", user_id=1))


def test_many_guesses_at_once_are_many(services: Services) -> None:
    """Each is noted before it is looked at."""
    person(services)

    def guess(number: int) -> float:
        try:
            logins.log_in(services, ann(password=f"wrong {number}"))
        except LoginError as error:
            return error.wait
        raise AssertionError("it was right")

    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(guess, range(24)))
    assert sum(wait == 0 for wait in waits) <= 6


def test_a_victim_who_has_logged_in_from_somewhere_is_not_kept_out_there(services: Services) -> None:
    person(services)
    logins.log_in(services, ann(address="10.0.0.1"))
    for number in range(9):
        with pytest.raises(LoginError):
            logins.log_in(services, ann(password="wrong", address=f"10.9.0.{number}"))
    with pytest.raises(LoginError, match="too many"):
        logins.log_in(services, ann(address="10.0.0.2"))
    logins.log_in(services, ann(address="10.0.0.1"))


def test_a_right_login_of_ones_own_does_not_hide_guesses_at_others(services: Services) -> None:
    person(services)
    refused = 0
    for number in range(12):
        if number % 3 == 0:
            with suppress(LoginError):
                logins.log_in(services, ann(address="10.0.0.1"))
        try:
            logins.log_in(services, ann(email=f"victim{number}@example.org", address="10.0.0.1"))
        except LoginError as error:
            refused += error.wait > 0
    assert refused >= 6


def test_codes_cannot_be_guessed_between_logins_without_one(services: Services, clock: FixedClock) -> None:
    person(services)
    actor = logins.actor_of_token(services, logins.log_in(services, ann()).token)
    begun = second_factors.begin_second_factor(services, actor, PASSWORD)
    second_factors.confirm_second_factor(services, actor, pyotp.TOTP(begun.secret).at(clock.now()))
    looked_at = 0
    for number in range(30):
        for code in ("", f"{number:06}"):
            try:
                logins.log_in(services, ann(code=code))
            except LoginError as error:
                looked_at += bool(code) and error.wait == 0
    assert looked_at <= 6


def test_a_token_is_no_person(services: Services) -> None:
    """Whoever has found one of an operator's tokens has that token, and no more."""
    people.add_user(
        services, OPERATOR, people.AddUser(email="root@example.org", superuser=True, role="admin")
    )
    link = people.make_link(services, OPERATOR, "root@example.org", "login")
    root = logins.actor_of_token(services, logins.log_in_by_link(services, link.token).token)
    assert root.superuser
    made = tokens.make_token(services, root, tokens.MakeToken(name="ci", scopes=("admin",)))
    token = logins.actor_of_token(services, made.token)
    assert not token.superuser
    for act in (
        lambda: people.add_user(services, token, people.AddUser(email="evil@example.org", superuser=True)),
        lambda: people.make_link(services, token, "root@example.org"),
        lambda: organizations.invite(services, token, "evil@example.org", "admin"),
        lambda: organizations.set_role(services, token, "root@example.org", "viewer"),
        lambda: people.update_profile(services, token, people.UpdateProfile(name="Evil")),
        lambda: second_factors.begin_second_factor(services, token, PASSWORD),
        lambda: logins.change_password(services, token, PASSWORD, "another horse battery staple"),
        lambda: logins.log_out_everywhere(services, token),
        lambda: tokens.end_token(services, token, made.id),
        lambda: tokens.list_tokens(services, token),
        lambda: tokens.make_token(services, token, tokens.MakeToken(name="more")),
    ):
        with pytest.raises(ForbiddenError):
            act()
    with pytest.raises(AccountError, match=r"no token is good for people\.manage"):
        tokens.make_token(services, root, tokens.MakeToken(name="x", scopes=("people.manage",)))


def test_a_login_that_overlaps_a_new_password_is_none(services: Services, clock: FixedClock) -> None:
    email = person(services)
    user = services.store.users.named(email)
    assert user
    clock.advance(timedelta(seconds=1))
    services.store.users.log_out_everywhere(user.id)
    with pytest.raises(LoginError, match="changed meanwhile"):
        logins.new_session(services, user, "default", "", "")


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 5000])
def test_texts_that_nobody_types(services: Services, text: str) -> None:
    person(services)
    for given in ({"email": text}, {"password": text}, {"email": f"{text}@example.org"}):
        with pytest.raises(LoginError):
            logins.log_in(services, ann(**given))
    for token in (text, f"hob_{text}", f"hos_{text}"):
        with pytest.raises(LoginError):
            logins.actor_of_token(services, token)
    assert text not in repr(ann(password=text))


def test_an_agent_of_whoever_is_at_this_machine_sees_the_same_organization(services: Services) -> None:
    acme = replace(OPERATOR, organization="acme")
    token = tokens.agent_token(services, acme, "coding", "task 1", ["write"])
    agent = logins.actor_of_token(services, token)
    assert (agent.kind, agent.organization, agent.on_behalf_of) == ("agent", "acme", OPERATOR.label)
    assert not agent.superuser and agent.scopes is not None and "projects.approve" not in agent.scopes
    with pytest.raises(ForbiddenError, match="may not do this"):
        tokens.agent_token(services, agent, "coding", "task 2", ["write"])
    with pytest.raises(ForbiddenError, match="no person"):
        tokens.agent_token(services, INSTALLATION, "coding", "task 3", ["write"])
    with pytest.raises(AccountError, match="no scope"):
        tokens.agent_token(services, acme, "coding", "task 1", ["everything"])


def test_an_agents_token_is_good_for_two_minutes(services: Services, clock: FixedClock) -> None:
    token = tokens.agent_token(services, OPERATOR, "coding", "task 1", ["read"])
    clock.advance(timedelta(seconds=119))
    assert logins.actor_of_token(services, token).kind == "agent"
    clock.advance(timedelta(seconds=2))
    with pytest.raises(LoginError, match="run out"):
        logins.actor_of_token(services, token)


def test_ten_thousand_wrong_logins_are_looked_at_a_few_times_and_keep_nobody_else_out(
    services: Services, clock: FixedClock
) -> None:
    """From a thousand addresses, at the pace of seven in a second, and each answered alike."""
    person(services)
    logins.log_in(services, ann(address="10.0.0.1"))
    looked_at, said = 0, set[str]()
    for number in range(10_000):
        clock.advance(timedelta(seconds=0.15))
        with pytest.raises(LoginError) as caught:
            logins.log_in(
                services, ann(password="wrong", address=f"10.1.{number % 1000 // 250}.{number % 250}")
            )
        looked_at += caught.value.wait == 0
        said.add(str(caught.value).partition(":")[0])
    assert looked_at < 30
    assert said == {"the address, the password or the code is wrong", "too many wrong logins"}
    logins.log_in(services, ann(address="10.0.0.1"))
    clock.advance(timedelta(days=2))
    logins.log_in(services, ann(address="10.0.0.2"))


def test_an_agent_ends_with_its_persons_login(services: Services) -> None:
    person(services)
    client = logins.log_in_client(services, ann())
    browser = logins.log_in(services, ann())
    shown = {
        "access": logins.actor_of_token(services, client.access_token),
        "session": logins.actor_of_token(services, browser.token),
    }
    owner = shown["session"]
    made = tokens.make_token(services, owner, tokens.MakeToken(name="ci", scopes=("write",)))
    shown["token"] = logins.actor_of_token(services, made.token)
    for actor in shown.values():
        assert tokens.agent_token(services, actor, "coding", "t", ["read"])
    tokens.end_token(services, owner, made.id)
    with pytest.raises(LoginError, match="logged out since"):
        tokens.agent_token(services, shown["token"], "coding", "t", ["read"])
    clock_now = services.store.clock
    assert isinstance(clock_now, FixedClock)
    clock_now.advance(timedelta(seconds=1))
    logins.log_out_everywhere(services, owner)
    for kind in ("access", "session"):
        with pytest.raises(LoginError, match="logged out since"):
            tokens.agent_token(services, shown[kind], "coding", "t", ["read"])
