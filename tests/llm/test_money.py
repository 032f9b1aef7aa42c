"""Prices, reservations and budgets: nothing is free by accident, and nothing is paid beyond a limit."""

import asyncio
import multiprocessing
from datetime import timedelta

import pytest
from pydantic import ValidationError

from hishamos_pipeline.core.artifacts.idea import Idea, ProjectBudget
from hishamos_pipeline.core.pipeline.spending import (
    Budget,
    Busy,
    CallEnd,
    CallStart,
    Purpose,
    Throttle,
    least,
)
from hishamos_pipeline.errors import BudgetError, IdeaError, ModelError, UnknownPriceError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.llm.admission import CallAdmission
from hishamos_pipeline.llm.gateway import Gateway
from hishamos_pipeline.llm.prices import Prices, Tokens
from hishamos_pipeline.llm.providers import PROVIDERS, Access, read_ref
from hishamos_pipeline.settings import Rate, Settings
from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.fakes.clock import FixedClock
from tests.fakes.providers import Reply, provider, script
from tests.llm.conftest import GOOD, MakeGateway, ask

CLAUDE = read_ref("anthropic:claude-opus-5-5", "t")
LOCAL = read_ref("ollama:llama", "t")
WIDE = Throttle(1000, 100_000)


def start(unit: str = "u", usd: float = 0.1, tokens: int = 100, project: str = "notes") -> CallStart:
    return CallStart(
        Purpose(project, "requirements", unit),
        "r",
        "t",
        "openai",
        "m",
        "v",
        f"hash-{unit}",
        "{}",
        usd,
        tokens,
    )


def test_listed_prices_need_no_network() -> None:
    prices = Prices({}, (), PROVIDERS)
    assert prices.cost(CLAUDE, Tokens(1_000_000, 0)) > 0
    assert prices.cost(CLAUDE, Tokens(1000, 100)) > prices.cost(CLAUDE, Tokens(1000, 100, cached=900))
    assert prices.worst(CLAUDE, 1000, 100) > prices.cost(CLAUDE, Tokens(1000, 100))


def test_an_unknown_price_is_refused_unless_somebody_says_it() -> None:
    with pytest.raises(UnknownPriceError, match="HISHAMOS_LLM_FREE=ollama:llama"):
        Prices({}, (), PROVIDERS).cost(LOCAL, Tokens(1, 1))
    with pytest.raises(UnknownPriceError):
        Prices({}, ("compatible:*",), PROVIDERS).cost(LOCAL, Tokens(1, 1))
    assert Prices({}, ("ollama:*",), PROVIDERS).cost(LOCAL, Tokens(1000, 1000)) == 0
    rate = {"ollama:llama": Rate(input=2, output=4)}
    assert Prices(rate, ("ollama:*",), PROVIDERS).cost(LOCAL, Tokens(500_000, 250_000)) == 2.0


def test_the_operators_price_comes_before_the_listed_one() -> None:
    prices = Prices({str(CLAUDE): Rate(input=1, output=1)}, (), PROVIDERS)
    assert prices.cost(CLAUDE, Tokens(1_000_000, 1_000_000)) == 2


async def test_an_unpriced_model_is_not_asked(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD))) as fake:
        with pytest.raises(UnknownPriceError):
            await make_gateway(fake, llm_free="").ask(ask())
        assert not fake.asked


def test_reservations_count_until_they_are_settled(store: ProjectStore, notes_idea: Idea) -> None:
    store.projects.submit(notes_idea, "t")
    budget = [Budget("project", 0.25, None, "S")]
    first = store.calls.admit(start("a"), budget, WIDE, alone=True)
    second = store.calls.admit(start("b"), budget, WIDE, alone=True)
    assert isinstance(first, int)
    assert isinstance(second, int)
    # Not refused yet: the two may turn out cheaper than they could be.
    assert isinstance(store.calls.admit(start("c"), budget, WIDE, alone=True), Busy)
    store.calls.settle(first, CallEnd("ok", 10, 10, cost_usd=0.01))
    store.calls.settle(second, CallEnd("ok", 10, 10, cost_usd=0.2))
    assert store.projects.get("notes").cost_usd == pytest.approx(0.21)
    with pytest.raises(BudgetError, match=r"project budget of 'notes' is 0\.25 USD; 0\.2100 USD"):
        store.calls.admit(start("c"), budget, WIDE, alone=True)


@pytest.mark.parametrize("scope", ["project", "day", "instance"])
def test_every_scope_adds_up(scope: str, store: ProjectStore) -> None:
    paid = store.calls.admit(start("a"), [], WIDE, alone=True)
    assert isinstance(paid, int)
    store.calls.settle(paid, CallEnd("failed", 60, 0, cost_usd=0.05))
    tokens = [Budget(scope, None, 159, "S")]  # type: ignore[arg-type]
    with pytest.raises(BudgetError, match="159 tokens"):
        store.calls.admit(start("b"), tokens, WIDE, alone=True)
    money = [Budget(scope, 0.149, None, "S")]  # type: ignore[arg-type]
    with pytest.raises(BudgetError):
        store.calls.admit(start("b"), money, WIDE, alone=True)
    enough = [Budget(scope, 0.15, 160, "S")]  # type: ignore[arg-type]
    assert isinstance(store.calls.admit(start("b"), enough, WIDE, alone=True), int)


def test_another_projects_spending_does_not_count_and_yesterdays_does_not_either(
    store: ProjectStore, clock: FixedClock
) -> None:
    paid = store.calls.admit(start("a", project="other"), [], WIDE, alone=True)
    assert isinstance(paid, int)
    store.calls.settle(paid, CallEnd("ok", cost_usd=5.0))
    project = [Budget("project", 0.2, None, "S")]
    assert isinstance(store.calls.admit(start("b"), project, WIDE, alone=True), int)
    clock.advance(timedelta(days=1))
    assert isinstance(store.calls.admit(start("c"), [Budget("day", 0.2, None, "S")], WIDE, alone=True), int)


def test_one_call_may_not_cost_more_than_its_own_limit(store: ProjectStore) -> None:
    with pytest.raises(BudgetError, match="call budget"):
        store.calls.admit(start(usd=0.5), [Budget("call", 0.4, None, "S")], WIDE, alone=True)


def test_a_call_whose_process_is_gone_is_booked_at_its_worst(
    store: ProjectStore, clock: FixedClock, notes_idea: Idea
) -> None:
    store.projects.submit(notes_idea, "t")
    assert isinstance(store.calls.admit(start("a", usd=0.3), [], WIDE, alone=True), int)
    clock.advance(timedelta(seconds=31))
    assert isinstance(store.calls.admit(start("b"), [], WIDE, alone=True), int)
    lost = store.calls.rows()[1]
    assert (lost.outcome, lost.cost_usd) == ("lost", 0.3)
    assert store.projects.get("notes").cost_usd == pytest.approx(0.3)


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_jumps_while_a_call_is_made_books_it_once(
    store: ProjectStore, clock: FixedClock, notes_idea: Idea, jump: timedelta
) -> None:
    store.projects.submit(notes_idea, "t")
    call = store.calls.admit(start("slow", usd=0.5), [], WIDE, alone=True)
    assert isinstance(call, int)
    clock.advance(jump)
    other = store.calls.admit(start("other"), [], WIDE, alone=True)  # it may take the slow one for lost
    assert isinstance(other, int)
    store.calls.settle(call, CallEnd("ok", 10, 10, 0, 0.2, response="{}"))
    store.calls.settle(other, CallEnd("ok", 10, 10, 0, 0.1, response="{}"))
    assert store.projects.get("notes").cost_usd == pytest.approx(0.3)
    assert [row.outcome for row in store.calls.rows()] == ["ok", "ok"]


def test_a_call_that_keeps_alive_is_not_lost(store: ProjectStore, clock: FixedClock) -> None:
    call = store.calls.admit(start("a"), [], WIDE, alone=True)
    assert isinstance(call, int)
    for _ in range(3):
        clock.advance(timedelta(seconds=20))
        store.calls.keep_alive(call)
    assert isinstance(store.calls.admit(start("a"), [], WIDE, alone=True), Busy)
    assert store.calls.rows()[0].outcome == "running"


def test_calls_in_a_minute_are_limited(store: ProjectStore, clock: FixedClock) -> None:
    few = Throttle(10, 2)
    for unit in "ab":
        call = store.calls.admit(start(unit), [], few, alone=True)
        assert isinstance(call, int)
        store.calls.settle(call, CallEnd("ok"))
        clock.advance(timedelta(seconds=10))
    waiting = store.calls.admit(start("c"), [], few, alone=True)
    assert isinstance(waiting, Busy)
    assert waiting.seconds == pytest.approx(40)
    clock.advance(timedelta(seconds=41))
    assert isinstance(store.calls.admit(start("c"), [], few, alone=True), int)


@pytest.mark.real_servers
async def test_a_hundred_at_once_pay_no_more_than_the_budget_for_ten(make_gateway: MakeGateway) -> None:
    rate = {"compatible:model-a": Rate(input=0, output=125)}  # one dollar for the 8,000 tokens of an answer
    with provider(script(Reply(GOOD, usage=(10, 8000), delay=0.02))) as fake:
        gateway = make_gateway(
            fake, llm_prices=rate, budget_project_usd=10.0, budget_day_usd=None, budget_call_usd=None,
            llm_concurrency=20,
        )  # fmt: skip
        questions = [gateway.ask(ask(f"Question {number}")) for number in range(100)]
        results = await asyncio.gather(*questions, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == len(fake.asked) == 10
    assert {type(result) for result in results if isinstance(result, BaseException)} == {BudgetError}


def _spend(
    url: str, barrier: "multiprocessing.synchronize.Barrier", results: "multiprocessing.Queue[int]"
) -> None:
    opened = open_store(url)
    budget = [Budget("instance", 1.0, None, "S")]
    barrier.wait()
    admitted = 0
    for number in range(20):
        try:
            call = opened.calls.admit(
                start(f"{barrier.parties}{number}{id(opened)}"), budget, WIDE, alone=False
            )
        except BudgetError:
            continue
        if isinstance(call, int):
            admitted += 1
            opened.calls.settle(call, CallEnd("ok", cost_usd=0.1))
    results.put(admitted)


def test_two_processes_cannot_both_take_the_last_of_a_budget(settings: Settings, store: ProjectStore) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_spend, args=(settings.store_url, barrier, results)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    admitted = sum(results.get(timeout=10) for _ in processes)
    assert admitted == 10


@pytest.mark.parametrize("model", ["anthropic:claude-sonnet-5-5", "google:gemini-3-pro-preview"])
async def test_the_providers_own_count_decides_close_to_the_limit(
    model: str, make_gateway: MakeGateway
) -> None:
    rate = {model: Rate(input=1000, output=0)}
    with provider(script(Reply(GOOD))) as fake:
        # The estimate is above a thousand tokens; the provider counts ten.
        tight = make_gateway(fake, llm_prices=rate, budget_call_usd=0.05)
        result = await tight.ask(ask("word " * 1000, model))
        assert result.output.size == 3
        with pytest.raises(BudgetError):
            await make_gateway(fake, llm_prices=rate, budget_call_usd=0.005).ask(ask("words " * 1000, model))
    assert (len(fake.asked), fake.counted) == (1, 2)


async def test_a_brief_may_ask_for_less_than_the_operator_allows(
    store: ProjectStore, settings: Settings, notes_idea: Idea
) -> None:
    store.projects.submit(notes_idea.model_copy(update={"budget": ProjectBudget(tokens=10)}), "t")
    given = settings.model_copy(update={"llm_free": "compatible:*"})
    with provider(script(Reply(GOOD))) as fake:
        access = Access(fake.urls, lambda _: "key")
        admission = CallAdmission(store.calls, given, lambda key: store.projects.idea(key).budget)
        with pytest.raises(BudgetError, match="`budget` in the brief"):
            await Gateway(admission, access).ask(ask())
        assert not fake.asked


@pytest.mark.parametrize(
    ("asked", "own", "allowed", "limit"),
    [
        (None, 10.0, None, 10.0), (2.0, 10.0, None, 2.0), (500.0, 10.0, None, 10.0), (500.0, 10.0, 100.0, 100.0),
        (50.0, 10.0, 100.0, 50.0), (5.0, 10.0, 1.0, 5.0), (500.0, None, None, 500.0), (None, None, 100.0, None),
    ],
)  # fmt: skip
def test_a_brief_allows_itself_no_more_than_the_operator_does(
    asked: float | None, own: float | None, allowed: float | None, limit: float | None
) -> None:
    assert least(asked, own, allowed) == limit


@pytest.mark.parametrize("text", [".inf", ".nan", "-1"])
def test_a_budget_is_a_finite_amount(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    brief = f"---\nbudget: {{usd: {text}}}\n---\n# Notes\n\n## Features\n- User can add a note\n"
    with pytest.raises(IdeaError, match=r"budget"):
        read_brief(brief.encode(), "notes.md")
    monkeypatch.setenv("HISHAMOS_BUDGET_PROJECT_USD", text.lstrip("."))
    with pytest.raises(ValidationError, match="budget_project_usd"):
        Settings()


async def test_failed_calls_are_in_the_costs(make_gateway: MakeGateway, store: ProjectStore) -> None:
    with provider(script(Reply(GOOD, fault="short"))) as fake, pytest.raises(ModelError):
        await make_gateway(fake, llm_retries=1).ask(ask("x", "openai-chat:gpt-5.6"))
    (row,) = store.calls.costs("notes", "model")
    assert row["failed"] == 2
    assert row["cost_usd"] > 0
    assert store.calls.spent("notes").cost_usd == pytest.approx(row["cost_usd"])
