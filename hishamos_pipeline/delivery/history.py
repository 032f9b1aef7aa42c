"""The history of a project's repository, for reading: commits, what differs, and which commit a line is of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.delivery.commits import BRANCH
from hishamos_pipeline.delivery.repository import git_module, open_repository
from hishamos_pipeline.errors import DeliveryError

if TYPE_CHECKING:
    from git import Repo

_COMMIT = re.compile(r"[0-9a-f]{4,40}|HEAD(~[0-9]{1,4})?")
_MOST_COMMITS = 100
_SECONDS = 20


class RepositoryHistory:
    """Reads the history of a repository.

    Args:
        path: the repository's folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def log(self, path: str = "") -> str:
        """The newest commits, of one file if it is named: hash, date, subject.

        Raises:
            DeliveryError: there is no repository yet.
        """
        shown = ("--format=%h %cs %s", f"--max-count={_MOST_COMMITS}")
        return self._asked("log", *shown, BRANCH, "--", *_paths(path))

    def diff(self, since: str, until: str = "HEAD", path: str = "") -> str:
        """What differs between two commits, of one file if it is named.

        Raises:
            DeliveryError: there is no repository yet, or no such commit.
        """
        commits = [_commit(name) for name in (since, until)]
        return self._asked("diff", "--no-ext-diff", "--no-textconv", *commits, "--", *_paths(path))

    def blame(self, path: str) -> str:
        """The lines of a file, each with the commit that it is of.

        Raises:
            DeliveryError: there is no repository yet, or no such file.
        """
        return self._asked("blame", "-s", BRANCH, "--", path)

    def _asked(self, command: str, *arguments: str) -> str:
        with self._opened() as repo:
            try:
                found: Any = getattr(repo.git, command)(*arguments, kill_after_timeout=_SECONDS)
            except git_module().exc.GitCommandError as error:
                said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")
                raise DeliveryError(f"git {command}: {said.splitlines()[0] if said else 'failed'}") from None
            return str(found)

    @contextmanager
    def _opened(self) -> "Iterator[Repo]":
        if not self._path.is_dir():
            raise DeliveryError("there is no repository yet: the project was not built so far")
        repo = open_repository(self._path)
        try:
            yield repo
        finally:
            repo.close()


def _commit(name: str) -> str:
    """A commit as somebody names it; nothing that Git could take for an option or a range."""
    if not _COMMIT.fullmatch(name):
        raise DeliveryError(f"{name[:60]!r} is no commit: write a hash as `git_log` gives it, HEAD or HEAD~3")
    return name


def _paths(path: str) -> tuple[str, ...]:
    """A file as Git is told of it: by its name alone, whatever characters that has."""
    return (f":(literal){path}",) if path else ()
