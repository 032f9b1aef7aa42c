"""Publishes a repository on a Git host: creates it or finds it again, brings the commits there, sets the rest.

Every step looks before it acts and is recorded when it is done, so that publishing again goes on where it ended, and a
second time with nothing new changes nothing. Creation and the commits are fatal; the rest is listed as warnings.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from hishamos_pipeline.core.hashing import content_hash
from hishamos_pipeline.core.target import Publication
from hishamos_pipeline.delivery import wording
from hishamos_pipeline.delivery.bringing import bring
from hishamos_pipeline.delivery.hosts.causes import HEALING, host_error
from hishamos_pipeline.delivery.hosts.interface import Account, Owner, Remote
from hishamos_pipeline.delivery.locating import locate
from hishamos_pipeline.delivery.publication import Publishing
from hishamos_pipeline.delivery.remote_git import RemoteGit
from hishamos_pipeline.errors import HostError

WORKFLOWS = ".github/workflows"


def publish(job: Publishing) -> Publication:
    """Publish, or find that all is done.

    Raises:
        HostError: the host refused or cannot be reached; what was done is recorded.
    """
    account = job.host.account()
    with_workflows = any((job.order.repository / WORKFLOWS).glob("*"))
    job.host.require_scopes(account, with_workflows=with_workflows)
    owner = job.host.owner(job.order.target.owner or account.login)
    _require_allowed(job, account, owner)
    remote = locate(job, owner)
    if remote is None:
        return job.record  # a dry run: there is nothing to look at yet
    with job.git(remote) as git:
        remote, heads = bring(job, remote, git)
        _rest(job, remote, git, heads)
    done = "created" if job.record.created and not job.record.done else "updated"
    target = job.order.target
    job.save(
        warnings=tuple(job.warnings),
        done=done if job.changed else "unchanged",
        visibility=target.visibility if "visibility" in target.model_fields_set else remote.visibility,
    )
    return job.record


def _require_allowed(job: Publishing, account: Account, owner: Owner) -> None:
    if owner.is_user and owner.path.lower() != account.login.lower():
        problem = f"{owner.path} is another user than the token's, {account.login}"
        raise host_error("permission", job.host.name, problem)
    if not any(fnmatchcase(owner.path.lower(), pattern.lower()) for pattern in job.order.owners):
        problem = f"HISHAMOS_PUBLISH_OWNERS allows {', '.join(job.order.owners)}, not {owner.path}"
        raise host_error("permission", job.host.name, problem)


def _rest(job: Publishing, remote: Remote, git: RemoteGit, heads: dict[str, str]) -> None:
    """Settings, extra branches, the release; the first failure that will heal by itself ends it for now."""
    work: list[tuple[str, str, Callable[[], object]]] = []
    for extra in job.order.target.branches:
        ref = f"refs/heads/{extra.name}"
        if ref not in heads:
            start = heads.get(f"refs/heads/{remote.default_branch}", job.order.commit)
            work.append((f"branch {extra.name}", "", lambda ref=ref, start=start: git.push(ref, start)))  # type: ignore[misc]
    for setting in job.host.settings(remote, job.order.target, job.order.secrets):
        work.append((setting.name, content_hash(setting.wanted), setting.apply))
    work += _release(job, remote, git, heads)
    for name, wanted, apply in work:
        if wanted and job.record.settled.get(name) == wanted:
            continue
        try:
            job.step(f"set {name}", apply)
        except HostError as error:
            job.warn(f"{name}: {error}")
            if error.cause in HEALING:
                job.warn("the rest is set when it is exported again")
                break
            continue
        if wanted and not job.dry:
            job.save(settled={**job.record.settled, name: wanted})


def _release(
    job: Publishing, remote: Remote, git: RemoteGit, heads: Mapping[str, str]
) -> list[tuple[str, str, Callable[[], object]]]:
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
        url = job.host.release(remote, release, release.notes or wording.release_notes(job.order.told))
        job.save(release_url=url)

    return [(name, wanted, apply)]


def drift(git: RemoteGit, commit: str, branch: str) -> list[str]:
    """Subjects of the commits on a branch of the host that are not in our commit's history, the newest first.

    Raises:
        HostError: the host cannot be reached.
    """
    theirs = git.heads().get(f"refs/heads/{branch}", "")
    if not theirs or theirs == commit:
        return []
    if not git.knows(theirs):
        git.fetch(f"refs/heads/{branch}")
    return git.log(git.merge_base(theirs, commit), theirs)
