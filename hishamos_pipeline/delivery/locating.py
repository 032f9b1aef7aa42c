"""Which repository a project is published to: the recorded one, one to adopt, or a new one. Never created twice."""

import json
from collections.abc import Mapping

from hishamos_pipeline.core.target import Publication
from hishamos_pipeline.delivery import decisions
from hishamos_pipeline.delivery.hosts.causes import host_error
from hishamos_pipeline.delivery.hosts.interface import Owner, Remote
from hishamos_pipeline.delivery.publication import Publishing
from hishamos_pipeline.delivery.remote_git import RemoteGit
from hishamos_pipeline.errors import HostError
from hishamos_pipeline.verification import provenance

# Hosts need a moment before a new repository can be seen everywhere.
VISIBLE_TRIES = 12
_CREATIONS = 3


def locate(job: Publishing, owner: Owner) -> Remote | None:
    """The repository to publish to; ``None`` in a dry run that would have to create it.

    Raises:
        HostError: the name is taken, the repository is gone, or the host refuses.
    """
    name = job.order.target.name or job.order.key
    _start(job, owner, name)
    return _locate(job, owner, name)


def _start(job: Publishing, owner: Owner, name: str) -> None:
    asked = f"{job.host.name}/{owner.path}/{name}".lower()
    if job.record.asked != asked:
        if job.record.repository_id:
            job.warn(f"{job.record.web_url} stays as it is: the export now goes to {asked}")
        job.record = Publication(wanted=True, host=job.host.name, asked=asked)


def _locate(job: Publishing, owner: Owner, name: str) -> Remote | None:
    """The repository to publish to: the recorded one, an adopted one, or a new one; ``None`` in a dry run."""
    if job.record.repository_id:
        found = job.host.find_by_id(job.record.repository_id)
        if found is None:
            raise host_error("gone", job.host.name, f"{job.record.full_name} is not there any more")
        if found.full_name != job.record.full_name:
            job.warn(f"it was renamed from {job.record.full_name} to {found.full_name} on the host")
        return job.keep(found, created=job.record.created)
    for candidate in decisions.names(name, job.order.target.conflict):
        full_name = f"{owner.path}/{candidate}"
        try:
            taken = job.host.find(full_name)
        except HostError as error:
            if error.cause == "name_taken" and job.order.target.conflict == "rename":
                continue
            raise
        if taken is None:
            return _create(job, owner, candidate)
        if found := _claimed(job, taken):
            return found
    raise host_error("name_taken", job.host.name, f"{owner.path}/{name} and its numbered names")


def _claimed(job: Publishing, found: Remote) -> Remote | None:
    """An existing repository if it is ours or may be adopted; ``None`` if the next name is to be tried."""
    conflict = job.order.target.conflict
    ours = decisions.made_since(job.record, found.created_at) and job.record.full_name == found.full_name
    if conflict == "reuse" or ours:
        with job.git(found) as git:
            heads = git.heads()
            known = bool(heads) and not ours and _is_known(job, found, git, heads)
        empty = not heads
    else:
        empty = known = False
    verdict = decisions.claim(conflict, empty=empty, made_by_us=ours, known=known)
    if verdict == "foreign":
        raise host_error("foreign_history", job.host.name, f"{found.full_name} exists and is not empty")
    if verdict == "taken":
        raise host_error("name_taken", job.host.name, f"{found.full_name} exists already")
    if verdict == "next_name":
        return None
    if verdict == "adopt":
        job.steps.append(f"use {found.full_name}, which is {'empty' if empty else 'of this project'}")
    return job.keep(found, created=verdict == "ours")


def _is_known(job: Publishing, found: Remote, git: RemoteGit, heads: Mapping[str, str]) -> bool:
    """Whether this project made what is there: its history, or the record in its files, says so."""
    theirs = heads.get(f"refs/heads/{found.default_branch}", "")
    if not theirs:
        return False
    if not git.knows(theirs):
        git.fetch(f"refs/heads/{found.default_branch}")
    if git.merge_base(theirs, job.order.commit):
        return True
    try:
        return bool(json.loads(git.show(theirs, provenance.PATH))["project"] == job.order.key)
    except (ValueError, LookupError, TypeError):
        return False


def _create(job: Publishing, owner: Owner, name: str) -> Remote | None:
    full_name = f"{owner.path}/{name}"
    job.steps.append(f"create {full_name}, {job.order.target.visibility}")
    if job.dry:
        job.steps.append(
            f"push {job.order.commit[:8]} to {job.order.target.default_branch}, and set the rest"
        )
        return None
    job.save(full_name=full_name, owner=owner.path, begun_at=job.now().isoformat())
    found = _created(job, owner, name, full_name)
    job.changed = job.fresh = True
    job.keep(found, created=True)
    for attempt in range(VISIBLE_TRIES):
        if job.host.find_by_id(found.id) is not None:
            break
        job.patience.sleep(min(0.2 * 2**attempt, 5))
    return found


def _created(job: Publishing, owner: Owner, name: str, full_name: str) -> Remote:
    """Create it; where the answer is lost or says that it exists, look whether that is ours before trying again."""
    for attempt in range(_CREATIONS):
        try:
            return job.host.create(owner, name, job.order.target)
        except HostError as error:
            if not error.done and error.cause != "name_taken":
                raise
            for look in range(_CREATIONS):
                found = job.host.find(full_name)
                if found is not None and decisions.made_since(job.record, found.created_at):
                    return found
                if found is not None:
                    raise host_error("name_taken", job.host.name, f"{full_name} exists already") from error
                job.patience.sleep(0.5 * 2**look)
            if not error.done or attempt == _CREATIONS - 1:
                raise
    raise AssertionError("unreachable")
