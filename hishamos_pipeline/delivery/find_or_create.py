"""Which repository a project is published to: the recorded one, one to adopt, or a new one. Never created twice."""

import json
from collections.abc import Mapping

from hishamos_pipeline.core.artifacts.target import Publication
from hishamos_pipeline.delivery import decisions
from hishamos_pipeline.delivery.hosts.interface import Owner, Remote
from hishamos_pipeline.delivery.publish_job import PublishJob
from hishamos_pipeline.delivery.remote_git import RemoteGit
from hishamos_pipeline.errors import HostError
from hishamos_pipeline.verification import provenance

_CREATIONS = 3
# Hosts need a moment before a new repository can be seen everywhere.
VISIBLE_TRIES = 12


def find_or_create(job: PublishJob, owner: Owner) -> Remote | None:
    """The repository to publish to; ``None`` in a dry run that would have to create it.

    Raises:
        HostError: the name is taken, the repository is gone, or the host refuses.
    """
    target, record = job.order.target, job.record
    asked = f"{job.host.connection.clone_url('')}{target.owner or '~'}/{target.name or job.order.key}".lower()
    if record.repository_id and record.asked != asked:
        raise job.host.connection.error(
            "elsewhere", f"it is published at {record.web_url}, and asked for elsewhere"
        )
    if record.asked != asked:
        job.record = Publication(wanted=True, host=job.host.connection.name, asked=asked)
    return _recorded(job) if record.repository_id else _found(job, owner)


def _recorded(job: PublishJob) -> Remote:
    """The repository that was published to before, whatever it is called now."""
    record = job.record
    found = job.host.find_by_id(record.repository_id)
    if found is None or found.deleted:
        raise job.host.connection.error("gone", f"{record.full_name} is not there any more")
    if found.archived:
        raise job.host.connection.error("archived", f"{found.full_name} is archived")
    if found.full_name != record.full_name:
        job.warn(f"it was renamed from {record.full_name} to {found.full_name} on the host")
    return job.keep(found, created=record.created, adopted=record.adopted)


def _found(job: PublishJob, owner: Owner) -> Remote | None:
    """One to adopt, or a new one."""
    name, conflict = job.order.target.name or job.order.key, job.order.target.conflict
    for candidate in decisions.names(name, conflict):
        try:
            taken = job.host.find(f"{owner.path}/{candidate}")
            if taken is None:
                return _create(job, owner, candidate)
        except HostError as error:
            # Taken by one that was renamed, or by one that the token does not see.
            if error.cause == "name_taken" and conflict == "rename":
                continue
            raise
        if found := _claimed(job, taken):
            return found
    raise job.host.connection.error("name_taken", f"{owner.path}/{name} and its numbered names")


def _claimed(job: PublishJob, found: Remote) -> Remote | None:
    """An existing repository if it is ours or may be adopted; ``None`` if the next name is to be tried."""
    conflict = job.order.target.conflict
    ours = decisions.made_since(job.record, found.created_at) and job.record.full_name == found.full_name
    empty, known = False, ""
    if conflict == "reuse" or ours:
        with job.git(found) as git:
            heads = git.heads()
            empty = not heads
            known = "" if ours or empty else _known_by(job, found, git, heads)
    verdict = decisions.claim(conflict, empty=empty, made_by_us=ours, known=bool(known))
    if verdict == "foreign":
        raise job.host.connection.error("foreign_history", f"{found.full_name} exists and is not empty")
    if verdict == "taken":
        raise job.host.connection.error("name_taken", f"{found.full_name} exists already")
    if verdict == "next_name":
        return None
    if verdict == "adopt":
        job.steps.append(f"use {found.full_name}, which is {'empty' if empty else 'of this project'}")
    return job.keep(found, created=verdict == "ours", adopted=known == "files")


def _known_by(job: PublishJob, found: Remote, git: RemoteGit, heads: Mapping[str, str]) -> str:
    """What says that this project made what is there: its ``history``, its ``files``, or nothing."""
    theirs = heads.get(f"refs/heads/{found.default_branch}", "")
    if not theirs:
        return ""
    if not git.knows(theirs):
        git.fetch(f"refs/heads/{found.default_branch}")
    if git.merge_base(theirs, job.order.commit):
        return "history"
    try:
        return "files" if json.loads(git.show(theirs, provenance.PATH))["project"] == job.order.key else ""
    except (ValueError, LookupError, TypeError):
        return ""


def _create(job: PublishJob, owner: Owner, name: str) -> Remote | None:
    full_name = f"{owner.path}/{name}"
    job.steps.append(f"create {full_name}, {job.order.target.visibility}")
    if job.dry:
        target = job.order.target
        job.steps.append(f"push {job.order.commit[:8]} to {target.default_branch}")
        job.steps += [f"push it to {extra.name}" for extra in target.branches]
        planned = Remote(0, full_name, "", "", target.visibility, target.default_branch, job.now())
        job.steps += [f"set {item.name}" for item in job.host.settings(planned, target, job.order.secrets)]
        job.steps += [f"release {target.release.tag}"] if target.release else []
        return None
    job.save(full_name=full_name, begun_at=job.now().isoformat())
    try:
        found = _created(job, owner, name, full_name)
    except HostError as error:
        if not error.done:
            job.save(begun_at="")  # refused for sure: whatever comes to be there is not ours
        raise
    job.changed = job.fresh = True
    job.keep(found, created=True, adopted=False)
    for attempt in range(VISIBLE_TRIES):
        if job.host.find_by_id(found.id) is not None:
            break
        job.retries.sleep(min(0.2 * 2**attempt, 5))
    return found


def _created(job: PublishJob, owner: Owner, name: str, full_name: str) -> Remote:
    """Create it; where an answer was lost, look whether it was made before trying again."""
    lost: HostError | None = None
    for attempt in range(_CREATIONS):
        try:
            return job.host.create(owner, name, job.order.target)
        except HostError as error:
            if error.done:
                lost = error
            elif lost is None or error.cause != "name_taken":
                raise
            found = _made(job, full_name)
            if found is not None:
                return found
            if attempt == _CREATIONS - 1:
                raise lost from error
    raise AssertionError("unreachable")


def _made(job: PublishJob, full_name: str) -> Remote | None:
    """The repository whose creation was not answered; ``None`` if there is none yet.

    Raises:
        HostError: somebody else has made one of that name.
    """
    for look in range(_CREATIONS):
        found = job.host.find(full_name)
        if found is not None:
            if decisions.made_since(job.record, found.created_at):
                with job.git(found) as git:
                    if not git.heads():
                        return found
            raise job.host.connection.error("name_taken", f"{full_name} exists already")
        job.retries.sleep(0.5 * 2**look)
    return None
