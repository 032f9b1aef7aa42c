"""Bare repositories on disk: what a host reads of them and writes into them, by git's own commands."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# Nothing of the machine's own configuration reaches the hosts' repositories.
GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@hosts.test",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@hosts.test",
}
_CONFIG = """\
[core]
	repositoryformatversion = 0
	bare = true
	hooksPath = {hooks}
[http]
	receivepack = true
[receive]
	denyNonFastForwards = true
	procReceiveRefs = refs/
	fsckObjects = true
[gc]
	auto = 0
"""


@dataclass(frozen=True)
class Commit:
    """One commit, as git tells it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    name: str
    email: str
    at: datetime
    message: str


class Bare:
    """A bare repository."""

    def __init__(self, path: Path, hooks: Path, default_branch: str) -> None:
        self.path = path
        (path / "objects").mkdir(parents=True)
        (path / "refs").mkdir()
        (path / "config").write_text(_CONFIG.format(hooks=hooks))
        self.set_head(default_branch)

    def set_head(self, branch: str) -> None:
        """Make ``branch`` the one that a clone checks out."""
        (self.path / "HEAD").write_text(f"ref: refs/heads/{branch}\n")

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        """What a git command prints; raises when the command fails."""
        return self._run(*arguments, given=given).decode().strip()

    def _run(self, *arguments: str, given: bytes | None = None) -> bytes:
        command = ["git", "--git-dir", str(self.path), *arguments]
        return subprocess.run(
            command, input=given, capture_output=True, check=True, env=GIT_ENVIRONMENT
        ).stdout

    def _asked(self, *arguments: str) -> str | None:
        try:
            return self.git(*arguments)
        except subprocess.CalledProcessError:
            return None

    def refs(self, below: str) -> dict[str, str]:
        """Names and shas of branches (``heads``) or tags (``tags``)."""
        listed = self.git("for-each-ref", "--format=%(refname) %(objectname)", f"refs/{below}/")
        pairs = (line.split(" ") for line in listed.splitlines())
        return {name.removeprefix(f"refs/{below}/"): sha for name, sha in pairs}

    def sha(self, name: str) -> str | None:
        """The commit that a branch, tag or sha means."""
        return self._asked("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def contains(self, sha: str, ancestor: str) -> bool:
        """Whether one commit is another one's ancestor, or the same."""
        return self._asked("merge-base", "--is-ancestor", ancestor, sha) is not None

    def related(self, one: str, other: str) -> bool:
        """Whether two commits have history in common."""
        return self._asked("merge-base", one, other) is not None

    def commit(self, branch: str, files: Mapping[str, str], message: str) -> str:
        """Add a commit with these files changed to a branch, which need not exist."""
        who = f"{GIT_ENVIRONMENT['GIT_COMMITTER_NAME']} <{GIT_ENVIRONMENT['GIT_COMMITTER_EMAIL']}> now"
        stream = f"commit refs/heads/{branch}\ncommitter {who}\n".encode() + _data(message)
        if self.sha(f"refs/heads/{branch}"):
            stream += f"from refs/heads/{branch}^0\n".encode()
        for path, text in files.items():
            stream += f"M 100644 inline {path}\n".encode() + _data(text)
        self.git("fast-import", "--quiet", "--date-format=now", given=stream)
        return self.git("rev-parse", f"refs/heads/{branch}")

    def merge(self, base: str, head: str, message: str, *, squash: bool) -> str:
        """Merge one branch into another, as a merge commit or as a single one."""
        ours, theirs = f"refs/heads/{base}", f"refs/heads/{head}"
        tree = self.git("merge-tree", "--write-tree", ours, theirs)
        parents = ["-p", ours] if squash else ["-p", ours, "-p", theirs]
        sha = self.git("commit-tree", tree, *parents, "-m", message)
        self.set_ref(ours, sha)
        return sha

    def set_ref(self, ref: str, sha: str) -> None:
        """Make or move a ref."""
        self.git("update-ref", ref, sha)

    def drop_ref(self, ref: str) -> None:
        """Delete a ref."""
        self.git("update-ref", "-d", ref)

    def forced(self) -> list[tuple[str, str, str]]:
        """What the hook wrote down of pushes that would lose commits."""
        kept = self.path / "forced.jsonl"
        return [tuple(json.loads(line)) for line in kept.read_text().splitlines()] if kept.exists() else []

    def describe(self, sha: str) -> Commit:
        """A commit's data."""
        told = self.git("show", "--no-patch", "--format=%H%n%T%n%P%n%an%n%ae%n%cI%n%B", sha)
        commit, tree, parents, name, email, at, *message = told.split("\n")
        moment = datetime.fromisoformat(at)
        return Commit(commit, tree, tuple(parents.split()), name, email, moment, "\n".join(message))

    def file(self, name: str, path: str) -> tuple[str, bytes] | None:
        """A file's blob id and content at a branch, tag or commit."""
        blob = self._asked("rev-parse", "--verify", "--quiet", f"{name}:{path}")
        if blob is None or self.git("cat-file", "-t", blob) != "blob":
            return None
        return blob, self._run("cat-file", "blob", blob)


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%s\n" % (len(raw), raw)
