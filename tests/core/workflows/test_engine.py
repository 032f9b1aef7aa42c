"""What follows for a run from what happens to it."""

from dataclasses import replace

import pytest

from hishamos_pipeline.core.workflows.definitions import RunBudget
from hishamos_pipeline.core.workflows.engine import wake_at
from hishamos_pipeline.core.workflows.states import (
    Cancelled,
    Decided,
    Paused,
    Rerun,
    Resumed,
    Retried,
    Succeeded,
    WorkflowFailure,
)
from tests.core.workflows.playing import BEGAN, Play

NOTE = "type: notify, with: {subject: x}"
TASK = "type: agent_task, with: {role: r, task: t, text: x}"
ASK = "type: human_approval"


def test_steps_begin_when_those_before_have_succeeded() -> None:
    play = Play(f"steps:\n- {{id: a, {NOTE}}}\n- {{id: b, {NOTE}, depends_on: [a]}}\n")
    assert play.states() == {"a": "ready", "b": "pending"} and play.run.state == "running"
    play.take("a")
    play.ok("a")
    assert play.states() == {"a": "succeeded", "b": "ready"}
    play.ok("b")
    assert play.run.state == "succeeded" and play.told("end") == [""]


def test_what_is_told_twice_or_too_late_changes_nothing() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {NOTE}, depends_on: [a]}}\n")
    old = play.run.steps["a"].attempt
    play.ok("a", usd=1.0)
    before = play.run
    play.happen(Succeeded("a", old, {}, 1.0))
    play.happen(Succeeded("z", 1, {}))
    assert play.run == before and before.usd == 1.0


JOINED = """\
steps:
- {{id: a, {note}, continue_on_failure: true}}
- {{id: b, {note}, continue_on_failure: true}}
- {{id: c, {note}, when: "false"}}
- {{id: d, {note}, depends_on: [{needs}], join: {join}}}
"""


@pytest.mark.parametrize(
    ("join", "needs", "ends", "state"),
    [
        ("all", "a, b", {"a": "ok", "b": "ok"}, "ready"),
        ("all", "a, b", {"a": "ok"}, "pending"),
        ("all", "a, b", {"a": "ok", "b": "fail"}, "ready"),
        ("all", "a, c", {"a": "ok"}, "ready"),
        ("all", "c", {}, "skipped"),
        ("any", "a, b", {"a": "ok"}, "ready"),
        ("any", "a, b", {"a": "fail"}, "pending"),
        ("any", "a, b", {"a": "fail", "b": "fail"}, "skipped"),
        ("any", "b, c", {"b": "ok"}, "ready"),
        ("all_done", "a, b", {"a": "fail", "b": "fail"}, "ready"),
        ("all_done", "c", {}, "ready"),
    ],
)
def test_joins(join: str, needs: str, ends: dict[str, str], state: str) -> None:
    play = Play(JOINED.format(note=NOTE, join=join, needs=needs))
    for key, end in ends.items():
        getattr(play, end)(key)
    assert play.states()["d"] == state


def test_conditions_speak_of_what_came_before() -> None:
    play = Play(
        "inputs: {least: {type: integer, default: 2}}\n"
        "steps:\n- {id: a, type: parallel, for_each: '[1, 2, 3]', steps: [{id: n, " + NOTE + "}]}\n"
        "- {id: b, type: condition, depends_on: [a], with: {if: '${{ size(steps.a.results) > inputs.least }}'}}\n"
        "- {id: c, " + NOTE + ", depends_on: [b], when: steps.b.result}\n",
        {"least": 2},
    )
    for index in range(3):
        play.ok(f"n[{index}]")
    assert play.run.steps["b"].outputs == {"result": True} and play.states()["c"] == "ready"


def test_an_expression_without_a_value_fails_its_step_by_name() -> None:
    play = Play(
        f"steps:\n- {{id: a, {TASK}, when: 'false'}}\n"
        f"- {{id: b, {NOTE}, depends_on: [a], join: all_done, when: steps.a.calls > 1}}\n"
    )
    assert play.run.state == "failed" and play.run.failure is not None
    assert (play.run.failure.step, play.run.failure.cause) == ("b", "expression")


def test_what_is_given_is_worked_out_when_a_step_begins() -> None:
    play = Play(
        "inputs: {who: {type: list}}\nsteps:\n"
        "- {id: e, type: parallel, for_each: inputs.who, steps: [\n"
        '   {id: n, type: notify, with: {text: "${{ item }}", subject: "${{ index }} of ${{ run.id }}"}}]}\n',
        {"who": ["ann", "bob"]},
    )
    assert play.run.steps["n[1]"].given == {"text": "bob", "subject": "1 of run-1"}


def test_a_failure_closes_the_run_and_what_runs_ends_by_itself() -> None:
    play = Play(
        f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}}}\n- {{id: c, {ASK}, with: {{approvers: [ann]}}}}\n"
        f"- {{id: d, {NOTE}, depends_on: [b]}}\n"
        "on_failure:\n- {id: f, type: notify, with: {"
        'subject: "${{ failure.step }}/${{ failure.cause }}/${{ failure.message }}"}}\n'
        f"finally:\n- {{id: g, {NOTE}}}\n"
    )
    play.take("b")
    play.fail("a", message="broken")
    assert play.states() == {"a": "failed", "b": "running", "c": "cancelled", "d": "cancelled"}
    assert play.told("stop") == ["c"]
    play.ok("b")
    assert play.run.steps["f"].given["subject"] == "a/error/broken"
    play.ok("f")
    assert play.run.phase == "finally" and play.run.ended_at is None
    play.ok("g")
    assert play.run.state == "failed" and play.run.failure == WorkflowFailure("a", "error", "broken")


def test_retries_wait_longer_each_time_and_have_numbers_of_their_own() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}, retry: {{max: 2, backoff: 10s, causes: [lost, timeout]}}}}\n")
    first = play.run.steps["a"].attempt
    play.fail("a", "lost")
    assert play.states() == {"a": "pending"} and play.run.state == "waiting"
    play.later(seconds=9)
    assert play.states() == {"a": "pending"}
    play.later(seconds=1)
    assert play.states() == {"a": "ready"} and play.run.steps["a"].attempt == first + 1
    play.fail("a", "lost")
    play.later(seconds=10)
    assert play.states() == {"a": "pending"}, "doubled"
    play.later(seconds=10)
    play.fail("a", "lost")
    assert play.run.state == "failed" and play.run.steps["a"].tries == 3


def test_what_no_retry_is_for_fails_at_once() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}, retry: {{max: 2, causes: [lost]}}}}\n")
    play.fail("a", "error")
    assert play.run.state == "failed"


def test_a_step_that_takes_too_long_is_stopped() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}, timeout: 1h}}\n")
    play.take("a")
    assert wake_at(play.definition, play.run) is not None
    play.later(minutes=61)
    assert play.told("stop") == ["a"] and play.run.failure and play.run.failure.cause == "timeout"


PARALLEL = """\
steps:
- id: p
  type: parallel
  {extra}
  branches:
    one: [{{id: a, {task}}}, {{id: b, {note}, depends_on: [a]}}]
    two: [{{id: c, {task}}}]
    three: [{{id: d, {ask}, with: {{approvers: [ann]}}}}]
- {{id: e, {note}, depends_on: [p]}}
"""


def parallel(extra: str = "title: x") -> Play:
    return Play(PARALLEL.format(extra=extra, task=TASK, note=NOTE, ask=ASK))


def test_branches_run_at_the_same_time_and_all_have_to_succeed() -> None:
    play = parallel()
    assert play.states()["a"] == play.states()["c"] == "ready" and play.states()["d"] == "waiting"
    play.ok("c")
    play.ok("a", calls=2)
    play.ok("b")
    assert play.states()["e"] == "pending", "a gate in a branch holds"
    assert play.run.state == "waiting"
    play.decide("d", "approve")
    results = play.run.steps["p"].outputs["results"]
    assert play.states()["e"] == "ready" and [r["name"] for r in results] == ["one", "two", "three"]
    assert results[0]["outputs"] == {"a": {"calls": 2}}


def test_a_branch_that_fails_ends_the_others_at_once() -> None:
    play = parallel()
    play.take("a")
    play.fail("c")
    assert play.told("stop") == ["a", "d"] and play.states()["b"] == "cancelled"
    assert play.run.state == "failed" and play.run.failure
    assert play.run.failure.message == "1 of 3 branches failed: two"


def test_or_they_go_on() -> None:
    play = parallel("fail_fast: false")
    play.fail("c")
    play.ok("a")
    play.ok("b")
    assert play.run.ended_at is None
    play.decide("d", "approve")
    assert play.run.state == "failed" and play.states()["b"] == "succeeded"


def test_the_first_branch_may_decide_it() -> None:
    play = parallel("with: {join: any}")
    play.fail("c")
    assert play.run.ended_at is None
    play.decide("d", "approve")
    assert play.states()["p"] == "succeeded" and play.states()["e"] == "ready" and "a" in play.told("stop")
    assert play.run.steps["p"].outputs["failed"] == 2


def test_or_all_may_fail() -> None:
    play = parallel("with: {join: all_done}")
    for key in ("a", "c"):
        play.fail(key)
    play.decide("d", "reject")
    assert play.states()["p"] == "succeeded" and play.run.steps["p"].outputs["failed"] == 3


def test_no_elements_are_done_at_once_and_too_many_are_refused() -> None:
    text = "inputs: {n: {type: list}}\nsteps:\n- {id: e, type: parallel, for_each: inputs.n, most: 3, steps: [{id: n, "
    assert Play(text + NOTE + "}]}\n", {"n": []}).run.state == "succeeded"
    failed = Play(text + NOTE + "}]}\n", {"n": [1, 2, 3, 4]}).run
    assert failed.failure and "has 4 elements, and `most` is 3" in failed.failure.message


REVIEWED = f"""\
steps:
- {{id: draft, {TASK}}}
- {{id: check, {NOTE}, depends_on: [draft]}}
- id: gate
  type: human_approval
  depends_on: [check]
  with: {{approvers: [ann], expires: 2d, remind: 1d, escalate: [eve], on_expiry: reject}}
  on_changes: {{rework: draft, max: 2}}
- {{id: told, {NOTE}, depends_on: [draft]}}
- {{id: done, type: notify, depends_on: [gate], with: {{subject: "${{{{ rework.comment }}}}"}}}}
"""


def to_gate(play: Play) -> None:
    for key in ("draft", "check", "told"):
        play.ok(key)


def test_changes_run_everything_between_again_and_are_no_approval() -> None:
    play = Play(REVIEWED)
    to_gate(play)
    assert play.states()["gate"] == "waiting" and play.told("open") == ["gate"]
    first = play.run.steps["gate"].attempt
    play.decide("gate", "changes", "shorter")
    assert play.states() == dict.fromkeys(("check", "gate", "told", "done"), "pending") | {"draft": "ready"}
    assert play.run.steps["draft"].round == 1 and play.run.feedback.comment == "shorter"
    play.happen(Decided("gate", first, "approve", "bob"))
    assert play.states()["gate"] == "pending", "what was asked before is not decided any more"
    to_gate(play)
    play.happen(Decided("gate", first, "approve", "bob"))
    assert play.states()["gate"] == "waiting"
    play.decide("gate", "changes")
    to_gate(play)
    play.decide("gate", "changes")
    assert play.run.failure and play.run.failure.cause == "rejected", "not more often than `max`"


def test_a_rejection_says_who_and_why() -> None:
    play = Play(REVIEWED)
    to_gate(play)
    play.decide("gate", "reject", "too long")
    assert play.run.failure == WorkflowFailure("gate", "rejected", "bob: too long")
    assert play.run.steps["gate"].outputs["decision"] == "reject"


def test_reminders_escalation_and_expiry() -> None:
    play = Play(REVIEWED)
    to_gate(play)
    assert [c.kind for c in play.later(days=1)] == ["remind"]
    assert [c.kind for c in play.later(days=1)] == ["escalate"]
    assert play.run.steps["gate"].is_escalated and play.states()["gate"] == "waiting"
    play.later(days=1)
    assert [c.kind for c in play.later(days=1)] == ["stop", "end"]
    assert play.run.failure == WorkflowFailure("gate", "rejected", "by expiry")


def test_delays() -> None:
    play = Play(
        "steps:\n- {id: a, type: delay, with: {for: 90s}}\n- {id: b, type: delay, with: {business_days: 5}}\n"
        "- {id: c, type: delay, with: {until: '2026-03-29T03:30', timezone: Europe/Berlin}}\n"
    )
    assert play.run.state == "waiting" and play.commands == []
    play.later(seconds=90)
    assert play.states()["a"] == "succeeded"
    play.later(days=6)
    assert play.states()["b"] == "waiting"
    play.later(days=1)
    assert play.states()["b"] == "succeeded", "the next Monday"
    end = play.run.steps["c"].expires_at
    assert end is not None and end.isoformat() == "2026-03-29T01:30:00+00:00", "daylight saving has begun"


def test_a_pause_begins_nothing_and_loses_nothing() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {NOTE}, depends_on: [a]}}\n")
    play.happen(Paused())
    play.ok("a")
    assert play.run.state == "paused" and play.states() == {"a": "succeeded", "b": "pending"}
    play.happen(Resumed())
    assert play.states()["b"] == "ready"


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancelled_run_ends_what_runs_and_cleans_up(paused: bool) -> None:
    play = Play(
        f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {NOTE}, depends_on: [a]}}\nfinally:\n- {{id: z, {NOTE}}}\n"
    )
    play.take("a")
    if paused:
        play.happen(Paused())
    play.happen(Cancelled("ann", "not needed"))
    assert play.told("stop") == ["a"] and play.states() == {"a": "cancelled", "b": "cancelled", "z": "ready"}
    play.ok("z")
    assert play.run.state == "cancelled" and play.run.failure
    assert play.run.failure.message == "by ann: not needed"


def test_a_second_one_ends_cleaning_up_too() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\nfinally:\n- {{id: z, {NOTE}}}\n")
    play.happen(Cancelled("ann"))
    play.happen(Cancelled("ann"))
    assert play.run.state == "cancelled" and play.states()["z"] == "cancelled"


def test_a_failed_run_goes_on_from_where_it_failed() -> None:
    play = Play(
        f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}, depends_on: [a]}}\n- {{id: c, {NOTE}, depends_on: [b]}}\n"
        f"on_failure:\n- {{id: f, {NOTE}}}\n"
    )
    play.ok("a")
    play.fail("b")
    play.ok("f")
    before = play.run.steps["b"]
    play.happen(Retried())
    assert play.states() == {"a": "succeeded", "b": "ready", "c": "pending", "f": "pending"}
    assert play.run.steps["b"].attempt > before.attempt and play.run.steps["b"].round == before.round
    play.ok("b")
    play.ok("c")
    assert play.run.state == "succeeded" and play.run.failure is None


def test_inside_branches_too() -> None:
    play = parallel()
    play.ok("a")
    play.fail("c")
    play.happen(Retried())
    assert play.states() == {
        "p": "running",
        "a": "succeeded",
        "b": "ready",
        "c": "ready",
        "d": "waiting",
        "e": "pending",
    }


def test_a_run_is_run_again_from_a_step() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}, depends_on: [a]}}\n- {{id: c, {NOTE}}}\n")
    for key in ("a", "b", "c"):
        play.ok(key)
    play.happen(Rerun("b"))
    assert play.states() == {"a": "succeeded", "b": "ready", "c": "succeeded"}
    assert play.run.steps["b"].round == 1, "what it does outside is done once more"


def test_a_retry_with_a_newer_definition_takes_what_is_new_and_leaves_what_is_gone() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}, depends_on: [a]}}\n- {{id: old, {NOTE}}}\n")
    play.ok("a")
    play.ok("old")
    play.fail("b")
    newer = Play(
        f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}, depends_on: [a, n]}}\n- {{id: n, {NOTE}}}\n"
    )
    play.definition = newer.definition
    play.happen(Retried())
    assert play.states() == {"a": "succeeded", "b": "pending", "n": "ready"}


@pytest.mark.parametrize(
    ("budget", "usd", "tokens", "said"),
    [
        ({"usd": 2.0}, 2.0, 0, "2.0000 USD are spent, the budget is 2"),
        ({"usd": 2.0}, None, 0, "nobody knows what a cost"),
        ({"tokens": 10}, 0.0, 12, "12 tokens are spent"),
        ({"tokens": 10}, None, 3, ""),
        ({"usd": 2.0}, 1.5, 3, ""),
    ],
)
def test_a_budget_is_looked_at_before_each_step(
    budget: dict[str, float], usd: float | None, tokens: int, said: str
) -> None:
    play = Play(
        f"steps:\n- {{id: a, {TASK}}}\n- {{id: b, {NOTE}, depends_on: [a], continue_on_failure: true}}\n"
    )
    play.definition = play.definition.model_copy(update={"budget": RunBudget.model_validate(budget)})
    play.ok("a", usd=usd, tokens=tokens)
    if said:
        assert play.run.failure and play.run.failure.cause == "budget" and said in play.run.failure.message
        assert play.run.state == "failed"
    else:
        assert play.states()["b"] == "ready"


def test_a_run_lasts_no_longer_than_its_budget() -> None:
    play = Play(
        f"budget: {{wall_time: 2h}}\nsteps:\n- {{id: a, {TASK}}}\n- {{id: b, {ASK}, with: {{approvers: [ann]}}}}\n"
        f"finally:\n- {{id: z, {NOTE}}}\n"
    )
    play.take("a")
    play.later(hours=2)
    assert play.states() == {"a": "cancelled", "b": "cancelled", "z": "ready"}
    assert play.told("stop") == ["a", "b"]
    play.ok("z")
    assert play.run.failure and play.run.failure.cause == "budget" and play.run.state == "failed"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"answer": 1}, "it gives answer, which agent_task does not"),
        ({"calls": "two"}, "calls is of another type"),
        ({"calls": True}, "calls is of another type"),
        ({"document": {"text": "x" * 70_000}}, "bytes, 65536 are the most"),
    ],
)
def test_what_a_step_gives_is_what_its_type_says(outputs: dict[str, object], said: str) -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}}}\n")
    play.ok("a", **outputs)
    assert play.run.failure and said in play.run.failure.message


def test_what_a_run_gives_is_null_where_a_step_was_skipped() -> None:
    play = Play(
        f"outputs: {{calls: steps.a.calls, who: run.owner}}\nsteps:\n- {{id: a, {TASK}, when: 'false'}}\n"
    )
    assert play.run.outputs == {"calls": None, "who": "ann"}


def test_waiting_steps_say_when_they_want_to_be_looked_at() -> None:
    play = Play(REVIEWED)
    assert wake_at(play.definition, play.run) is None
    to_gate(play)
    assert wake_at(play.definition, play.run) == play.run.steps["gate"].remind_at
    assert wake_at(play.definition, replace(play.run, ended_at=BEGAN)) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("type: delay, with: {for: '${{ inputs.x }}'}", "no duration"),
        ("type: delay, with: {business_days: '${{ inputs.m.b }}'}", "`business_days` is no integer"),
        ("type: delay, with: {until: '${{ inputs.x }}'}", "Invalid isoformat string"),
        ("type: human_approval, with: {approvers: '${{ inputs.m.a }}'}", "`approvers` is no list"),
        ("type: human_approval, with: {approvers: [a], remind: 1s}", "shorter than a minute"),
        ("type: notify, with: {subject: '${{ inputs.m.c }}'}", "`subject` is no string"),
        ("type: repo_creation, with: {to: '${{ inputs.x }}'}", "`to` is none of zip"),
    ],
)
def test_what_a_step_takes_is_checked_when_it_is_known(given: str, said: str) -> None:
    text = f"inputs: {{x: {{type: string}}, m: {{type: map}}}}\nsteps:\n- {{id: a, {given}}}\n"
    play = Play(text, {"x": "soon", "m": {"a": 1, "b": "soon", "c": []}})
    assert play.run.failure and play.run.failure.cause == "expression" and said in play.run.failure.message


def test_a_number_alone_is_a_text_where_one_is_taken() -> None:
    inner = "{id: n, type: notify, with: {subject: '${{ item }}'}}"
    play = Play(f"steps:\n- {{id: a, type: parallel, for_each: '[7]', steps: [{inner}]}}\n")
    assert play.run.steps["n[0]"].given == {"subject": "7"}


def test_values_that_conditions_have_no_type_for_fail_their_step() -> None:
    play = Play(
        f"inputs: {{n: {{type: integer}}}}\nsteps:\n- {{id: a, {NOTE}, when: inputs.n > 1}}\n", {"n": 2**80}
    )
    assert play.run.failure and play.run.failure.cause == "expression"


def test_a_run_that_goes_on_has_its_wall_time_again() -> None:
    play = Play(f"budget: {{wall_time: 2h}}\nsteps:\n- {{id: a, {TASK}}}\n")
    play.later(hours=3)
    assert play.run.state == "failed" and wake_at(play.definition, play.run) is None
    play.happen(Retried())
    assert play.states() == {"a": "ready"}


def test_the_wall_time_ends_what_still_runs_after_a_failure() -> None:
    play = Play(f"budget: {{wall_time: 2h}}\nsteps:\n- {{id: a, {TASK}}}\n- {{id: b, {TASK}}}\n")
    play.take("a")
    play.fail("b")
    assert play.states()["a"] == "running"
    play.later(hours=2)
    assert play.states()["a"] == "cancelled" and play.run.state == "failed"


def test_a_paused_run_is_not_looked_at_for_what_may_not_begin() -> None:
    play = Play(f"steps:\n- {{id: a, {TASK}, retry: {{max: 1}}}}\n")
    play.fail("a", "lost")
    play.happen(Paused())
    assert wake_at(play.definition, play.run) is None


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            "type: parallel, for_each: inputs.m.a, steps: [{id: n, type: notify, with: {subject: x}}]",
            "is no list",
        ),
        ("type: notify, with: {subject: \"${{ b'a' }}\"}", "none of JSON's"),
        ("type: human_approval, with: {approvers: [a], needed: '${{ inputs.m.b }}'}", ""),
        ("type: delay, with: {until: \"${{ timestamp(run.started_at) + duration('1h') }}\"}", ""),
    ],
)
def test_values_of_any_type_break_nothing(step: str, said: str) -> None:
    text = f"inputs: {{m: {{type: map}}}}\nsteps:\n- {{id: a, {step}}}\n"
    play = Play(text, {"m": {"a": "text", "b": None}})
    if said:
        assert play.run.failure and said in play.run.failure.message
    else:
        assert play.states()["a"] == "waiting"


def test_a_budget_is_looked_at_again_when_a_worker_begins() -> None:
    inner = f"{{id: t, {TASK}}}"
    play = Play(
        f"budget: {{usd: 0.5}}\nsteps:\n- {{id: p, type: parallel, for_each: '[1, 2, 3]', steps: [{inner}]}}\n"
    )
    play.take("t[0]")
    play.ok("t[0]", usd=1.0)
    play.take("t[1]")
    assert play.run.state == "failed" and play.run.usd == 1.0


def test_what_a_stopped_task_has_cost_nobody_knows() -> None:
    play = Play(
        f"budget: {{usd: 5}}\nsteps:\n- {{id: a, {TASK}, timeout: 1m, retry: {{max: 3, backoff: 0s}}}}\n"
    )
    play.take("a")
    play.later(minutes=1)
    assert play.run.failure and "nobody knows what a cost" in play.run.failure.message
