"""Runs of workflows in the store: each event one transaction, whoever comes and whatever dies."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.core.workflows.approvals import Person
from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition
from hishamos_pipeline.core.workflows.engine import advance
from hishamos_pipeline.core.workflows.starting import complete_inputs
from hishamos_pipeline.core.workflows.states import (
    Cancelled,
    Decision,
    Parked,
    Paused,
    Retried,
    RunState,
    Started,
    Succeeded,
)
from hishamos_pipeline.core.workflows.step_types import BUILTIN
from hishamos_pipeline.errors import ArtifactMissingError, ChangedMeanwhileError, ForbiddenError, InputError
from hishamos_pipeline.intake.workflows import read_workflow
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.workflows.codec import decoded_event
from hishamos_pipeline.store.workflows.records import NewRun, WorkflowRun
from hishamos_pipeline.store.workflows.runs import LOST_AFTER, WorkflowRuns
from tests.fakes.clock import FixedClock
from tests.support.ideas import IDEA

pytestmark = pytest.mark.slow
NOTE = "type: notify, with: {subject: x}"
TWO = f"workflow: two\nsteps:\n- {{id: a, {NOTE}}}\n- {{id: b, {NOTE}, depends_on: [a]}}\n"
GATE = (
    'workflow: gate\nsteps:\n- {id: ask, type: human_approval, with: {approvers: ["role:manager", eve], '
    "exclude: [initiator], needed: NEEDED, expires: 2d, remind: 1d}}\n"
    f"- {{id: after, {NOTE}, depends_on: [ask]}}\n"
)
OWNER = Actor("olga@example.org", role="developer", user_id=7)
MANAGER = Person("mara@example.org", "manager")


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still until it is told to go on."""
    return FixedClock(datetime(2026, 11, 27, 12, 0, tzinfo=UTC))


@pytest.fixture
def runs(store: ProjectStore, clock: FixedClock) -> ProjectStore:
    """The store of somebody who starts runs, with that clock."""
    return ProjectStore(store.engine, clock, actor=OWNER)


def publish(store: ProjectStore, text: str) -> WorkflowDefinition:
    """A workflow that is published."""
    found = read_workflow(text, BUILTIN)
    content = canonical_json(found.model_dump(mode="json", by_alias=True))
    made = store.workflow_versions.add(found, content, sha256_text(content), text)
    store.workflow_versions.publish(made.name, made.number)
    return found


def start(
    store: ProjectStore, text: str, inputs: Mapping[str, Any] | None = None, **more: Any
) -> WorkflowRun:
    """A run of a workflow."""
    definition = publish(store, text)
    version = store.workflow_versions.get(definition.workflow)
    new = NewRun(
        version.name, version.number, version.sha256, version.type, complete_inputs(definition, inputs or {}), **more
    )  # fmt: skip
    return store.workflow_runs.start(new, definition.concurrency)


def do(store: ProjectStore, run: int | None = None) -> str:
    """Do the step that is next, well; its key, empty if there is none."""
    claimed = store.workflow_runs.claim("w", run=run, heavy=True)
    if claimed is None:
        return ""
    store.workflow_runs.happen(claimed.run_id, Succeeded(claimed.step.key, claimed.step.attempt, {}))
    return claimed.step.key


def states(store: ProjectStore, run: int) -> dict[str, str]:
    return {key: step.state for key, step in store.workflow_runs.get(run).run.steps.items()}


def test_a_run_is_kept_step_by_step(runs: ProjectStore) -> None:
    run = start(runs, TWO)
    assert run.state == "running" and run.owner == "user:olga@example.org"
    claimed = runs.workflow_runs.claim("w1")
    assert claimed is not None and claimed.step.key == "a" and claimed.effect == f"workflow-{run.id}-a-0"
    assert runs.workflow_runs.claim("w2") is None, "nobody else gets it"
    runs.workflow_runs.happen(run.id, Succeeded("a", claimed.step.attempt, {}))
    assert do(runs) == "b"
    assert runs.workflow_runs.get(run.id).state == "succeeded"
    assert [(a.number, a.key, a.state) for a in runs.workflow_runs.attempts(run.id)] == [
        (1, "a", "succeeded"), (2, "b", "succeeded"),
    ]  # fmt: skip


def test_the_same_events_give_the_same_run_again(runs: ProjectStore, clock: FixedClock) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    clock.advance(timedelta(days=1))
    runs.workflow_runs.tick(10)
    decide(runs, run.id, MANAGER, "approve")
    do(runs)
    kept = runs.workflow_runs.get(run.id).run
    definition = runs.workflow_versions.definition(run.sha256)
    again = RunState(id=str(run.id), workflow="gate", owner="user:olga@example.org", inputs={})
    for happening in runs.workflow_runs.history(run.id):
        again, _ = advance(definition, again, decoded_event(happening.content), happening.at, BUILTIN)
    assert again == kept and kept.state == "succeeded"


def test_a_run_keeps_the_definition_that_it_began_with(runs: ProjectStore, clock: FixedClock) -> None:
    first = start(runs, TWO)
    second = start(runs, TWO.replace("id: b", "id: c"))
    assert (first.version, second.version) == (1, 2)
    assert set(states(runs, first.id)) == {"a", "b"} and set(states(runs, second.id)) == {"a", "c"}
    assert publish(runs, TWO.replace("id: b", "id: c")).workflow == "two"
    assert runs.workflow_versions.page(PageQuery(), name="two").items[0].number == 2, (
        "the same again is no version"
    )
    clock.advance(timedelta(seconds=1))
    runs.workflow_versions.publish("two", 1)
    assert runs.workflow_versions.get("two").number == 1, "what was published last is what runs are of"


def test_other_organizations_see_nothing(runs: ProjectStore) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    runs.organizations.add("acme", "acme")
    other = runs.acting_as(replace(OWNER, organization="acme"))
    for look in (
        lambda: other.workflow_runs.get(run.id),
        lambda: other.workflow_runs.happen(run.id, Cancelled("x")),
        lambda: other.workflow_versions.get("gate"),
        lambda: other.human_tasks.get(1),
        lambda: other.human_tasks.decide(1, "approve", MANAGER, comment="", form={}),
    ):
        with pytest.raises(ArtifactMissingError):
            look()
    assert (
        other.workflow_runs.page(PageQuery()).items == () or not other.workflow_runs.page(PageQuery()).items
    )
    assert other.human_tasks.open_tasks() == [] and runs.workflow_runs.get(run.id).state == "waiting"


def decide(store: ProjectStore, run: int, person: Person, decision: Decision, **more: Any) -> Any:
    task = store.human_tasks.page(PageQuery(), state="", run=run).items[0]
    return store.human_tasks.decide(task.id, decision, person, comment=more.pop("comment", ""), form=more)


def test_who_may_decide_is_looked_at_where_it_counts(runs: ProjectStore) -> None:
    run = start(runs, GATE.replace("NEEDED", "2"))
    for person, said in (
        (Person("olga@example.org", "admin"), "excluded"),
        (Person("dora@example.org", "developer"), "none of those who may decide"),
        (Person(""), "nobody is known"),
    ):
        with pytest.raises(ForbiddenError, match=said):
            decide(runs, run.id, person, "approve")
    assert decide(runs, run.id, MANAGER, "approve").state == "open", "one of two"
    with pytest.raises(ChangedMeanwhileError, match="has decided task 1 already: approve"):
        decide(runs, run.id, MANAGER, "reject")
    assert decide(runs, run.id, Person("Eve"), "approve").state == "decided", "by name, however it is written"
    with pytest.raises(ChangedMeanwhileError, match=r"by mara@example.org \(approve\), Eve \(approve\)"):
        decide(runs, run.id, Person("x", "admin"), "reject")
    assert states(runs, run.id) == {"ask": "succeeded", "after": "ready"}
    assert runs.workflow_runs.get(run.id).run.steps["ask"].outputs["by"] == "mara@example.org, Eve"


def test_forms_are_filled_in(runs: ProjectStore) -> None:
    form = "form: {stars: {type: integer, required: true}, why: {type: string, choices: [a, b]}}, needed: 1"
    run = start(runs, GATE.replace("needed: NEEDED", form))
    with pytest.raises(InputError) as error:
        decide(runs, run.id, MANAGER, "approve", why="c", more=1)
    assert {name for name, _ in error.value.problems} == {"stars", "why", "more"}
    decide(runs, run.id, MANAGER, "approve", stars=3, why="a")
    assert runs.workflow_runs.get(run.id).run.steps["ask"].outputs["form"] == {"stars": 3, "why": "a"}


def test_a_thousand_decisions_at_once_are_one(runs: ProjectStore) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    barrier, won, lost = threading.Barrier(8), [], []

    def decide_often(number: int) -> None:
        barrier.wait()
        for turn in range(125):
            person = Person(f"m{number}-{turn}@example.org", "manager")
            try:
                decide(runs, run.id, person, "approve" if turn % 2 else "reject")
                won.append(person.name)
            except ChangedMeanwhileError as error:
                lost.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(decide_often, number) for number in range(8)]:
            future.result()
    assert len(won) == 1 and len(lost) == 999 and all(won[0] in said for said in lost)
    assert len(runs.human_tasks.decisions(1)) == 1
    kinds = [h.kind for h in runs.workflow_runs.history(run.id)]
    assert kinds.count("Decided") == 1


def test_reminders_and_expiry_come_by_time_alone(runs: ProjectStore, clock: FixedClock) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    assert [task.calls for task in runs.human_tasks.to_tell(10)] == [1]
    runs.human_tasks.told(1, 1)
    clock.advance(timedelta(hours=25))
    assert runs.workflow_runs.tick(10) == 1
    assert [task.calls for task in runs.human_tasks.to_tell(10)] == [2]
    clock.advance(timedelta(days=1))
    runs.workflow_runs.tick(10)
    found = runs.workflow_runs.get(run.id)
    assert found.state == "failed" and found.run.failure is not None and found.run.failure.cause == "expired"
    with pytest.raises(ChangedMeanwhileError, match="does not wait for it any more"):
        decide(runs, run.id, MANAGER, "approve")
    assert runs.workflow_runs.tick(10) == 0


CALLED = f"workflow: called\ninputs: {{n: {{type: integer}}}}\noutputs: {{n: inputs.n}}\nsteps:\n- {{id: x, {NOTE}}}\n"
CALLS = (
    "workflow: calls\noutputs: {n: steps.c.outputs.n}\n"
    "steps:\n- {id: c, type: subworkflow, with: {workflow: called, inputs: {n: '${{ 3 + 4 }}'}}}\n"
)


def test_a_run_waits_for_one_that_it_has_begun(runs: ProjectStore) -> None:
    publish(runs, CALLED)
    run = start(runs, CALLS)
    assert run.state == "waiting" and do(runs) == "x"
    found = runs.workflow_runs.get(run.id)
    assert found.state == "succeeded" and found.run.outputs == {"n": 7}


def test_cancelling_it_cancels_the_other(runs: ProjectStore) -> None:
    publish(runs, CALLED)
    run = start(runs, CALLS)
    runs.workflow_runs.happen(run.id, Cancelled("olga"))
    assert [(r.workflow, r.state) for r in runs.workflow_runs.page(PageQuery()).items] == [
        ("called", "cancelled"), ("calls", "cancelled"),
    ]  # fmt: skip


def test_what_was_to_be_said_when_a_process_died_is_said_later(
    runs: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(runs, CALLED)
    monkeypatch.setattr(WorkflowRuns, "deliver", lambda self, messages: None)
    run = start(runs, CALLS)
    assert do(runs) == ""
    monkeypatch.undo()
    assert runs.workflow_runs.tick(10) == 1 and do(runs) == "x"
    assert runs.workflow_runs.get(run.id).state == "succeeded"


def test_a_workflow_that_there_is_not_fails_the_step(runs: ProjectStore) -> None:
    run = start(runs, CALLS)
    found = runs.workflow_runs.get(run.id).run
    assert found.failure is not None and "'called' has no published version" in found.failure.message


def test_a_workflow_that_runs_itself_ends(runs: ProjectStore) -> None:
    run = start(runs, "workflow: own\nsteps:\n- {id: c, type: subworkflow, with: {workflow: own}}\n")
    found = runs.workflow_runs.get(run.id)
    assert found.state == "failed" and len(runs.workflow_runs.page(PageQuery()).items) == 10


ONE = f"workflow: one\nconcurrency: {{key: inputs.k}}\ninputs: {{k: {{type: string}}}}\nsteps:\n- {{id: a, {NOTE}}}\n"


def test_runs_with_the_same_key_wait_for_one_another(runs: ProjectStore) -> None:
    first, second, third = (start(runs, ONE, {"k": "x"}, concurrency_key="x") for _ in range(3))
    other = start(runs, ONE, {"k": "y"}, concurrency_key="y")
    assert [runs.workflow_runs.get(r.id).state for r in (first, second, third, other)] == [
        "running", "pending", "pending", "running",
    ]  # fmt: skip
    do(runs, first.id)
    assert [runs.workflow_runs.get(r.id).state for r in (second, third)] == ["running", "pending"]
    runs.workflow_runs.happen(second.id, Cancelled("olga"))
    assert runs.workflow_runs.get(third.id).state == "running"
    with pytest.raises(InputError, match="as many runs of one with the key 'x' as may be"):
        start(
            runs,
            ONE.replace("{key: inputs.k}", "{key: inputs.k, otherwise: refuse}"),
            {"k": "x"},
            concurrency_key="x",
        )


def test_a_worker_that_dies_loses_its_step_and_not_the_run(runs: ProjectStore, clock: FixedClock) -> None:
    run = start(runs, TWO.replace("id: a,", "id: a, retry: {max: 1, backoff: 1s},"))
    claimed = runs.workflow_runs.claim("w1")
    assert claimed is not None and runs.workflow_runs.beat(claimed)
    clock.advance(LOST_AFTER + timedelta(seconds=1))
    runs.workflow_runs.tick(10)
    assert states(runs, run.id)["a"] == "pending" and not runs.workflow_runs.beat(claimed)
    clock.advance(timedelta(seconds=1))
    runs.workflow_runs.tick(10)
    again = runs.workflow_runs.claim("w2")
    assert again is not None and again.effect == claimed.effect and again.step.attempt != claimed.step.attempt
    runs.workflow_runs.happen(run.id, Succeeded("a", claimed.step.attempt, {}))
    assert states(runs, run.id)["a"] == "running", "what the dead one says does not count"


def test_higher_priorities_go_first_and_the_oldest_sometimes(runs: ProjectStore) -> None:
    low = start(runs, TWO, priority=0)
    high = start(runs, TWO, priority=5)
    assert (claimed := runs.workflow_runs.claim("w")) is not None and claimed.run_id == high.id
    start(runs, TWO, priority=9)
    assert (claimed := runs.workflow_runs.claim("w", oldest=True)) is not None and claimed.run_id == low.id


def test_steps_of_paused_runs_are_not_taken(runs: ProjectStore) -> None:
    run = start(runs, TWO)
    runs.workflow_runs.happen(run.id, Paused())
    assert runs.workflow_runs.claim("w") is None and runs.workflow_runs.get(run.id).state == "paused"


def test_what_a_stopped_step_has_asked_for_is_to_be_taken_back(runs: ProjectStore) -> None:
    run = start(runs, "workflow: b\nsteps:\n- {id: a, type: build_project, with: {project: notes}}\n")
    claimed = runs.workflow_runs.claim("w")
    assert claimed is not None
    runs.workflow_runs.happen(run.id, Parked("a", claimed.step.attempt, {"kind": "build", "request": 3}))
    assert [w.step.waits_for for w in runs.workflow_runs.waiting(10)] == [{"kind": "build", "request": 3}]
    runs.workflow_runs.happen(run.id, Cancelled("olga"))
    (found,) = runs.workflow_runs.stopping(10)
    assert found == (run.id, claimed.step.attempt, {"kind": "build", "request": 3})
    runs.workflow_runs.stopped(run.id, claimed.step.attempt)
    assert runs.workflow_runs.stopping(10) == [] and runs.workflow_runs.waiting(10) == []


def test_what_people_are_shown_is_pinned(runs: ProjectStore) -> None:
    runs.projects.submit(IDEA, "t")
    shown = GATE.replace("needed: NEEDED", "show: [notes/idea]")
    missing = start(runs, shown)
    assert missing.run.failure is not None and "there is no such artifact" in missing.run.failure.message


def test_old_runs_are_removed_with_what_they_have_begun(runs: ProjectStore, clock: FixedClock) -> None:
    publish(runs, CALLED)
    run = start(runs, CALLS)
    open_ = start(runs, TWO)
    assert do(runs, run.id + 1) == "x"
    clock.advance(timedelta(days=1))
    assert runs.workflow_runs.outdated(clock.now()) == 1
    assert runs.workflow_runs.remove(clock.now()) == 1
    assert [r.id for r in runs.workflow_runs.page(PageQuery()).items] == [open_.id]
    assert runs.workflow_runs.history(run.id) == [] and runs.workflow_runs.attempts(run.id + 1) == []


def test_a_run_that_waits_and_was_cancelled_does_not_begin(runs: ProjectStore) -> None:
    first, second = (start(runs, ONE, {"k": "x"}, concurrency_key="x") for _ in range(2))
    runs.workflow_runs.happen(second.id, Cancelled("olga"))
    runs.workflow_runs.happen(second.id, Started())
    assert runs.workflow_runs.get(second.id).state == "cancelled"
    version = runs.workflow_versions.get("one")
    with pytest.raises(InputError, match="as may be have not ended"):
        runs.workflow_runs.repin(second.id, version.number, version.sha256, Retried())
    do(runs, first.id)
    assert runs.workflow_runs.repin(second.id, version.number, version.sha256, Retried()).state == "running"


def test_a_run_that_cannot_go_on_holds_up_no_other(
    runs: ProjectStore, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = start(runs, GATE.replace("NEEDED", "1")), start(runs, GATE.replace("NEEDED", "1"))
    with runs.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE workflow_runs SET content = '{{' WHERE id = {broken.id}")
    clock.advance(timedelta(days=3))
    assert runs.workflow_runs.tick(10) == 1
    assert (
        runs.workflow_runs.get(well.id).state == "failed" and f"run {broken.id} cannot go on" in caplog.text
    )
    assert runs.workflow_runs.tick(10) == 0
    assert {r.id: r.state for r in runs.workflow_runs.page(PageQuery()).items}[broken.id] == "failed"


def test_two_processes_begin_no_more_runs_than_may_be(runs: ProjectStore) -> None:
    publish(runs, ONE)
    barrier = threading.Barrier(4)

    def begin(number: int) -> str:
        barrier.wait()
        return start_only(runs, "one", {"k": "x"}).state

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(begin, range(4)))
    assert sorted(found) == ["pending", "pending", "pending", "running"]


def start_only(store: ProjectStore, name: str, inputs: Mapping[str, Any]) -> WorkflowRun:
    version = store.workflow_versions.get(name)
    new = NewRun(
        name, version.number, version.sha256, version.type, dict(inputs), concurrency_key=inputs["k"]
    )
    return store.workflow_runs.start(new, store.workflow_versions.definition(version.sha256).concurrency)


def test_a_worker_that_was_stopped_or_died_is_no_failure_of_its_step(
    runs: ProjectStore, clock: FixedClock
) -> None:
    run = start(runs, TWO)
    for _ in range(2):
        assert runs.workflow_runs.claim("w") is not None
        clock.advance(LOST_AFTER + timedelta(seconds=1))
        assert runs.workflow_runs.tick(10) == 1 and runs.workflow_runs.tick(10) == 0
        assert states(runs, run.id)["a"] == "ready"
    assert [a.state for a in runs.workflow_runs.attempts(run.id)] == ["cancelled", "cancelled", "ready"]
    assert runs.workflow_runs.claim("w") is not None
    clock.advance(LOST_AFTER + timedelta(seconds=1))
    runs.workflow_runs.tick(10)
    assert runs.workflow_runs.get(run.id).state == "failed"


def test_no_attempt_stays_open_behind_the_next_one(runs: ProjectStore, clock: FixedClock) -> None:
    run = start(runs, TWO.replace("id: a,", "id: a, timeout: 1m, retry: {max: 5, backoff: 0s},"))
    first = runs.workflow_runs.claim("w")
    assert first is not None
    clock.advance(timedelta(minutes=1))
    runs.workflow_runs.tick(10)
    assert not runs.workflow_runs.beat(first) and states(runs, run.id)["a"] == "ready"
    count = len(runs.workflow_runs.history(run.id))
    clock.advance(timedelta(seconds=59))
    assert runs.workflow_runs.tick(10) == 0 and len(runs.workflow_runs.history(run.id)) == count


def test_a_run_that_waits_begins_no_other_when_it_is_cancelled(runs: ProjectStore) -> None:
    first, second, third = (start(runs, ONE, {"k": "x"}, concurrency_key="x") for _ in range(3))
    runs.workflow_runs.happen(second.id, Cancelled("olga"))
    assert runs.workflow_runs.get(third.id).state == "pending"
    do(runs, first.id)
    assert runs.workflow_runs.get(third.id).state == "running"


def test_runs_that_others_begin_keep_to_their_key_too(runs: ProjectStore) -> None:
    publish(runs, ONE)
    calls = "workflow: c\nsteps:\n" + "".join(
        f"- {{id: c{n}, type: subworkflow, with: {{workflow: one, inputs: {{k: x}}}}}}\n" for n in range(3)
    )
    run = start(runs, calls)

    def of_one() -> list[str]:
        return [r.state for r in runs.workflow_runs.page(PageQuery(), workflow="one").items]

    assert sorted(of_one()) == ["pending", "pending", "running"]
    while do(runs):
        assert of_one().count("running") <= 1
    assert runs.workflow_runs.get(run.id).state == "succeeded"


def test_a_run_begins_no_more_runs_than_are_good_for_anybody(
    runs: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hishamos_pipeline.store.workflows.advancing._MOST_DESCENDANTS", 20)
    fan = (
        "workflow: fan\nsteps:\n- {id: f, type: parallel, for_each: '[1, 2, 3]', with: {join: all_done}, "
        "steps: [{id: c, type: subworkflow, with: {workflow: fan}}]}\n"
    )
    run = start(runs, fan)
    while runs.workflow_runs.tick(1000):
        pass
    assert runs.workflow_runs.get(run.id).state == "succeeded"
    assert len(runs.workflow_runs.page(PageQuery(limit=200)).items) == 21


def test_nobody_decides_what_has_expired(runs: ProjectStore, clock: FixedClock) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    clock.advance(timedelta(days=2))
    with pytest.raises(ChangedMeanwhileError, match="does not wait for it any more"):
        decide(runs, run.id, MANAGER, "approve")
    assert runs.workflow_runs.get(run.id).state == "failed"


def test_forms_are_bounded_whatever_is_decided(runs: ProjectStore) -> None:
    run = start(runs, GATE.replace("NEEDED", "1"))
    with pytest.raises(InputError, match="larger than"):
        decide(runs, run.id, MANAGER, "reject", big="x" * 20_000)


def test_a_long_address_excludes_its_owner_too(runs: ProjectStore) -> None:
    name = f"{'a' * 200}@example.org"
    owner = runs.acting_as(replace(OWNER, name=name))
    run = start(owner, GATE.replace("NEEDED", "1"))
    with pytest.raises(ForbiddenError, match="excluded"):
        decide(owner, run.id, Person(name, "admin"), "approve")
