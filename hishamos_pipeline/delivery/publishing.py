"""Publishes a repository on a Git host: creates it or finds it again, brings the commits there, sets the rest.

Every step looks before it acts and is recorded when it is done, so that publishing again goes on where it ended, and a
second time with nothing new changes nothing. Creation and the commits are fatal; the rest is listed as warnings.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial

from hishamos_pipeline.core.artifacts.target import Publication
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.core.text.untrusted import neutralize_mentions
from hishamos_pipeline.delivery import messages
from hishamos_pipeline.delivery.find_or_create import find_or_create
from hishamos_pipeline.delivery.hosts.causes import TRANSIENT
from hishamos_pipeline.delivery.hosts.interface import Remote
from hishamos_pipeline.delivery.publish_job import PublishJob
from hishamos_pipeline.delivery.pushing import push_or_propose
from hishamos_pipeline.delivery.remote_git import RemoteGit
from hishamos_pipeline.errors import HostError

WORKFLOWS = ".github/workflows"
# Settings that give something to people or jobs.
_GIVEN = ("access of ", "variable ", "secret ", "protection of ", "topics", "approvals")
# A name, the hash of what is wanted (empty: whatever was done before), and how it is made so.
Work = tuple[str, str, Callable[[], object]]


def publish(job: PublishJob) -> Publication:
    """Publish, or find that all is done.

    Raises:
        HostError: the host refused or cannot be reached; what was done is recorded.
    """
    account = job.host.account()
    with_workflows = any((job.order.repository / WORKFLOWS).glob("*"))
    job.host.require_scopes(account, with_workflows=with_workflows)
    owner = job.host.owner(job.order.target.owner or account.login)
    if not job.record.repository_id and owner.is_user and owner.path.lower() != account.login.lower():
        problem = f"{owner.path} is another user than the token's, {account.login}"
        raise job.host.connection.error("permission", problem)
    _require_allowed(job, owner.path)
    remote = find_or_create(job, owner)
    if remote is None:
        return job.record  # a dry run: there is nothing to look at yet
    _require_allowed(job, remote.full_name.rpartition("/")[0])  # it may have been moved to somebody else
    with job.git(remote) as git:
        remote, heads = push_or_propose(job, remote, git)
        visibility = _rest(job, remote, git, heads)
    done = "created" if job.record.created and not job.record.done else "updated"
    job.save(
        warnings=tuple(job.warnings),
        done=done if job.changed else "unchanged",
        visibility=visibility,
        begun_at="",
    )
    return job.record


def _require_allowed(job: PublishJob, owner: str) -> None:
    if not any(fnmatchcase(owner.lower(), pattern.lower()) for pattern in job.order.owners):
        problem = f"HISHAMOS_PUBLISH_OWNERS allows {', '.join(job.order.owners)}, not {owner}"
        raise job.host.connection.error("not_allowed", problem)


def _rest(job: PublishJob, remote: Remote, git: RemoteGit, heads: dict[str, str]) -> str:
    """Settings, extra branches, the release; the first failure that will heal by itself ends it for now.

    Returns:
        The visibility that the repository has in the end.
    """
    target, work = job.order.target, _release(job, remote, git, heads)
    if job.record.adopted:
        # Whoever can write a brief can name a project; files that name it are no proof of whose the repository is.
        job.warn(
            "its settings, access and secrets stay as they are: only its files say that it is this project's"
        )
    else:
        work = [*_branches(job, remote, git, heads), *_settings(job, remote), *work]
    visibility = remote.visibility
    for name, wanted, apply in work:
        if wanted and job.record.settled.get(name) == wanted:
            continue
        try:
            job.step(f"set {name}", apply)
        except HostError as error:
            job.warn(f"{name}: {error}")
            if error.cause in TRANSIENT:
                job.warn("the rest is set when it is exported again")
                break
            continue
        if name == "visibility":
            visibility = target.visibility
        if wanted and not job.dry:
            job.save(settled={**job.record.settled, name: wanted})
    return visibility


def _branches(job: PublishJob, remote: Remote, git: RemoteGit, heads: Mapping[str, str]) -> list[Work]:
    """The extra branches that are not there yet."""
    start = heads.get(f"refs/heads/{remote.default_branch}", job.order.commit)
    refs = {extra.name: f"refs/heads/{extra.name}" for extra in job.order.target.branches}
    return [
        (f"branch {name}", "", partial(git.push, ref, start))
        for name, ref in refs.items()
        if ref not in heads
    ]


def _settings(job: PublishJob, remote: Remote) -> list[Work]:
    """What is to be set; what was set once and is not asked for any more stays, and is told."""
    for name in job.host.unknown(job.order.target):
        job.warn(f"{name}: {job.host.kind} has no such thing")
    found = list(job.host.settings(remote, job.order.target, job.order.secrets))
    names = {setting.name for setting in found}
    given = [name for name in job.record.settled if name.startswith(_GIVEN) and name not in names]
    for name in given:
        job.warn(f"{name} is not asked for any more; take it away on the host if it should go")
    if given:
        job.save(settled={name: wanted for name, wanted in job.record.settled.items() if name not in given})
    return [(s.name, "" if s.wanted is None else content_hash(s.wanted), s.apply) for s in found]


def _release(job: PublishJob, remote: Remote, git: RemoteGit, heads: Mapping[str, str]) -> list[Work]:
    """The tag and the release, once the commit is on the default branch."""
    release = job.order.target.release
    if release is None:
        return []
    name, wanted = f"release {release.tag}", content_hash(release.model_dump())
    if job.record.settled.get(name) == wanted:
        return []
    ref, commit = f"refs/tags/{release.tag}", job.order.commit
    tagged = heads.get(f"{ref}^{{}}", heads.get(ref, ""))
    theirs = heads.get(f"refs/heads/{remote.default_branch}", "")
    if tagged and tagged != commit and not (git.knows(tagged) and git.same_files(tagged, commit)):
        job.warn(f"{name}: that tag is on another commit, {tagged[:8]}; ask for another `tag`")
        return []
    if not tagged and not git.contains(theirs, commit):
        if not git.same_files(theirs, commit):
            job.warn(f"{name}: it waits until {commit[:8]} is on {remote.default_branch}")
            return []
        commit = theirs  # people have merged it in commits of their own

    def apply() -> None:
        if not tagged:
            git.push(ref, commit)
        url = job.host.release(
            remote, release, neutralize_mentions(release.notes) or messages.release_notes(job.order.told)
        )
        job.save(release_url=url)

    return [(name, wanted, apply)]
