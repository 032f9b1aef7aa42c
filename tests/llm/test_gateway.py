"""The gateway against servers that speak the real wire formats, and fail as providers do."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.errors import (
    AnswerError,
    BudgetError,
    CredentialError,
    ModelError,
    ModelSetupError,
    ReplayError,
)
from hishamos_pipeline.llm.providers import Access
from hishamos_pipeline.settings import Rate
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.providers import Asked, Reply, provider, script
from tests.llm.conftest import GOOD, KEY, MakeGateway, Thing, ask

pytestmark = pytest.mark.real_servers
GOOGLE = "google:gemini-3-pro-preview"
WIRES = (
    "anthropic:claude-sonnet-5-5",
    "openai:gpt-5.6",
    "openai-chat:gpt-5.6",
    GOOGLE,
    "ollama:model-a",
    "compatible:model-a",
)


@pytest.mark.parametrize("model", WIRES)
async def test_every_wire_format_gives_a_validated_answer(
    model: str, make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD))) as fake:
        result = await make_gateway(fake).ask(ask("Name a thing.", model))
    assert (result.output.name, result.output.size) == ("notes", 3)
    assert (result.input_tokens, result.output_tokens) == (100, 20)
    assert f"{result.provider}:{result.model}" == model
    assert not result.cached
    (row,) = store.calls.rows()
    assert (row.outcome, row.project, row.asset, row.role, row.prompt_version) == (
        "ok", "notes", "requirements", "tester", "v1",
    )  # fmt: skip
    assert row.cost_usd > 0 or model.startswith(("ollama", "compatible"))


@pytest.mark.parametrize(
    "model", ["openai-chat:gpt-5.6", "anthropic:claude-sonnet-5-5", "compatible:model-a"]
)
@pytest.mark.parametrize(
    "around",
    ["<think>\nPerhaps {{\"name\": 1}}?\n</think>\n{}", "<think>a</think> <think>b</think>{}", "{}\n\nLet me know!",
     "Sure, {{here}} it is:\n{}", "```json\n{}\n```\nDone."],
)  # fmt: skip
async def test_what_is_written_around_an_answer_is_left_out(
    model: str, around: str, make_gateway: MakeGateway
) -> None:
    with provider(script(Reply(around.format(GOOD)))) as fake:
        result = await make_gateway(fake).ask(ask("Name a thing.", model))
    assert (result.output.name, result.output.size) == ("notes", 3)
    assert len(fake.asked) == 1


async def test_the_same_question_is_paid_once(make_gateway: MakeGateway, store: ProjectStore) -> None:
    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake)
        first, second = await gateway.ask(ask()), await gateway.ask(ask())
    assert len(fake.asked) == 1
    assert second.output == first.output
    assert second.cached
    assert second.cost_usd == 0
    assert [row.outcome for row in store.calls.rows()] == ["cached", "ok"]


async def test_two_who_ask_the_same_at_once_pay_once(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD, delay=0.5))) as fake:
        gateway, other = make_gateway(fake), make_gateway(fake)
        results = await asyncio.gather(gateway.ask(ask()), other.ask(ask()), gateway.ask(ask()))
    assert len(fake.asked) == 1
    assert sum(not result.cached for result in results) == 1


async def test_another_model_temperature_or_shape_is_another_question(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake)
        await gateway.ask(ask())
        await gateway.ask(ask(temperature=0.5))
        await gateway.ask(ask("Name a thing.", "compatible:model-b"))
        await gateway.ask(ask(system="You name other things."))
    assert len(fake.asked) == 4


async def test_refresh_asks_again_and_replay_never(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD))) as fake:
        await make_gateway(fake).ask(ask())
        await make_gateway(fake, llm_cache="refresh").ask(ask())
        assert len(fake.asked) == 2
        replayed = await make_gateway(fake, llm_cache="replay").ask(ask())
        assert replayed.cached
        with pytest.raises(ReplayError, match="without --replay"):
            await make_gateway(fake, llm_cache="replay").ask(ask("Another one."))
        assert len(fake.asked) == 2


async def test_an_invalid_answer_goes_back_with_its_errors(make_gateway: MakeGateway) -> None:
    with provider(script(Reply('{"name": "notes", "size": "many"}'), Reply(GOOD))) as fake:
        result = await make_gateway(fake).ask(ask())
    assert result.calls == 2
    assert "valid integer" in fake.asked[1].text


async def test_an_answer_that_stays_invalid_is_refused_and_not_replayed(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply('{"name": "notes"}'))) as fake:
        gateway = make_gateway(fake)
        with pytest.raises(AnswerError, match=r"no valid answer .* in 3 rounds"):
            await gateway.ask(ask())
        assert len(fake.asked) == 3
        fake.answer = script(Reply(GOOD))
        assert (await gateway.ask(ask())).output.size == 3
    assert {row.outcome for row in store.calls.rows()} == {"invalid", "ok"}


async def test_an_answer_of_the_right_shape_can_still_be_wrong(make_gateway: MakeGateway) -> None:
    async def check(thing: object) -> None:
        if getattr(thing, "size", 0) < 5:
            raise ValueError("size is below 5")

    with provider(script(Reply(GOOD), Reply('{"name": "notes", "size": 9}'))) as fake:
        result = await make_gateway(fake).ask(ask(check=check))
    assert result.output.size == 9
    assert "size is below 5" in fake.asked[1].text


@pytest.mark.parametrize(
    "text", ['{"name": "a", "size": 1', '{"name": "a", "size": "1 or 2"}', "name: a, size: 1"]
)
async def test_nothing_is_guessed(text: str, make_gateway: MakeGateway) -> None:
    with provider(script(Reply(text))) as fake:
        with pytest.raises(AnswerError):
            await make_gateway(fake).ask(ask())
        assert len(fake.asked) == 3


@pytest.mark.parametrize("model", [*WIRES[:3], GOOGLE])
async def test_retry_after_is_waited_for(model: str, make_gateway: MakeGateway, store: ProjectStore) -> None:
    busy = Reply(status=429, headers={"Retry-After": "1"})
    with provider(script(busy, Reply(GOOD))) as fake:
        began = time.monotonic()
        result = await make_gateway(fake).ask(ask("Name a thing.", model))
        assert time.monotonic() - began >= 1
    assert (result.attempts, len(fake.asked)) == (2, 2)
    failed = store.calls.rows()[-1]
    assert (failed.outcome, failed.cost_usd, failed.attempt) == ("failed", 0, 1)
    assert "429" in failed.error or "rate" in failed.error.lower()


async def test_retry_after_may_be_a_date(make_gateway: MakeGateway) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with provider(script(Reply(status=429, headers={"Retry-After": when}), Reply(GOOD))) as fake:
        began = time.monotonic()
        await make_gateway(fake).ask(ask())
        assert time.monotonic() - began > 0.8


async def test_a_wait_that_is_too_long_is_not_waited_for(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(status=429, headers={"Retry-After": "3600"}))) as fake:
        with pytest.raises(ModelError, match="did not answer"):
            await make_gateway(fake).ask(ask())
        assert len(fake.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_server_that_heals_is_asked_again(status: int, make_gateway: MakeGateway) -> None:
    with provider(script(Reply(status=status), Reply(GOOD))) as fake:
        assert (await make_gateway(fake).ask(ask("x", "anthropic:claude-sonnet-5-5"))).attempts == 2


@pytest.mark.parametrize("fault", ["reset", "short", "half"])
@pytest.mark.parametrize("model", ["openai-chat:gpt-5.6", "anthropic:claude-sonnet-5-5", GOOGLE])
async def test_a_broken_stream_is_never_taken_for_an_answer(
    fault: str, model: str, make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD, fault=fault), Reply(GOOD))) as fake:
        result = await make_gateway(fake).ask(ask("Name a thing.", model))
    assert result.output.size == 3
    assert len(fake.asked) == 2
    broken = store.calls.rows()[-1]
    assert broken.outcome in ("broken", "failed")
    assert broken.outcome == "failed" or broken.cost_usd > 0


@pytest.mark.parametrize("model", [*WIRES[:3], GOOGLE])
async def test_a_wrong_key_is_loud_at_once_and_not_shown(
    model: str, make_gateway: MakeGateway, store: ProjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    expired = Reply(status=401, error=f"Incorrect API key provided: {KEY}")
    register(KEY)
    with provider(script(expired)) as fake:
        with pytest.raises(CredentialError, match=r"correct .*_API_KEY") as caught:
            await make_gateway(fake).ask(ask("x", model, "compatible:model-a"))
        assert len(fake.asked) == 1
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text
    assert all(KEY not in row.error for row in store.calls.rows())


async def test_an_unknown_model_names_the_command_that_lists_them(make_gateway: MakeGateway) -> None:
    missing = Reply(status=404, error="no such model")
    with (
        provider(script(missing)) as fake,
        pytest.raises(ModelSetupError, match="providers models openai-chat"),
    ):
        await make_gateway(fake).ask(ask("x", "openai-chat:gpt-5.6"))


async def test_a_failing_model_falls_to_the_next_and_the_reason_is_kept(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(status=500) if asked.body["model"] == "model-a" else Reply(GOOD)

    with provider(answer) as fake:
        result = await make_gateway(fake, llm_retries=0).ask(
            ask("x", "compatible:model-a", "compatible:model-b")
        )
    assert result.model == "model-b"
    assert len(result.fell) == 1
    assert "compatible:model-a" in store.calls.rows()[0].fallback_reasons


async def test_the_next_model_is_held_to_the_same_validation(make_gateway: MakeGateway) -> None:
    with provider(script(Reply("nonsense"))) as fake:
        with pytest.raises(AnswerError, match="model-b"):
            await make_gateway(fake, llm_rounds=0).ask(ask("x", "compatible:model-a", "compatible:model-b"))
        assert len(fake.asked) == 2


@pytest.mark.parametrize("model", [*WIRES[:3], GOOGLE])
async def test_a_truncated_answer_is_continued(model: str, make_gateway: MakeGateway) -> None:
    cut = Reply(GOOD[:14], finish="length")
    with provider(script(cut, Reply(GOOD[14:]))) as fake:
        result = await make_gateway(fake).ask(ask("Name a thing.", model))
    assert result.output.size == 3
    assert result.calls == 2
    assert "cut off" in fake.asked[1].text


async def test_an_answer_without_end_is_given_up(make_gateway: MakeGateway) -> None:
    with provider(script(Reply("{", finish="length"))) as fake:
        with pytest.raises(AnswerError, match="HISHAMOS_LLM_MAX_OUTPUT_TOKENS"):
            await make_gateway(fake, llm_continuations=2).ask(ask())
        assert len(fake.asked) == 3


async def test_a_refusal_is_an_error_of_its_own(make_gateway: MakeGateway) -> None:
    with provider(script(Reply("", finish="content_filter"))) as fake, pytest.raises(AnswerError):
        await make_gateway(fake).ask(ask())


async def test_a_page_instead_of_an_answer_is_an_error(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(content_type="text/html"))) as fake, pytest.raises((ModelError, AnswerError)):
        await make_gateway(fake, llm_retries=0).ask(ask())


async def test_events_that_are_json_but_no_events_are_an_error_of_ours(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD, fault="odd"))) as fake, pytest.raises(ModelError):
        await make_gateway(fake, llm_retries=0).ask(ask("x", "openai-chat:gpt-5.6"))


async def test_slow_tokens_are_given_up_after_the_timeout(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD, pause=0.5))) as fake:
        began = time.monotonic()
        with pytest.raises(ModelError):
            await make_gateway(fake, llm_timeout_seconds=1.0, llm_retries=0).ask(ask())
        assert time.monotonic() - began < 3
    assert store.calls.rows()[0].outcome == "broken"


async def test_a_first_token_that_does_not_come_is_given_up_and_booked(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD, delay=3))) as fake, pytest.raises(ModelError, match="no token came"):
        await make_gateway(fake, llm_first_token_seconds=0.5, llm_retries=0).ask(
            ask("x", "openai-chat:gpt-5.6")
        )
    (row,) = store.calls.rows()
    assert row.outcome == "failed"
    assert row.cost_usd > 0


async def test_cancelling_stops_the_call_and_books_what_was_sent(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD, pause=0.3))) as fake:
        task = asyncio.create_task(make_gateway(fake).ask(ask("x", "openai-chat:gpt-5.6")))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(1.0)
        assert fake.running == 0
    (row,) = store.calls.rows()
    assert row.outcome == "cancelled"
    assert row.cost_usd > 0


async def test_a_server_that_does_not_count_is_booked_by_estimate(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    with provider(script(Reply(GOOD, usage=(0, 0)))) as fake:
        result = await make_gateway(fake).ask(ask("Name a thing.", "openai-chat:gpt-5.6"))
    assert result.input_tokens > 0
    assert store.calls.rows()[0].cost_usd > 0


async def test_calls_to_a_provider_at_the_same_time_are_limited(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD, delay=0.2))) as fake:
        one, other = make_gateway(fake, llm_concurrency=2), make_gateway(fake, llm_concurrency=2)
        await asyncio.gather(
            *(gateway.ask(ask(f"{n} {gateway is one}")) for n in range(4) for gateway in (one, other))
        )
    assert len(fake.asked) == 8
    assert fake.most_running <= 2


async def test_a_question_too_large_for_the_context_is_refused_before_it_is_paid(
    make_gateway: MakeGateway,
) -> None:
    with provider(script(Reply(GOOD))) as fake:
        with pytest.raises(AnswerError, match="HISHAMOS_LLM_CONTEXT_TOKENS"):
            await make_gateway(fake, llm_context_tokens=1000).ask(ask("word " * 2000))
        assert not fake.asked


async def test_what_is_reserved_follows_the_requests_own_limit(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    rate = {"compatible:model-a": Rate(input=0, output=1)}
    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake, llm_prices=rate, budget_call_usd=0.05)
        with pytest.raises(BudgetError, match=r"up to 0\.0640 USD"):
            await gateway.ask(ask(max_output_tokens=64_000))
        assert not fake.asked
        await gateway.ask(ask(max_output_tokens=100))
    assert store.calls.rows()[0].reserved_usd == pytest.approx(0.0001)


async def test_identical_questions_at_once_are_paid_once_again_and_again(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake, llm_concurrency=8)
        for number in range(25):
            await asyncio.gather(*(gateway.ask(ask(f"question {number}")) for _ in range(4)))
    assert len(fake.asked) == 25


async def test_cancelling_while_being_admitted_costs_nothing(
    make_gateway: MakeGateway, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, begun = store.calls.admit, threading.Event()

    def slow(*arguments: object, **named: object) -> object:
        begun.set()
        time.sleep(0.5)
        return admit(*arguments, **named)  # type: ignore[arg-type]

    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake)
        monkeypatch.setattr(store.calls, "admit", slow)
        task = asyncio.create_task(gateway.ask(ask()))
        assert await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(100):
            if any(row.outcome != "running" for row in store.calls.rows()):
                break
            await asyncio.sleep(0.05)
        assert not fake.asked
    (row,) = store.calls.rows()
    assert (row.outcome, row.cost_usd, row.output_tokens) == ("cancelled", 0, 0)


async def test_a_fallen_chain_is_resumed_and_replayed_without_paying(make_gateway: MakeGateway) -> None:
    chain = ("compatible:model-a", "compatible:model-b")

    def answer(asked: Asked) -> Reply:
        return Reply("nonsense") if asked.body["model"] == "model-a" else Reply(GOOD)

    with provider(answer) as fake:
        gateway = make_gateway(fake, llm_rounds=1)
        first = await gateway.ask(ask("x", *chain))
        assert (first.model, len(fake.asked)) == ("model-b", 3)
        assert first.attempts == 3
        again = await gateway.ask(ask("x", *chain))
        assert again.cached
        replayed = await make_gateway(fake, llm_cache="replay").ask(ask("x", *chain))
        assert replayed.cached
        assert len(fake.asked) == 3


async def test_replaying_needs_no_key_and_rejects_nothing(
    make_gateway: MakeGateway, store: ProjectStore
) -> None:
    async def strict(_: object) -> None:
        raise ValueError("no longer good enough")

    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake)
        await gateway.ask(ask("x", "openai-chat:gpt-5.6"))
        keyless = make_gateway(fake, llm_cache="replay")
        keyless.access = Access(fake.urls, lambda _: "")
        assert (await keyless.ask(ask("x", "openai-chat:gpt-5.6"))).cached
        with pytest.raises((ReplayError, AnswerError)):
            await keyless.ask(ask("x", "openai-chat:gpt-5.6", check=strict))
    assert [row.outcome for row in store.calls.rows()][-1] == "ok"


async def test_text_that_breaks_the_parser_is_a_wrong_answer(make_gateway: MakeGateway) -> None:
    async def check(_: object) -> None:
        raise RecursionError("too deep")

    with provider(script(Reply(GOOD))) as fake, pytest.raises(AnswerError, match="too deep"):
        await make_gateway(fake, llm_rounds=0).ask(ask(check=check))


async def test_who_waits_does_not_hold_up_others(make_gateway: MakeGateway) -> None:
    with provider(script(Reply(GOOD, delay=1.0))) as fake:
        gateway = make_gateway(fake, llm_concurrency=2)
        same = [asyncio.create_task(gateway.ask(ask("same"))) for _ in range(2)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await gateway.ask(ask("another"))
        assert time.monotonic() - began < 2.5
        await asyncio.gather(*same)
    assert fake.most_running == 2


async def test_another_description_of_the_shape_is_another_question(make_gateway: MakeGateway) -> None:
    class Other(Thing):
        """Something else is asked for."""

    with provider(script(Reply(GOOD))) as fake:
        gateway = make_gateway(fake)
        await gateway.ask(ask())
        await gateway.ask(ask(output=Other))
    assert len(fake.asked) == 2
