"""Moving a batch along: what has ended is written down, and what comes next is launched or cancelled."""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from hishamos_pipeline.core.artifacts.documents import Requirements, VerifiedBuild
from hishamos_pipeline.core.pipeline.batch import (
    ATTEMPT_TAG,
    BATCH_TAG,
    SLOT_TAG,
    Finish,
    Launch,
    Stop,
    next_step,
)
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.operations.batch.runs import BatchRuns, MemberRun, WantedRun
from hishamos_pipeline.store.batches.records import Batch, BatchMember
from hishamos_pipeline.store.batches.repository import MemberResult
from hishamos_pipeline.store.store import ProjectStore

_PER_TICK = 200


@dataclass(frozen=True, slots=True)
class Advance:
    """What was done with a batch, in words, and the runs that it waits for."""

    said: str
    wanted: Sequence[WantedRun] = ()


def advance(store: ProjectStore, batch: Batch, runs: BatchRuns, channels: Iterable[str]) -> Advance:
    """Move a batch that is under way one step along.

    Whatever it is killed in, the next call makes up for: what was recorded as launched and has no run is wanted again.

    Args:
        store: the project store.
        batch: the batch.
        runs: its runs.
        channels: who is notified when the batch ends.
    """
    launched = store.batches.members(batch, "launched")
    there = runs.of(batch.name, batch.attempt, [member.project for member in launched])
    settled = _settle(store, batch, launched, there)
    if batch.state == "running":
        match next_step(store.batches.standing(batch, store.calls.spent(batch=batch.name))):
            case Launch(slots):
                if not store.batches.launch(batch, slots):
                    return Advance(f"{batch.name}: stopped meanwhile")
            case Stop(reason):
                store.batches.stop(batch.name, reason)
                batch = store.batches.get(batch.name)
            case Finish():
                return Advance(_end(store, batch, channels))
    if batch.state == "stopping":
        runs.cancel(batch.name, batch.attempt)
        if not store.batches.members(batch, "launched"):
            return Advance(_end(store, batch, channels))
        return Advance(f"{batch.name}: {settled} ended")
    wanted = _wanted(store, batch, there)
    return Advance(f"{batch.name}: {settled} ended, {len(wanted)} launched", wanted)


def _wanted(store: ProjectStore, batch: Batch, there: Container[str]) -> list[WantedRun]:
    """A run for each launched member that has none; a project may have been deleted since it was chosen."""
    return [
        WantedRun(
            member.project,
            f"batch:{batch.name}:{batch.attempt}:{member.project}",
            # What people build one by one comes first.
            {
                BATCH_TAG: batch.name, ATTEMPT_TAG: str(batch.attempt), SLOT_TAG: f"{batch.name}/{member.slot}",
                "dagster/priority": "-1",
            },
        )
        for member in store.batches.members(batch, "launched")
        if member.project not in there and store.projects.exists(member.project)
    ]  # fmt: skip


def _settle(
    store: ProjectStore, batch: Batch, launched: Sequence[BatchMember], there: Mapping[str, MemberRun]
) -> int:
    """Write down which launched members have ended; how many."""
    store.calls.settle_orphaned()
    asking = store.calls.unsettled(batch.name)  # what these have cost is not known yet
    settled: dict[str, MemberResult] = {}
    for member in launched:
        run = there.get(member.project)
        if member.project in asking or _goes_on(store, batch, member, run):
            continue
        settled[member.project] = _ended(store, batch, member, run)
        if len(settled) == _PER_TICK:
            break
    store.batches.settle(batch, settled)
    return len(settled)


def _goes_on(store: ProjectStore, batch: Batch, member: BatchMember, run: MemberRun | None) -> bool:
    if run is None:
        return batch.state == "running" and store.projects.exists(member.project)
    return run.state == "launched" or (run.retried and batch.state == "running")


def _ended(store: ProjectStore, batch: Batch, member: BatchMember, run: MemberRun | None) -> MemberResult:
    """How a member has ended; a run that is not tried again because of the stop says nothing about the project."""
    key = member.project
    ended = ended_as(store, key, run) if run else _without_run(store, key)
    if ended.state == "failed" and run and run.retried and batch.state == "stopping":
        ended = replace(ended, state="cancelled")
    return replace(ended, spent=store.calls.spent(key, batch=batch.name))


def ended_as(store: ProjectStore, key: str, run: MemberRun) -> MemberResult:
    """How a run of a project has ended, with what the project has to show; what is not verified counts for nothing."""
    if not store.projects.exists(key):
        return MemberResult(run.state, run.run_id, "it was deleted", run.seconds)
    reason, wanted, shown = "", 0, 0
    if run.state == "failed":
        reason = store.projects.reason(key) or f"its run has failed: see run {run.run_id}"
    with suppress(ArtifactMissingError):
        wanted = len(store.artifacts.read(key, "requirements", Requirements).requirements)
        if run.state == "verified":
            shown = store.artifacts.read(key, "verified_build", VerifiedBuild).requirements_verified
    return MemberResult(run.state, run.run_id, reason, run.seconds, wanted, shown)


def _without_run(store: ProjectStore, key: str) -> MemberResult:
    if not store.projects.exists(key):
        return MemberResult("failed", reason="it was deleted")
    return MemberResult("cancelled")


def _end(store: ProjectStore, batch: Batch, channels: Iterable[str]) -> str:
    state = "stopped" if batch.state == "stopping" else "finished"
    tally = store.batches.tallies([batch])[batch.name]
    why = f" ({batch.reason})" if batch.reason else ""
    verified = f"{tally.get('verified', 0)} of {sum(tally.values())} projects verified"
    said = f"batch {batch.name} has {'finished' if state == 'finished' else 'been stopped'}{why}: {verified}"
    # Before the end, after which nobody looks at the batch again; an occasion that is known is sent once.
    store.notifications.add(
        f"batch/{batch.id}/{batch.attempt}",
        channels,
        event=f"batch.{state}",
        project="",
        run_id=f"batch-{batch.id}-{batch.attempt}",
        step="",
        reason=said,
    )
    store.batches.end(batch)
    return said
