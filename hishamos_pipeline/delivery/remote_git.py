"""Git over HTTPS to a host: push, fetch and list, in a scratch repository, with the token in no command and no file.

The token is in the environment of git's own processes, and a program of two lines hands it over (``GIT_ASKPASS``). Git
follows no redirect, since it would ask that program for the other machine too; it runs no hook, stores no credential,
and speaks nothing but HTTPS.
"""

import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.delivery.hosts.causes import cause_of_git
from hishamos_pipeline.delivery.hosts.connection import Connection
from hishamos_pipeline.delivery.repository import ENVIRONMENT, git_module, open_repository

if TYPE_CHECKING:
    from git import Repo

_ASKPASS = """#!/bin/sh
case "$1" in [Uu]sername*) printf '%s\\n' "$HISHAMOS_GIT_USER" ;; *) printf '%s\\n' "$HISHAMOS_GIT_TOKEN" ;; esac
"""
# A connection that brings less than this for a minute is dead.
_LEAST_BYTES_A_SECOND, _SLOW_SECONDS = "1000", "60"
# What git tells of its progress.
_NOISE = re.compile(
    r"(Delta compression|Total \d|Enumerating|Counting|Compressing|Writing|Resolving|To https"
    # and what the library tells of its own
    r"|Cmd\(|cmdline:|std(?:out|err):|error: failed to push some refs)"
)
# So many commits of a history are looked at, the newest.
_LOOKED_AT = 200
_JOINED = "Joined-by: HishamOS"
_PUSHED = "refs/heads/pushed"
_HOST_REF = "refs/remotes/host/"


@dataclass(frozen=True)
class RemoteAccess:
    """What git needs to reach a repository on a host.

    Args:
        connection: the host, with its token.
        url: of the repository; HTTPS, with nothing secret in it.
        user: the user name that the host expects beside a token.
        seconds: the longest that one command may take.
    """

    connection: Connection
    url: str
    user: str
    seconds: int


class RemoteGit:
    """A project's repository and one on a host, side by side in a scratch repository; see ``opened``."""

    def __init__(self, repo: "Repo", access: RemoteAccess) -> None:
        self._repo, self._access = repo, access

    def heads(self) -> dict[str, str]:
        """Commit ids of the host's branches and tags by full name, such as ``refs/heads/main``.

        Raises:
            HostError: the repository cannot be reached.
        """
        listing = self._run(lambda: self._repo.git.ls_remote(
            "--heads", "--tags", self._access.url, kill_after_timeout=self._access.seconds
        ))  # fmt: skip
        pairs = (line.split("\t", 1) for line in str(listing).splitlines() if "\t" in line)
        return {name: commit for commit, name in pairs}

    def fetch(self, ref: str) -> None:
        """Bring a ref's history here, so that ``relation`` can look at it.

        Raises:
            HostError: it cannot be reached.
        """
        spec = f"+{ref}:{_HOST_REF}{ref.removeprefix('refs/')}"
        self._run(lambda: self._repo.git.fetch(
            "--no-tags", "--quiet", self._access.url, spec, kill_after_timeout=self._access.seconds
        ))  # fmt: skip

    def push(self, ref: str, commit: str) -> None:
        """Set a ref on the host to a commit, and never by force.

        Args:
            ref: full name, such as ``refs/heads/main``.
            commit: id of a commit that is here.

        Raises:
            HostError: with the host's own reason; ``moved_meanwhile`` where it has other history.
        """
        # GitPython drops what git says of a source that has no name.
        self._repo.git.update_ref(_PUSHED, commit)
        self._run(lambda: self._push(f"{_PUSHED}:{ref}"))

    def knows(self, commit: str) -> bool:
        """Whether a commit is here, from the project or fetched."""
        try:
            self._repo.git.cat_file("-e", f"{commit}^{{commit}}")
        except git_module().exc.GitCommandError:
            return False
        return True

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether a commit has another one in its history, or is that one; both must be known."""
        return self._repo.is_ancestor(self._repo.commit(ancestor), self._repo.commit(commit))

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that two have in common; empty if they have none."""
        found = self._repo.merge_base(one, other)
        return found[0].hexsha if found else ""

    def squashed(self, ours: str, theirs: str) -> str:
        """The commit with which a history came to have all that ours changes; empty if it has not.

        People may have merged ours as one commit of their own or replayed it, on top of commits that ours lacks: what
        counts is what ours changes, its files, or else its patches.
        """
        since = self.merge_base(ours, theirs)
        if not since or since == ours or not self.knows(ours):
            return ""
        changed = {path for _, path in self.changed(since, ours)}
        listed = str(self._repo.git.rev_list("--reverse", f"--max-count={_LOOKED_AT}", f"{since}..{theirs}"))
        for commit in listed.split():
            if not changed & {path for _, path in self.changed(commit, ours)}:
                return commit
        whole, single = self._patch_of(since, ours), set(self._patches(since, ours))
        there = self._patches(since, theirs)
        found = [there[patch] for patch in single if patch in there] if single <= there.keys() else []
        wanted = {there[whole]} if whole in there else set(found)
        return next((commit for commit in reversed(listed.split()) if commit in wanted), "")

    def external_commits(self, ours: str, theirs: str) -> list[str]:
        """Subjects of the commits that a history has and ours lacks, without merges, squashes and replays of ours."""
        objects = {
            line.split(" ")[0] for line in str(self._repo.git.rev_list("--objects", ours)).splitlines()
        }
        patches = self._patches("", ours).keys()
        theirs_by_patch = {commit: patch for patch, commit in self._patches(ours, theirs).items()}
        span = ("--no-merges", f"--max-count={_LOOKED_AT}", "--format=%H %s", f"{ours}..{theirs}")
        found = (line.partition(" ") for line in str(self._repo.git.log(*span)).splitlines())
        return [
            subject
            for commit, _, subject in found
            if theirs_by_patch.get(commit) not in patches and not self._brings_ours(commit, objects)
        ]

    def _brings_ours(self, commit: str, objects: Collection[str]) -> bool:
        """Whether all that a commit brings are contents that our history has, as a squash of it does."""
        raw = str(self._repo.git.diff_tree("-r", "--root", "--no-commit-id", "--raw", "--no-abbrev", commit))
        brought = [line.split()[3] for line in raw.splitlines() if line.split()[4][0] != "D"]
        return bool(brought) and set(brought) <= set(objects)

    def _patches(self, since: str, until: str) -> dict[str, str]:
        """Commits by the id of their patch, which is the same wherever it is applied; see ``git patch-id``."""
        span = f"{since}..{until}" if since else until
        return self._patch_ids("log", "-p", "--no-merges", f"--max-count={_LOOKED_AT}", span)

    def _patch_of(self, since: str, until: str) -> str:
        """The id of the patch from one commit to another."""
        return next(iter(self._patch_ids("diff", since, until)), "")

    def _patch_ids(self, command: str, *arguments: str) -> dict[str, str]:
        shown = self._repo.git.execute(["git", command, *arguments], stdout_as_string=False)
        with tempfile.TemporaryFile() as patches:
            patches.write(shown if isinstance(shown, bytes) else str(shown).encode())
            patches.write(b"\n")
            patches.seek(0)
            listing = str(self._repo.git.patch_id("--stable", istream=patches)).split()
        return dict(zip(listing[::2], listing[1::2], strict=True))

    def show(self, commit: str, path: str) -> str:
        """The text of a file in a commit; empty if there is none."""
        try:
            return str(self._repo.git.show(f"{commit}:{path}"))
        except git_module().exc.GitCommandError:
            return ""

    def same_files(self, one: str, other: str) -> bool:
        """Whether two commits hold the same files."""
        return bool(self._repo.commit(one).tree == self._repo.commit(other).tree)

    def log(self, since: str, commit: str) -> list[str]:
        """Subjects of the commits after ``since``, all of them where it is empty; the newest first."""
        span = f"{since}..{commit}" if since else commit
        return str(self._repo.git.log("--format=%s", "--max-count=200", span)).splitlines()

    def stories(self, since: str, commit: str) -> set[str]:
        """Ids of the stories that the commits after ``since`` name."""
        span = f"{since}..{commit}" if since else commit
        return set(str(self._repo.git.log("--format=%(trailers:key=Story,valueonly)", span)).split())

    def changed(self, since: str, commit: str) -> list[tuple[str, str]]:
        """Letter and path of the files that differ between two commits."""
        found = str(self._repo.git.diff("--name-status", "--no-renames", "-z", since, commit)).split("\0")
        return list(zip(found[::2], found[1::2], strict=False))

    def joined(self, ours: str, theirs: str, message: str) -> str:
        """A commit with our files whose parents are both histories, for a change that people can look at and merge."""
        return self._commit(self._repo.commit(ours).tree.hexsha, theirs, ours, f"{message}\n\n{_JOINED}")

    def over_squashed(self, squash: str, before: str, ours: str) -> str:
        """Our commit for people who have merged the one before it as one of their own; empty if that conflicts."""
        return self.merged(
            self._commit(self._repo.commit(squash).tree.hexsha, squash, before, "Merged as one"), ours
        )

    def is_joined(self, commit: str) -> bool:
        """Whether a commit is one of ``joined``, so that its files are ours alone."""
        found = self._repo.commit(commit)
        return (
            _JOINED in str(found.message)
            and len(found.parents) == 2
            and bool(found.tree == found.parents[1].tree)
        )

    def merged(self, theirs: str, ours: str) -> str:
        """A merge of two histories; empty if they conflict or have nothing in common."""
        try:
            tree = str(self._repo.git.merge_tree("--write-tree", theirs, ours)).split("\n")[0]
        except git_module().exc.GitCommandError:
            return ""
        return self._commit(tree, theirs, ours, "Merge what was made again")

    def _commit(self, tree: str, first: str, second: str, message: str) -> str:
        # As of the second parent, so that the same merge is the same commit.
        of = self._repo.commit(second)
        environment = {
            name: value
            for role in ("AUTHOR", "COMMITTER")
            for name, value in (
                (f"GIT_{role}_NAME", of.committer.name or "HishamOS"),
                (f"GIT_{role}_EMAIL", of.committer.email or ""),
                (f"GIT_{role}_DATE", f"{of.committed_date} +0000"),
            )
        }
        return str(
            self._repo.git.commit_tree(tree, "-p", first, "-p", second, "-m", message, env=environment)
        )

    def _push(self, spec: str) -> None:
        git = git_module()
        # Without a progress object, the lines of the host's hooks are lost, and the reason with them.
        progress = git.RemoteProgress()
        remote = git.Remote(self._repo, self._access.url)
        try:
            results = remote.push(spec, progress=progress, kill_after_timeout=self._access.seconds)
        except git.exc.GitCommandError as error:
            raise self._error(
                "\n".join([*progress.other_lines, *progress.error_lines, str(error.stderr)])
            ) from None
        failed = [
            info for info in results if info.flags & (info.ERROR | info.REJECTED | info.REMOTE_REJECTED)
        ]
        if failed or not results:
            said = [line for line in progress.other_lines if line.strip()]
            raise self._error("\n".join([*said, *(info.summary for info in failed), *progress.error_lines]))

    def _run(self, work: Any) -> Any:
        git = git_module()

        def once() -> Any:
            try:
                return work()
            except git.exc.GitCommandError as error:
                raise self._error(f"{error.stderr}\n{error.stdout}") from None

        # A command that was ended for taking too long would take as long again.
        return self._access.connection.retries.persist(once, repeat=False)

    def _error(self, text: str) -> Exception:
        lines = [
            line.removeprefix("remote:").strip(" '") for line in text.replace("stderr:", "").splitlines()
        ]
        said = (
            "; ".join(dict.fromkeys(line for line in lines if line.strip("-— ") and not _NOISE.match(line)))
            or "git has failed without a word"
        )
        cause = cause_of_git(text)
        return self._access.connection.error(cause, mask(said), done=cause == "timeout")


def end_git() -> None:
    """End every git that this process has started."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.name().startswith("git"):
                child.terminate()


@contextmanager
def opened(repository: Path, access: RemoteAccess) -> Iterator[RemoteGit]:
    """A scratch repository that borrows the objects of ``repository``, which itself is not touched.

    Raises:
        DeliveryError: ``repository`` is none.
        ToolMissingError: git is not installed.
    """
    git = git_module()
    with tempfile.TemporaryDirectory(prefix="hishamos-git-") as name:
        folder = Path(name)
        source = open_repository(repository)
        objects = Path(source.git.rev_parse("--absolute-git-dir")) / "objects"
        source.close()
        askpass = folder / "askpass"
        askpass.write_text(_ASKPASS)
        askpass.chmod(stat.S_IRWXU)
        scratch = folder / "scratch.git"
        repo: Repo = git.Repo.init(
            scratch, bare=True, env=ENVIRONMENT, allow_unsafe_options=True, template=""
        )
        (scratch / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (scratch / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        repo.git.update_environment(**_environment(access, askpass))
        try:
            yield RemoteGit(repo, access)
        finally:
            repo.close()


def _environment(access: RemoteAccess, askpass: Path) -> dict[str, str]:
    config = {
        "credential.helper": "",  # empty: whatever is configured is forgotten
        "core.hooksPath": os.devnull,
        "core.askPass": "",
        "http.followRedirects": "false",
        "http.sslVerify": "true",
        "http.lowSpeedLimit": _LEAST_BYTES_A_SECOND,
        "http.lowSpeedTime": _SLOW_SECONDS,
        "protocol.allow": "never",
        "protocol.https.allow": "always",
        "gc.auto": "0",
        "push.followTags": "false",
        "push.recurseSubmodules": "no",
    }
    numbered = {
        name: value
        for number, (key, setting) in enumerate(config.items())
        for name, value in ((f"GIT_CONFIG_KEY_{number}", key), (f"GIT_CONFIG_VALUE_{number}", setting))
    }
    return {
        **ENVIRONMENT,
        **numbered,
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_ASKPASS": str(askpass),
        "GIT_TRACE_REDACT": "1",
        "HISHAMOS_GIT_USER": access.user,
        "HISHAMOS_GIT_TOKEN": access.connection.token,
        "LC_ALL": "C",
        **({"GIT_SSL_CAINFO": access.connection.ca} if access.connection.ca else {}),
    }
