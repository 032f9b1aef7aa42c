"""Moving a fleet along: what has ended is written down, and what comes next is launched or cancelled."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from hishamos_pipeline.core.documents import Requirements, VerifiedBuild
from hishamos_pipeline.core.fleet import FLEET_TAG, LANE_TAG, Finish, Launch, Stop, next_step
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.operations.fleet.backfills import Backfills, MemberRun
from hishamos_pipeline.store.fleets.records import Fleet, FleetMember
from hishamos_pipeline.store.fleets.repository import MemberResult
from hishamos_pipeline.store.store import ProjectStore

_PER_TICK = 200


def advance(store: ProjectStore, fleet: Fleet, backfills: Backfills, channels: Iterable[str]) -> str:
    """Move a fleet that is under way one step along; what was done, in words.

    Whatever it is killed in, the next call makes up for: what was recorded as launched and is not is launched then.

    Args:
        store: the project store.
        fleet: the fleet.
        backfills: launches and cancels.
        channels: who is told when the fleet ends.
    """
    settled = _settle(store, fleet, backfills)
    if fleet.state == "running":
        match next_step(store.fleets.standing(fleet, store.calls.spent(fleet=fleet.name))):
            case Launch(lanes):
                if not store.fleets.launch(fleet, lanes):
                    return f"{fleet.name}: stopped meanwhile"
                _launch(store, fleet, backfills)
                return f"{fleet.name}: {settled} ended, {sum(map(len, lanes.values()))} launched"
            case Stop(reason):
                store.fleets.stop(fleet.name, reason)
                fleet = store.fleets.get(fleet.name)
            case Finish():
                return _end(store, fleet, channels)
    if fleet.state == "stopping":
        launched = store.fleets.members(fleet, "launched")
        for name in {member.backfill for member in launched}:
            backfills.cancel(name)
        if not launched:
            return _end(store, fleet, channels)
    return f"{fleet.name}: {settled} ended"


def _launch(store: ProjectStore, fleet: Fleet, backfills: Backfills) -> None:
    """Launch the backfills of all launched members that are not there yet."""
    by_name: dict[str, list[FleetMember]] = {}
    for member in store.fleets.members(fleet, "launched"):
        by_name.setdefault(member.backfill, []).append(member)
    for name, members in by_name.items():
        if backfills.exists(name):
            continue
        # A project may have been deleted since it was chosen.
        keys = [member.project for member in members if store.projects.exists(member.project)]
        if not keys:
            continue
        lane = f"{fleet.name}/{members[0].lane}"
        # What people build one by one comes first.
        tags = {FLEET_TAG: fleet.name, LANE_TAG: lane, "dagster/priority": "-1"}
        backfills.launch(name, keys, tags, f"fleet {fleet.name}, {fleet.kind}, lane {members[0].lane + 1}")


def _settle(store: ProjectStore, fleet: Fleet, backfills: Backfills) -> int:
    """Write down which launched members have ended; how many."""
    if fleet.state == "running":
        _launch(store, fleet, backfills)
    launched = store.fleets.members(fleet, "launched")
    names = sorted({member.backfill for member in launched})
    over = {name for name in names if backfills.over(name)}  # asked before the runs: none is begun after it
    runs = backfills.runs(names)
    store.calls.settle_orphaned()
    asking = store.calls.unsettled(fleet.name)  # what these have cost is not known yet
    settled: dict[str, MemberResult] = {}
    for member in launched:
        run = runs.get((member.backfill, member.project))
        goes_on = member.backfill not in over
        if member.project in asking or (run is None and goes_on):
            continue
        if run is not None and (run.state == "launched" or (run.retried and goes_on)):
            continue
        settled[member.project] = _ended(store, fleet, member, run)
        if len(settled) == _PER_TICK:
            break
    store.fleets.settle(fleet, settled)
    return len(settled)


def _ended(store: ProjectStore, fleet: Fleet, member: FleetMember, run: MemberRun | None) -> MemberResult:
    """How a member has ended; a run that is not tried again because of the stop says nothing about the project."""
    key = member.project
    ended = ended_as(store, key, run) if run else _without_run(store, fleet, key)
    if ended.state == "failed" and run and run.retried and fleet.state == "stopping":
        ended = replace(ended, state="cancelled")
    return replace(ended, spent=store.calls.spent(key, fleet=fleet.name))


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


def _without_run(store: ProjectStore, fleet: Fleet, key: str) -> MemberResult:
    if not store.projects.exists(key):
        return MemberResult("failed", reason="it was deleted")
    if fleet.state == "stopping":
        return MemberResult("cancelled")
    return MemberResult(
        "failed", reason="its backfill has ended without a run of it: see Dagster's page of backfills"
    )


def _end(store: ProjectStore, fleet: Fleet, channels: Iterable[str]) -> str:
    state = "stopped" if fleet.state == "stopping" else "finished"
    tally = store.fleets.tallies([fleet])[fleet.name]
    why = f" ({fleet.reason})" if fleet.reason else ""
    verified = f"{tally.get('verified', 0)} of {sum(tally.values())} projects verified"
    said = f"fleet {fleet.name} has {'finished' if state == 'finished' else 'been stopped'}{why}: {verified}"
    # Before the end, after which nobody looks at the fleet again; an occasion that is known is told once.
    store.notices.add(
        f"fleet/{fleet.id}/{fleet.attempt}",
        channels,
        event=f"fleet.{state}",
        project="",
        run_id=f"fleet-{fleet.id}-{fleet.attempt}",
        step="",
        reason=said,
    )
    store.fleets.end(fleet)
    return said
