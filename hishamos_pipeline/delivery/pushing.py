"""How commits come to a host: pushed where that takes nobody's work away, and proposed where it would."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from hishamos_pipeline.core.text.untrusted import neutralize_mentions
from hishamos_pipeline.delivery import decisions, messages
from hishamos_pipeline.delivery.find_or_create import VISIBLE_TRIES
from hishamos_pipeline.delivery.hosts.interface import PullRequest, Remote
from hishamos_pipeline.delivery.publish_job import PublishJob
from hishamos_pipeline.delivery.remote_git import RemoteGit
from hishamos_pipeline.errors import HostError

T = TypeVar("T")


def push_or_propose(job: PublishJob, remote: Remote, git: RemoteGit) -> tuple[Remote, dict[str, str]]:
    """Bring the commit to the default branch, or propose it.

    Returns:
        The repository with its default branch, and the commits of its branches and tags by full name.

    Raises:
        HostError: the host refuses or cannot be reached.
    """
    commit = job.order.commit
    heads = {} if job.fresh else _seen(job, git.heads)
    first = not heads
    branch = _default_branch(job, remote, git, heads)
    found = relation(git, commit, heads, branch)
    way = decisions.way_to_bring(found, job.order.target.publish)
    if way == "push":
        try:
            push = partial(git.push, f"refs/heads/{branch}", commit)
            job.step(f"push {commit[:8]} to {branch}", lambda: _seen(job, push))
            heads[f"refs/heads/{branch}"] = commit
        except HostError as error:
            if error.cause not in ("protected_branch", "moved_meanwhile"):
                raise
            heads = git.heads()
            if f"refs/heads/{branch}" not in heads:
                raise
            # The push may have been accepted, and its answer lost.
            found = relation(git, commit, heads, branch)
            way = decisions.way_to_bring(found, "pull_request")
    if theirs := _foreign(git, commit, heads, branch, found):
        more = f" and {len(theirs) - 1} more" if len(theirs) > 1 else ""
        job.warn(f"{branch} has commits that the project lacks: {theirs[0]!r}{more}")
    if first and not job.dry:
        # The first branch becomes the default one by itself, as a rule.
        remote = job.host.find_by_id(remote.id) or remote
    if remote.default_branch != branch and job.record.default_branch != branch:
        # Once: whom people make the default afterwards is theirs to say.
        job.step(f"make {branch} the default branch", lambda: job.host.set_default_branch(remote, branch))
    remote = replace(remote, default_branch=branch)
    job.save(default_branch=branch)
    if way == "propose":
        _propose(job, remote, git, heads, found)
    else:
        job.save(commit=commit, branch=branch, change_url="")
    return remote, heads


def _default_branch(job: PublishJob, remote: Remote, git: RemoteGit, heads: Mapping[str, str]) -> str:
    """The branch to bring the commit to: the one that was asked for, unless that would leave people's work behind."""
    asked, theirs = job.order.target.default_branch, remote.default_branch
    if not heads or f"refs/heads/{asked}" in heads or f"refs/heads/{theirs}" not in heads:
        return asked
    contained = relation(git, job.order.commit, heads, theirs) in ("same", "behind")
    if contained and job.record.default_branch != asked:
        return asked
    renamed = job.record.default_branch == asked
    why = "was renamed on the host" if renamed else "would lack commits of the default branch"
    job.warn(f"{asked} {why}: {theirs} is used instead")
    return theirs


def _seen(job: PublishJob, work: Callable[[], T]) -> T:
    """Do something with git, which may need a moment longer than the API to see a new repository."""
    for attempt in range(VISIBLE_TRIES):
        try:
            return work()
        except HostError as error:
            if error.cause != "not_found" or job.record.commit:
                raise
            job.retries.sleep(min(0.2 * 2**attempt, 5))
    return work()


def _propose(
    job: PublishJob, remote: Remote, git: RemoteGit, heads: Mapping[str, str], found: decisions.Relation
) -> None:
    """Put the commit on a branch of its own, and open or update one request for it."""
    commit, base = job.order.commit, heads[f"refs/heads/{remote.default_branch}"]
    branch, pushed = _branch_for(
        job, git, heads, base if found == "unrelated" else "", _offered(job, git, base)
    )
    open_change = job.host.open_change(remote, branch)
    if open_change is None and job.record.commit == commit and job.record.change_url:
        job.warn(
            f"{job.record.change_url} was closed, or merged otherwise: it is not opened again for the same commit"
        )
        return
    if pushed:
        job.step(f"push {pushed[:8]} to {branch}", lambda: git.push(f"refs/heads/{branch}", pushed))
    since = git.merge_base(base, commit)
    subjects = git.log(since, commit)
    title = messages.change_title(subjects)
    told = job.order.told.about(git.stories(since, commit))
    body = messages.change_body(subjects, git.changed(since or base, commit), told)
    change = _proposed(job, remote, branch, open_change, title, body)
    job.save(commit=commit, branch=branch, change_url=change.url if change else "")


def _offered(job: PublishJob, git: RemoteGit, base: str) -> str:
    """What is proposed: our commit, on top of what people have merged as one commit of their own."""
    commit, before = job.order.commit, job.record.commit
    if before and before != commit and git.knows(before) and (squash := git.squashed(before, base)):
        return git.over_squashed(squash, before, commit) or commit
    return commit


def _branch_for(
    job: PublishJob, git: RemoteGit, heads: Mapping[str, str], base: str, offered: str
) -> tuple[str, str]:
    """The branch to propose from, and what to push there; nothing if the commit is on it already.

    What is on the branch stays in its history: people's commits are merged with ours, and only where that conflicts a
    branch of its own is used.

    Args:
        job: the publication.
        git: both repositories.
        heads: the host's branches.
        base: the default branch's commit if it has nothing in common with ours.
        offered: the commit to propose, which is or contains ours.
    """
    commit = job.order.commit
    message = f"Made again from the brief of {neutralize_mentions(job.order.told.title)}"
    for usable in (True, False):
        branch = decisions.update_branch(commit, usable=usable)
        theirs = heads.get(f"refs/heads/{branch}", "")
        if not theirs:
            return branch, git.joined(commit, base, message) if base else offered
        if not git.knows(theirs):
            git.fetch(f"refs/heads/{branch}")
        if git.contains(theirs, commit):
            return branch, ""
        if not base and git.contains(offered, theirs):
            return branch, offered
        if git.is_joined(theirs):
            return branch, git.joined(commit, theirs, message)
        if merged := git.merged(theirs, offered):
            return branch, merged
    raise job.host.connection.error("moved_meanwhile", f"{branch} holds commits of others")


def _proposed(
    job: PublishJob, remote: Remote, branch: str, found: PullRequest | None, title: str, body: str
) -> PullRequest | None:
    base = remote.default_branch
    if found is None:
        return job.step(f"propose {branch} for {base}", lambda: job.host.propose(remote, branch, title, body))
    if (found.title, found.body.replace("\r\n", "\n").strip()) != (title, body.strip()):
        job.step(f"update {found.url}", lambda: job.host.revise(remote, found, title, body))
    return found


def external_commits(git: RemoteGit, commit: str, heads: Mapping[str, str], branch: str) -> list[str]:
    """Subjects of the commits that people have made on a branch of the host; merges and squashes of ours are none.

    Raises:
        HostError: it cannot be fetched.
    """
    return _foreign(git, commit, heads, branch, relation(git, commit, heads, branch))


def _foreign(
    git: RemoteGit, commit: str, heads: Mapping[str, str], branch: str, found: decisions.Relation
) -> list[str]:
    if found in ("empty", "same", "behind", "equal_files"):
        return []
    return git.external_commits(commit, heads[f"refs/heads/{branch}"])


def relation(git: RemoteGit, commit: str, heads: Mapping[str, str], branch: str) -> decisions.Relation:
    """How a branch on the host stands to our commit; fetches it where it is not known here.

    Raises:
        HostError: it cannot be fetched.
    """
    theirs = heads.get(f"refs/heads/{branch}", "")
    if not theirs:
        return "empty"
    if theirs == commit:
        return "same"
    if not git.knows(theirs):
        git.fetch(f"refs/heads/{branch}")
    if git.contains(commit, theirs):
        return "behind"
    if git.contains(theirs, commit):
        return "ahead"
    if git.same_files(commit, theirs):
        return "equal_files"
    return "diverged" if git.merge_base(commit, theirs) else "unrelated"
