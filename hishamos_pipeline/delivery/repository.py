"""The local Git repository of a project."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hishamos_pipeline.core.artifacts.documents import Commit, SprintPlan, Stories, VerifiedBuild
from hishamos_pipeline.delivery import commits as plans
from hishamos_pipeline.delivery.commits import BRANCH, Identity, PlannedCommit
from hishamos_pipeline.errors import DeliveryError, ToolMissingError
from hishamos_pipeline.verification import provenance
from hishamos_pipeline.workspace.tree import storage_errors

if TYPE_CHECKING:
    from git import Repo

_LOCATIONS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
# Their mere presence means something, so that no value of ours could take it back.
_UNSAFE = ("GIT_SSL_NO_VERIFY", "GIT_TRACE_CURL_NO_DATA", "GIT_CURL_VERBOSE", "GIT_CONFIG_PARAMETERS")
# Whatever the machine's Git is configured to do (sign, run hooks, change line ends) must not matter.
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "TZ": "UTC",  # ZIP knows local times alone
    "GIT_CONFIG_COUNT": "4",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.autocrlf",
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_KEY_2": "gc.auto",
    "GIT_CONFIG_VALUE_2": "0",
    "GIT_CONFIG_KEY_3": "tar.umask",
    "GIT_CONFIG_VALUE_3": "0022",
}


def git_module() -> Any:
    """GitPython, imported late: it looks for git when it is imported.

    Raises:
        ToolMissingError: git is not installed.
    """
    if shutil.which("git") is None:
        raise ToolMissingError("git is not installed: install the package `git`")
    for name in (*_LOCATIONS, *_UNSAFE):
        os.environ.pop(name, None)  # inside a Git hook they would point at another repository
    import git

    return git


def open_repository(path: Path) -> "Repo":
    """Open a repository in an environment of its own.

    Raises:
        ToolMissingError: git is not installed.
        DeliveryError: there is no repository.
    """
    git = git_module()
    try:
        repo: Repo = git.Repo(path)
    except git.exc.GitError as error:
        raise DeliveryError(f"{path} is not a Git repository: {type(error).__name__}") from error
    repo.git.update_environment(**ENVIRONMENT)
    return repo


def looks_whole(path: Path) -> bool:
    """Whether a repository has objects, and our branch is known, at a glance; ``require_whole`` looks at all."""
    folder = path / ".git"
    objects = folder / "objects"
    if not any(objects.glob("pack/*.pack")) and not any(objects.glob("??/*")):
        return False
    return any((folder / name).is_file() for name in (f"refs/heads/{BRANCH}", "packed-refs"))


def require_whole(path: Path, head: str) -> None:
    """Make sure that a repository has every object of its history, and the commit that was recorded in it.

    Raises:
        DeliveryError: it has not.
    """
    repo = open_repository(path)
    try:
        repo.git.fsck("--full", "--no-dangling", "--no-progress")
        repo.git.merge_base("--is-ancestor", head, BRANCH)
    except git_module().exc.GitCommandError:
        raise DeliveryError(
            f"{path} is damaged: objects are missing or altered, or {head[:12]} is not in it any more. Move it away, "
            "and build again to have it made anew"
        ) from None
    finally:
        repo.close()


def build_repository(
    staged: Path,
    previous: Path | None,
    build: VerifiedBuild,
    texts: Mapping[str, str],
    *,
    stories: Stories,
    before: Stories | None = None,
    plan: SprintPlan,
    title: str,
    identity: Identity,
    start: datetime,
    now: datetime,
) -> tuple[Commit, ...]:
    """Make the repository in a staging folder and return all its commits, oldest first.

    The first build gets a commit for each story; a later one gets one for each story that has changed on top of what
    is there, and one for the rest, or none where nothing changed. History is never rewritten.

    Args:
        staged: the folder, which must not exist yet.
        previous: the published repository, if there is one.
        build: the verified tree.
        texts: its texts by SHA-256.
        stories: the backlog, for messages.
        before: the backlog that the last commit was made from, where it is known.
        plan: the sprints, for the order.
        title: of the project.
        identity: author and committer.
        start: time of the first build's first commit.
        now: time of a later build's commit.

    Raises:
        ToolMissingError: git is not installed.
        DeliveryError: git refused.
        StorageError: disk full or read-only.
    """
    git = git_module()
    try:
        with storage_errors(staged):
            if previous is None:
                repo: Repo = git.Repo.init(
                    staged,
                    env=ENVIRONMENT,
                    allow_unsafe_options=True,  # the empty template: no sample hooks
                    initial_branch=BRANCH,
                    template="",
                )
                repo.git.update_environment(**ENVIRONMENT)
                history: Sequence[PlannedCommit] = plans.first_history(build.files, stories, plan, title)
                _commit(repo, plans.fast_import(history, texts, identity, start))
            else:
                shutil.copytree(previous.resolve(), staged, symlinks=True)
                repo = open_repository(staged)
                if repo.is_dirty(untracked_files=True):
                    raise DeliveryError(
                        f"{previous} has changes that are not committed: commit or discard them, then build again"
                    )
                # Whatever branch somebody has checked out there, the pipeline's own is built upon.
                repo.git.symbolic_ref("HEAD", f"refs/heads/{BRANCH}")
                repo.git.reset("--hard", "--quiet")
                history = _difference(repo, build, texts, stories, before)
                if history:
                    _commit(repo, plans.fast_import(history, texts, identity, now, f"refs/heads/{BRANCH}^0"))
        commits = _commits(repo)
        repo.close()
    except git.exc.GitCommandError as error:
        raise DeliveryError(f"git refused: {error.stderr.strip()[:500]}") from error
    return commits


def write_bundle(source: Path, target: Path) -> None:
    """Write a repository's whole history as one file.

    Raises:
        DeliveryError: git refused.
    """
    repo = open_repository(source)
    try:
        repo.git.bundle("create", "--quiet", str(target.absolute()), "--branches", "--tags", "HEAD")
    except git_module().exc.GitCommandError as error:
        raise DeliveryError(f"git cannot bundle {source}: {error.stderr.strip()[:300]}") from error
    finally:
        repo.close()


def from_bundle(bundle: Path, target: Path, head: str) -> None:
    """Make a repository from a bundle; nothing but commits, branches and tags comes from it.

    Raises:
        DeliveryError: it is no bundle, or does not lead to that head.
    """
    git = git_module()
    repo: Repo = git.Repo.init(
        target, env=ENVIRONMENT, allow_unsafe_options=True, initial_branch=BRANCH, template=""
    )
    repo.git.update_environment(**ENVIRONMENT)
    try:
        wanted = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        repo.git.fetch("--quiet", "--update-head-ok", str(bundle.absolute()), *wanted)
        if repo.heads[BRANCH].commit.hexsha != head:
            raise DeliveryError(f"{bundle.name} does not lead to {head}")
        repo.git.fsck("--strict", "--no-dangling")
        repo.git.reset("--hard", "--quiet", BRANCH)
    except (git.exc.GitCommandError, IndexError) as error:
        raise DeliveryError(f"{bundle.name} is no bundle of the project: {error}") from error
    finally:
        repo.close()


def require_unchanged(published: Path, staged: Path) -> None:
    """Make sure that nobody has committed to the published repository since it was copied.

    Raises:
        DeliveryError: somebody has; nothing of theirs is lost, since nothing was published.
    """
    if not (published / ".git").is_dir():
        return
    before, after = open_repository(published), open_repository(staged)
    ours = f"refs/heads/{BRANCH}"
    moved = [
        ref.path
        for ref in before.references
        if ref.path != ours and ref.commit.hexsha not in {other.commit.hexsha for other in after.references}
    ]
    if before.heads[BRANCH].commit.hexsha not in after.git.rev_list(BRANCH).split():
        moved.append(ours)
    before.close()
    after.close()
    if moved:
        raise DeliveryError(f"{published}: {', '.join(moved)} moved while it was built upon; build again")


def tree_of(repo: "Repo") -> dict[str, tuple[str, str]]:
    """Mode and blob id of every file at the head, by path."""
    listing = repo.git.ls_tree("-r", "-z", "HEAD")
    entries = {}
    for line in filter(None, listing.split("\0")):
        facts, path = line.split("\t", 1)
        mode, _, blob = facts.split(" ")
        entries[path] = (mode, blob)
    return entries


def blob_id(data: bytes) -> str:
    """The id that Git gives to a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _commit(repo: "Repo", stream: Any) -> None:
    with tempfile.TemporaryFile(dir=repo.git_dir) as spool:
        plans.write_stream(spool, stream)
        spool.seek(0)
        repo.git.fast_import("--quiet", "--done", "--force", istream=spool)
    repo.git.reset("--hard", "--quiet", BRANCH)


def _difference(
    repo: "Repo", build: VerifiedBuild, texts: Mapping[str, str], stories: Stories, before: Stories | None
) -> tuple[PlannedCommit, ...]:
    """What differs between the head and the verified tree; paths that we did not make stay."""
    old = tree_of(repo)
    made = _provenance_files(repo)
    new = {file.path: file for file in build.files}
    changed = []
    for file in build.files:
        mode = "100755" if file.executable else "100644"
        if old.get(file.path) != (mode, blob_id(texts[file.sha256].encode())):
            changed.append(file)
    removed = [path for path in sorted(made) if path in old and path not in new]
    if not changed and not removed:
        return ()
    return plans.changes(changed, removed, stories, old, before)


def _provenance_files(repo: "Repo") -> set[str]:
    """The files that the pipeline made, as the head itself records them."""
    try:
        return set(json.loads(repo.git.show(f"HEAD:{provenance.PATH}"))["files"])
    except (ValueError, KeyError, git_module().exc.GitCommandError):
        return set()


def _commits(repo: "Repo") -> tuple[Commit, ...]:
    """All commits of the branch, oldest first, with the story that each names if it names one."""
    log = repo.git.log("--reverse", "--format=%H%x1f%s%x1f%(trailers:key=Story,valueonly,separator=%x20)")
    commits = []
    for line in log.splitlines():
        sha, subject, named = line.split("\x1f")
        commits.append(Commit(sha=sha, subject=subject, story=named if " " not in named else ""))
    return tuple(commits)
