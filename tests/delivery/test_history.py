"""Reading a repository's history: with a real Git, and nothing that it could take for an option."""

from pathlib import Path

import pytest

from hishamos_pipeline.delivery.commits import BRANCH
from hishamos_pipeline.delivery.history import RepositoryHistory
from hishamos_pipeline.delivery.repository import git_module
from hishamos_pipeline.errors import DeliveryError

NAMED = "[a] *.txt"


@pytest.fixture
def history(tmp_path: Path) -> RepositoryHistory:
    """Two commits: of a file with an odd name, and of a change of it beside another file."""
    repo = git_module().Repo.init(tmp_path / "repository", initial_branch=BRANCH)
    with repo.config_writer() as config:
        config.set_value("user", "name", "Ann")
        config.set_value("user", "email", "ann@example.org")
    for subject, files in (
        ("Add the file", {NAMED: "one\ntwo\n"}),
        ("Change a line", {NAMED: "one\nthree\n", "other.txt": "x\n"}),
    ):
        for name, text in files.items():
            (tmp_path / "repository" / name).write_text(text)
        repo.git.add("--all")
        repo.git.commit("-m", subject)
    repo.close()
    return RepositoryHistory(tmp_path / "repository")


def test_commits_differences_and_lines(history: RepositoryHistory) -> None:
    newest, first = history.log().splitlines()
    assert newest.endswith(" Change a line") and first.endswith(" Add the file")
    assert history.log("other.txt") == newest
    assert history.log(NAMED).splitlines() == [newest, first], "a name is a name, and no pattern"
    assert history.log("*.txt") == ""
    difference = history.diff("HEAD~1", path=NAMED)
    assert "-two" in difference and "+three" in difference and "other.txt" not in difference
    assert "other.txt" in history.diff(first.split()[0], newest.split()[0])
    one, three = history.blame(NAMED).splitlines()
    assert one.lstrip("^")[:4] == first[:4] and three[:4] == newest[:4]


@pytest.mark.parametrize("name", ["--output=/tmp/x", "HEAD..main", "main:../x", "", "HEAD@{1}"])
def test_a_commit_is_a_commit(history: RepositoryHistory, name: str) -> None:
    with pytest.raises(DeliveryError, match="is no commit"):
        history.diff(name)


def test_what_is_not_there_is_told(history: RepositoryHistory, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="no such path"):
        history.blame("gone.txt")
    with pytest.raises(DeliveryError):
        history.blame("../../etc/passwd")
    with pytest.raises(DeliveryError, match="git diff: "):
        history.diff("abcdef")
    with pytest.raises(DeliveryError, match="no repository yet"):
        RepositoryHistory(tmp_path / "none").log()
