"""Moving a batch along: what has ended is written down, and what comes next is launched or cancelled."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from hishamos_pipeline.core.artifacts.documents import Requirements, VerifiedBuild
from hishamos_pipeline.core.pipeline.batch import BATCH_TAG, SLOT_TAG, Finish, Launch, Stop, next_step
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.operations.batch.backfills import Backfills, MemberRun
from hishamos_pipeline.store.batches.records import Batch, BatchMember
from hishamos_pipeline.store.batches.repository import MemberResult
from hishamos_pipeline.store.store import ProjectStore

_PER_TICK = 200


def advance(store: ProjectStore, batch: Batch, backfills: Backfills, channels: Iterable[str]) -> str:
    """Move a batch that is under way one step along; what was done, in words.

    Whatever it is killed in, the next call makes up for: what was recorded as launched and is not is launched then.

    Args:
        store: the project store.
        batch: the batch.
        backfills: launches and cancels.
        channels: who is notified when the batch ends.
    """
    settled = _settle(store, batch, backfills)
    if batch.state == "running":
        match next_step(store.batches.standing(batch, store.calls.spent(batch=batch.name))):
            case Launch(slots):
                if not store.batches.launch(batch, slots):
                    return f"{batch.name}: stopped meanwhile"
                _launch(store, batch, backfills)
                return f"{batch.name}: {settled} ended, {sum(map(len, slots.values()))} launched"
            case Stop(reason):
                store.batches.stop(batch.name, reason)
                batch = store.batches.get(batch.name)
            case Finish():
                return _end(store, batch, channels)
    if batch.state == "stopping":
        launched = store.batches.members(batch, "launched")
        for name in {member.backfill for member in launched}:
            backfills.cancel(name)
        if not launched:
            return _end(store, batch, channels)
    return f"{batch.name}: {settled} ended"


def _launch(store: ProjectStore, batch: Batch, backfills: Backfills) -> None:
    """Launch the backfills of all launched members that are not there yet."""
    by_name: dict[str, list[BatchMember]] = {}
    for member in store.batches.members(batch, "launched"):
        by_name.setdefault(member.backfill, []).append(member)
    for name, members in by_name.items():
        if backfills.exists(name):
            continue
        # A project may have been deleted since it was chosen.
        keys = [member.project for member in members if store.projects.exists(member.project)]
        if not keys:
            continue
        slot = f"{batch.name}/{members[0].slot}"
        # What people build one by one comes first.
        tags = {BATCH_TAG: batch.name, SLOT_TAG: slot, "dagster/priority": "-1"}
        backfills.launch(name, keys, tags, f"batch {batch.name}, {batch.kind}, slot {members[0].slot + 1}")


def _settle(store: ProjectStore, batch: Batch, backfills: Backfills) -> int:
    """Write down which launched members have ended; how many."""
    if batch.state == "running":
        _launch(store, batch, backfills)
    launched = store.batches.members(batch, "launched")
    names = sorted({member.backfill for member in launched})
    over = {name for name in names if backfills.over(name)}  # asked before the runs: none is begun after it
    runs = backfills.runs(names)
    store.calls.settle_orphaned()
    asking = store.calls.unsettled(batch.name)  # what these have cost is not known yet
    settled: dict[str, MemberResult] = {}
    for member in launched:
        run = runs.get((member.backfill, member.project))
        goes_on = member.backfill not in over
        if member.project in asking or (run is None and goes_on):
            continue
        if run is not None and (run.state == "launched" or (run.retried and goes_on)):
            continue
        settled[member.project] = _ended(store, batch, member, run)
        if len(settled) == _PER_TICK:
            break
    store.batches.settle(batch, settled)
    return len(settled)


def _ended(store: ProjectStore, batch: Batch, member: BatchMember, run: MemberRun | None) -> MemberResult:
    """How a member has ended; a run that is not tried again because of the stop says nothing about the project."""
    key = member.project
    ended = ended_as(store, key, run) if run else _without_run(store, batch, key)
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


def _without_run(store: ProjectStore, batch: Batch, key: str) -> MemberResult:
    if not store.projects.exists(key):
        return MemberResult("failed", reason="it was deleted")
    if batch.state == "stopping":
        return MemberResult("cancelled")
    return MemberResult(
        "failed", reason="its backfill has ended without a run of it: see Dagster's page of backfills"
    )


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
