"""Projects that are built for a batch: made anew and paid once, within the batch's budget, with its own settings."""

import pytest

from hishamos_pipeline.core.pipeline.batch import BatchOverrides
from hishamos_pipeline.errors import BatchError, BudgetError, ModelError
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.store.batches.repository import BatchLimits
from tests.fakes.providers import Asked, Reply
from tests.generation.conftest import MODEL, Recorded
from tests.support.building import build
from tests.support.recordings import CALLS

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
# An accepted brief stays one, and what is delivered follows from the build.
KEPT = {"idea", "repository", "zip_archive", "tar_archive", "github_repository", "gitlab_project"}


def batch(
    recorded: Recorded, kind: str = "rebuild", settings: dict[str, str] | None = None, **limits
) -> ProjectRun:
    """The project as a run of the batch `f` opens it; the batch is begun the first time."""
    plain = recorded.services()
    key = recorded.model.name
    if not plain.store.batches.newest(1):
        plain.store.batches.begin("f", kind, [key], canary=0, limits=BatchLimits(**limits), settings=settings)
    return plain.for_batch(plain.store.batches.overrides("f")).project(key)


async def test_a_rebuild_makes_all_anew_and_leaves_nothing_stale(recorded: Recorded) -> None:
    await build(recorded.run())
    assert recorded.run().plan() == ()
    done = await build(batch(recorded))
    assert {kind for kind, how in done.items() if how == "reused"} <= KEPT
    assert len(recorded.server.asked) == 2 * CALLS
    run = recorded.run()
    heads = run.project.store.artifacts.heads(run.key)
    assert {kind for kind, row in heads.items() if row.batch == "f"} >= heads.keys() - KEPT
    assert heads["requirements"].reason == "batch f makes it anew"
    assert run.project.store.projects.get(run.key).state == "exported" and run.plan() == ()
    assert run.project.store.calls.spent(batch="f").calls == CALLS
    assert set((await build(run)).values()) == {"reused"} and len(recorded.server.asked) == 2 * CALLS


@pytest.mark.parametrize("at", [1, 6, 12])
async def test_a_rebuild_that_breaks_off_pays_for_nothing_twice(recorded: Recorded, at: int) -> None:
    await build(recorded.run())
    answer, left = recorded.server.answer, iter([None] * at)

    def breaks(asked: Asked) -> Reply:
        return answer(asked) if next(left, 0) is None else Reply(status=400, error="crash")

    recorded.server.answer = breaks
    with pytest.raises((ModelError, BaseExceptionGroup)):
        await build(batch(recorded))
    recorded.server.answer = answer
    recorded.model.tasks.clear()
    await build(batch(recorded))
    assert len(recorded.model.tasks) == CALLS - at


async def test_another_batch_asks_again(recorded: Recorded) -> None:
    await build(batch(recorded))
    plain = recorded.services()
    plain.store.batches.begin("g", "rebuild", [recorded.model.name], canary=0, limits=BatchLimits())
    await build(plain.for_batch(plain.store.batches.overrides("g")).project(recorded.model.name))
    spent = plain.store.calls
    assert spent.spent(batch="f").calls == spent.spent(batch="g").calls == CALLS


async def test_the_budget_of_a_batch_stops_it_before_the_call_that_would_exceed_it(
    recorded: Recorded,
) -> None:
    run = batch(recorded, "build", tokens=20_000)
    with pytest.raises((BudgetError, BaseExceptionGroup)):
        await build(run)
    spent = run.project.store.calls.spent(batch="f")
    assert 0 < spent.calls < CALLS and spent.input_tokens + spent.output_tokens <= 20_000
    project = run.project.store.projects.get(run.key)
    assert project.state == "blocked" and "the batch budget of 'f'" in project.reason
    assert "hishamos batch resume f" in project.reason
    stopped = run.project.store.batches.get("f")
    assert (stopped.state, stopped.reason) == ("stopping", project.reason)
    await build(recorded.run())  # what a person builds is not the batch's
    assert run.project.store.calls.spent(batch="f").calls == spent.calls


async def test_a_batch_has_settings_of_its_own(recorded: Recorded) -> None:
    plain = recorded.services(llm="blueprint")
    run = plain.for_batch(BatchOverrides("f", settings={"llm": MODEL})).project(recorded.model.name)
    await build(run, until="requirements")
    assert run.project.store.artifacts.require(run.key, "requirements").engine == MODEL
    assert plain.project(run.key).project.store.artifacts.require(run.key, "requirements").batch == "f"
    for settings, why in (
        ({"budget_day_usd": "1000"}, "cannot set budget_day_usd"),
        ({"llm_structured": "loose"}, "llm_structured"),
    ):
        with pytest.raises(BatchError, match=why):
            plain.for_batch(BatchOverrides("f", settings=settings))
