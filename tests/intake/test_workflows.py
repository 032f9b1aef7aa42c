"""Definitions of workflows: read whole, or refused with every problem and its place."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, duration, shown_duration
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.errors import InputError
from hishamos_pipeline.intake.workflows import read_workflow, schema
from tests.conftest import ROOT

FEATURE = (ROOT / "examples" / "workflows" / "feature-development.yaml").read_text()


def read(text: str) -> WorkflowDefinition:
    return read_workflow(text, BUILTIN)


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        read(text)
    return [f"{field}: {problem}" for field, problem in error.value.problems]


def test_a_workflow_is_read() -> None:
    made = read(FEATURE)
    assert [step.id for step in made.steps] == [
        "stories",
        "plan_ok",
        "build",
        "reviews",
        "each",
        "clean",
        "publish",
    ]
    build = made.steps[2]
    assert (build.timeout, build.retry.backoff) == (timedelta(hours=2, minutes=30), timedelta(seconds=30))
    assert made.budget.wall_time == timedelta(days=3)
    assert [step.id for step in made.steps[3].inner] == ["review", "audit"]


def test_the_schema_that_is_handed_out_is_current() -> None:
    kept = (ROOT / "docs" / "workflow.schema.json").read_text()
    assert json.loads(kept) == schema(), "hishamos workflows schema --output docs/workflow.schema.json"


def test_what_is_read_is_the_same_in_json_and_when_it_is_written_again() -> None:
    made = read(FEATURE)
    again = made.model_dump_json(by_alias=True)
    assert read(again) == made
    jsonschema.Draft202012Validator(schema()).validate(json.loads(again))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("type: agent_task\n    with: {role: b", "type: agent_tsk\n    with: {role: b",
         "steps.0.type: 'agent_tsk' is no type of steps; did you mean 'agent_task'? (line 15, column 11)"),
        ("depends_on: [stories]", "depends_on: [storys]", "'storys' is no step beside this one; did you"),
        ("depends_on: [stories]", "dependson: [stories]",
         "steps.1.dependson: is not known; did you mean 'depends_on'? (line 19, column 5)"),
        ("id: clean", "id: build", "steps.5.id: 'build' is the id of another step"),
        ("id: audit", "id: clean", "steps.5.id: 'clean' is the id of another step"),
        ("steps.build.verified &&", "steps.build.verfied &&", "did you mean 'steps.build.verified'?"),
        ("when: steps.clean.result", "when: steps.each.failed", "gives a value of type integer, and boolean is needed"),
        ("when: steps.clean.result", "when: steps.note.state == 'x'", "'steps.note.state', which is not known here"),
        ("for_each: inputs.areas", "for_each: inputs.idea", "gives a value of type string, and list is needed"),
        ("rework: stories", "rework: publish", "steps.1.on_changes.rework: is no step that comes before this one"),
        ("to: github", "to: githb", "is none of zip, tar, github, gitlab"),
        ("role: security, ", "", "steps.3.branches.safety.0: lacks `with.role`"),
        ("expires: 5d", "expires: soon", "is no duration: write `90s`, `2h30m` or `5d`"),
        ("timeout: 2h30m", "timeout: 2 hours", "is no duration"),
        ("Europe/Berlin", "Europe/Berlinn", "is no time zone"),
        ("cron: \"0 6 * * 1\", ", "", "triggers.1: needs `cron`"),
        ("event.label ==", "evnt.label ==", "'evnt.label', which is not known here"),
        ("default: [api, cli]", "default: api", "inputs.areas.default: is no list"),
        ("key: inputs.project", "key: inputs.areas", "concurrency.key: gives a value of type list,"),
        ("url: steps.publish.url", "url: steps.publish.ulr", "outputs.url: speaks of 'steps.publish.ulr'"),
        ("${{ failure.step }}", "${{ failure.step }", "no `}}` closes"),
        ("id: told, type: notify,", "id: told, type: notify, branches: {a: [{id: z, type: delay}]},",
         "for `parallel` alone"),
        ("workflow: feature", "workflow: Feature", "workflow: string should match pattern"),
        ("usd: 5", "usd: -5", "budget.usd: input should be greater than or equal to 0"),
        ("usd: 5", "usd: .nan", "budget.usd:"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(before: str, after: str, told: str) -> None:
    assert FEATURE.count(before) >= 1
    found = problems(FEATURE.replace(before, after, 1))
    assert any(told in item for item in found), found
    assert all("(line " in item for item in found), found


def test_everything_is_told_at_once() -> None:
    text = FEATURE.replace("githb", "x").replace("to: github", "to: x").replace("expires: 5d", "expires: x")
    assert len(problems(text.replace("Europe/Berlin", "x").replace("inputs.areas", "inputs.idea"))) == 4


def test_steps_see_only_what_comes_before_them() -> None:
    early = FEATURE.replace('text: "${{ inputs.idea }}"', 'text: "${{ steps.publish.url }}"')
    assert "'steps.publish.url', which is not known here" in problems(early)[0]
    beside = FEATURE.replace(
        'task: audit, text: "Audit what was built."', "task: audit, text: '${{ steps.review.state }}'"
    )
    assert "'steps.review.state', which is not known here" in problems(beside)[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('approvers: ["role:boss"]', "'boss' is no role"),
        ("approvers: [a], form: {x: {type: text}}", "steps.0.with.form.x.type: input should be 'string'"),
        ("approvers: [a], form: {x: {tpye: string}}", "extra inputs are not permitted"),
    ],
)
def test_what_people_are_asked_is_checked(given: str, said: str) -> None:
    found = problems(f"workflow: w\nsteps:\n- {{id: a, type: human_approval, with: {{{given}}}}}\n")
    assert any(said in one for one in found), found


def test_a_condition_is_written_without_marks() -> None:
    text = "workflow: w\nsteps:\n- {id: a, type: condition, when: '${{ 1 > 0 }}', with: {if: true}}\n"
    assert "write it without `${{` and `}}`" in problems(text)[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("event: story.fixed", "is none of idea.submitted, build.requested"),
        ("event: build.ended, filter: '1 + 1'", "boolean is needed"),
        ("event: build.ended, filter: inputs.x == 1", "'inputs.x', which is not known here"),
    ],
)
def test_what_is_waited_for_is_checked(given: str, said: str) -> None:
    found = problems(f"workflow: w\nsteps:\n- {{id: a, type: wait_for_event, with: {{{given}}}}}\n")
    assert any(said in one for one in found), found


def hostile() -> Iterator[tuple[str, str]]:
    """Definitions that somebody hands in who means no good, with a part of what is said of each."""
    step = "  - {id: a%d, type: delay, depends_on: [%s]}\n"
    yield (
        "workflow: w\nsteps:\n" + "".join(step % (n, f"a{(n + 1) % 50}") for n in range(50)),
        "goes in a circle",
    )
    yield "workflow: w\nsteps:\n" + "".join(step % (n, "") for n in range(1000)), "at most 200"
    nested = "[{id: z, type: delay}]"
    for n in range(30):
        nested = f"[{{id: n{n}, type: parallel, branches: {{b: {nested}}}}}]"
    yield f"workflow: w\nsteps: {nested}", "nested"
    yield "workflow: w\nsteps: " + "[" * 5000, "deep"
    yield "workflow: w\nsteps: " + "{a: " * 5000, "deep"
    yield '{"workflow": "w", "steps": ' + "[" * 100_000, "deep"
    yield "a: &a [x, x]\nb: &b [*a, *a]\nworkflow: w\nsteps: [*b]", "alias"
    yield "workflow: !!python/object/apply:os.system ['true']\nsteps: []", "tag"
    yield "workflow: w\nworkflow: v\nsteps: []", "twice"
    yield "- 1\n- 2", "no mapping"
    yield "", "no mapping"
    yield "workflow: w\nsteps: 7", "steps:"
    yield "x" * 300_000, "bytes"
    yield "workflow: w\nsteps:\n  - {id: a, type: delay, with: {for: " + "9" * 3000 + "}}", ""
    deep = "(" * 200 + "true" + ")" * 200
    yield f"workflow: w\nsteps:\n  - {{id: a, type: delay, when: '{deep}'}}", "nested too deeply"
    yield "workflow: w\nsteps:\n  - {id: a, type: delay, when: '" + "x" * 600 + "'}", "at most 500"
    yield (
        "workflow: w\nsteps:\n  - {id: a, type: notify, with: {to: [], subject: '" + "${{" * 20_000 + "'}}",
        "closes",
    )
    yield "workflow: w\nsteps:\n  - {id: ../x, type: delay}", "pattern"
    yield "workflow: w\nsteps:\n  - {id: a, type: ../../etc}", "pattern"
    yield (
        "workflow: w\ninputs: {"
        + ", ".join(f"i{n}: {{}}" for n in range(500))
        + "}\nsteps: [{id: a, type: delay}]",
        "at most 50",
    )
    yield (
        "workflow: w\nsteps: [{id: a, type: parallel, for_each: '[1]', most: 9999, steps: [{id: b, type: delay}]}]",
        "200",
    )
    yield "workflow: w\nsteps:\n  - {id: a, type: delay, retry: {max: 1000000}}", "20"
    yield "workflow: w\nsteps:\n  - {id: a, type: delay, timeout: 999999w}", "between 0 and"
    yield "workflow: w\nsteps:\n  - {id: a, type: delay, __class__: x}", "not known"
    for bad in ("null", "true", "[]", "{}", "3", "'x'", "!!binary aGk=", "2026-01-01", ".inf"):
        for field in ("steps", "inputs", "budget", "outputs", "triggers", "concurrency", "finally"):
            if (bad, field) not in {("{}", "inputs"), ("{}", "budget"), ("{}", "outputs"), ("[]", "triggers"),
                                    ("[]", "finally"), ("null", "concurrency")}:  # fmt: skip
                steps = "" if field == "steps" else "\nsteps: [{id: a, type: delay}]"
                yield f"workflow: w\n{field}: {bad}{steps}", ""


@pytest.mark.parametrize(("text", "told"), list(hostile()))
def test_what_is_meant_badly_is_refused_in_words_and_at_once(text: str, told: str) -> None:
    began = time.process_time()
    found = problems(text)
    assert any(told in item for item in found), found[:3]
    assert all(len(item) < 2000 for item in found)
    assert time.process_time() - began < 10, "bounded, not measured"


def test_there_are_many_of_them() -> None:
    assert len(list(hostile())) >= 80


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_whatever_is_handed_in_is_read_or_refused_in_words(text: str) -> None:
    for whole in (text, f"workflow: w\nsteps:\n- {{id: a, type: delay, when: {json.dumps(text)}}}"):
        try:
            read(whole)
        except InputError as error:
            assert error.problems


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2h30m", 9000), ("5d", 432_000), ("1w", 604_800), (7, 7)]
)
def test_durations(text: object, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds
    assert duration(shown_duration(duration(text))) == duration(text)
