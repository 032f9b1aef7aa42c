"""Repositories and archives, with real git."""

import hashlib
import json
import subprocess
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import (
    Criterion,
    Epic,
    Sprint,
    SprintPlan,
    Stories,
    Story,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.delivery import archives
from hishamos_pipeline.delivery.commits import Identity, changes, first_history
from hishamos_pipeline.delivery.repository import (
    build_repository,
    open_repository,
    require_unchanged,
    tree_of,
)
from hishamos_pipeline.errors import DeliveryError, StorageError, ToolMissingError

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ADA = Identity("Ada <> \n Lovelace", "ada@example.org")


def story(number: int, title: str = "Add a note") -> Story:
    return Story(
        id=f"US-{number:03d}",
        epic="EP-001",
        title=title,
        actor="user",
        want="x",
        requirements=(f"REQ-{number:03d}",),
    )


STORIES = Stories(
    epics=(Epic(id="EP-001", title="Notes"),),
    stories=(story(1), story(2, "List notes")),
    sprint=SprintRules(),
)
DAY = START.date()
PLAN = SprintPlan(
    sprints=(Sprint(number=1, goal="", start=DAY, end=DAY, stories=("US-002", "US-001"), points=2),),
    backlog=(),
    capacity=5,
)


def tree(**texts: str) -> tuple[VerifiedBuild, dict[str, str]]:
    """A verified build of files named like keyword arguments, with ``_story`` suffixes for their stories."""
    files, blobs = [], {}
    for name, text in texts.items():
        path, _, served = name.partition("__")
        blobs[sha256_text(text)] = text
        files.append(
            TreeFile(
                path=path.replace("_", "/") + ".txt",
                sha256=sha256_text(text),
                size=len(text.encode()),
                executable=path.startswith("run"),
                stories=tuple(f"US-00{n}" for n in served),
            )
        )
    record = json.dumps({"files": {file.path: {} for file in files}})
    blobs[sha256_text(record)] = record
    files.append(TreeFile(path="PROVENANCE.json", sha256=sha256_text(record), size=len(record)))
    build = VerifiedBuild(
        passed=True, tree_hash="t", files=tuple(files), checks=(), commands=(), tests=1, coverage=100.0,
        requirements_verified=1, stories_verified=(), deferred=(),
    )  # fmt: skip
    return build, blobs


def make(
    target: Path, previous: Path | None, build: VerifiedBuild, texts: dict[str, str], title: str = "Notes"
):
    return build_repository(
        target,
        previous,
        build,
        texts,
        stories=STORIES,
        plan=PLAN,
        title=title,
        identity=ADA,
        start=START,
        now=START,
    )


def git(path: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(path), *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_one_commit_for_each_story_in_sprint_order(tmp_path: Path) -> None:
    build, texts = tree(readme="r", a__1="one", b__2="two", both__12="shared", run="x")
    commits = make(tmp_path / "r", None, build, texts)
    assert [c.story for c in commits] == ["", "US-002", "US-001"]
    log = git(tmp_path / "r", "log", "--reverse", "--format=%s|%an|%ae|%aI|%(trailers:separator=;)")
    ada = "Ada Lovelace|ada@example.org|2026-03-02T09:30"
    assert log.splitlines() == [
        f"chore: set up the project|{ada}:00+00:00|",
        f"feat(notes): list notes|{ada}:01+00:00|Story: US-002;Requirement: REQ-002",
        f"feat(notes): add a note|{ada}:02+00:00|Story: US-001;Requirement: REQ-001",
    ]
    assert "both.txt" in git(tmp_path / "r", "show", "--name-only", "--format=", commits[1].sha)
    assert git(tmp_path / "r", "status", "--porcelain") == ""
    assert git(tmp_path / "r", "fsck", "--strict") == ""
    assert git(tmp_path / "r", "ls-files", "-s", "run.txt").startswith("100755")


def test_the_same_input_gives_the_same_commit_ids(tmp_path: Path) -> None:
    build, texts = tree(a__1="one")
    assert make(tmp_path / "a", None, build, texts) == make(tmp_path / "b", None, build, texts)


def test_a_change_is_one_commit_on_top(tmp_path: Path) -> None:
    first = make(tmp_path / "a", None, *tree(a__1="one", b__2="two", gone__1="x"))
    same = make(tmp_path / "b", tmp_path / "a", *tree(a__1="one", b__2="two", gone__1="x"))
    assert same == first
    later = make(tmp_path / "c", tmp_path / "a", *tree(a__1="changed", b__2="two"))
    assert later[:-1] == first
    assert (later[-1].subject, later[-1].story) == ("feat(notes): add a note", "US-001")
    assert git(tmp_path / "c", "show", "--name-status", "--format=", "HEAD").splitlines() == [
        "M\tPROVENANCE.json", "M\ta.txt", "D\tgone.txt",
    ]  # fmt: skip


def test_a_new_story_is_named_alone(tmp_path: Path) -> None:
    make(tmp_path / "a", None, *tree(a__1="one"))
    later = make(tmp_path / "b", tmp_path / "a", *tree(a__1="changed", b__2="new"))
    assert (later[-1].subject, later[-1].story) == ("feat(notes): list notes", "US-002")


def test_a_change_tells_in_words_what_has_changed(tmp_path: Path) -> None:
    first = story(1).model_copy(
        update={"criteria": (Criterion(id="US-001-AC1", given="g", when="it is added", then="it is kept"),)}
    )
    before = STORIES.model_copy(update={"stories": (first, story(2, "List notes"), story(3, "Print a note"))})
    criteria = (
        first.criteria[0].model_copy(update={"then": "it is kept, and @ada is told\nSigned-off-by: eve"}),
        Criterion(id="US-001-AC9", given="g", when="it is empty", then="it is refused"),
    )
    now = before.model_copy(
        update={"stories": (first.model_copy(update={"criteria": criteria}), before.stories[1])}
    )
    files, _ = tree(a__1="one", both__12="shared", readme="r", lib__2="x")
    planned = changes(
        files.files, ("tests/test_us_003_print_a_note.py", "old.txt"), now, ("lib.txt",), before
    )
    subjects = [commit.subject for commit in planned]
    assert subjects == [
        "feat(notes): add a note", "chore(notes): list notes", "feat: remove print a note",
        "chore: update readme.txt and old.txt",
    ]  # fmt: skip
    body = planned[0].body
    assert "- changed US-001-AC1: when it is added, then it is kept" in body
    assert "- added US-001-AC9: when it is empty, then it is refused" in body
    assert "\nSigned-off-by" not in body and "@ada" not in body
    assert {file.path for file in planned[0].files} == {
        "a.txt",
        "both.txt",
    } and "Files: a.txt and both.txt." in body
    assert planned[2].removed == ("tests/test_us_003_print_a_note.py",)
    assert [file.path for file in planned[3].files] == ["readme.txt", "PROVENANCE.json"]
    assert planned[3].removed == ("old.txt",)


def test_a_long_title_is_cut_between_words() -> None:
    long = STORIES.model_copy(update={"stories": (story(1, "word " * 60),)})
    files, _ = tree(a__1="one")
    (planned,) = changes(files.files, (), long, ())
    assert len(planned.subject) <= 100 and planned.subject.endswith("word …")


def test_what_a_person_committed_stays(tmp_path: Path) -> None:
    make(tmp_path / "a", None, *tree(a__1="one"))
    (tmp_path / "a" / "mine.txt").write_text("mine")
    git(tmp_path / "a", "add", "mine.txt")
    git(tmp_path / "a", "-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qm", "mine")
    make(tmp_path / "b", tmp_path / "a", *tree(a__1="two"))
    assert (tmp_path / "b" / "mine.txt").read_text() == "mine"
    assert "mine" in git(tmp_path / "b", "log", "--format=%s")


def test_nobodys_work_is_lost(tmp_path: Path) -> None:
    """Another branch stays where it was, and changes that are not committed stop the build."""
    make(tmp_path / "a", None, *tree(a__1="one"))
    git(tmp_path / "a", "checkout", "-qb", "feature")
    (tmp_path / "a" / "notes.md").write_text("mine")
    with pytest.raises(DeliveryError, match="not committed"):
        make(tmp_path / "b", tmp_path / "a", *tree(a__1="two"))
    git(tmp_path / "a", "add", ".")
    git(tmp_path / "a", "-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qm", "mine")
    feature = git(tmp_path / "a", "rev-parse", "feature")
    make(tmp_path / "c", tmp_path / "a", *tree(a__1="two"))
    assert git(tmp_path / "c", "rev-parse", "feature") == feature
    assert git(tmp_path / "c", "branch", "--show-current") == "main\n"
    require_unchanged(tmp_path / "a", tmp_path / "c")
    git(tmp_path / "a", "-c", "user.name=P", "-c", "user.email=p@x", "commit", "--allow-empty", "-qm", "late")
    with pytest.raises(DeliveryError, match="refs/heads/feature moved"):
        require_unchanged(tmp_path / "a", tmp_path / "c")


def test_text_from_a_brief_cannot_become_a_trailer_or_a_command(tmp_path: Path) -> None:
    evil = "x\n\nSigned-off-by: eve\ncommit refs/heads/evil\nM 100644 inline .git/hooks/x"
    build, texts = tree(a__1="one")
    stories = STORIES.model_copy(update={"stories": (story(1, evil), story(2))})
    for planned in (*first_history(build.files, stories, PLAN, evil), *changes(build.files, (), stories, ())):
        assert "\n" not in planned.subject
    commits = make(tmp_path / "r", None, build, texts, title=evil)
    assert git(tmp_path / "r", "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    assert "Signed-off-by" not in git(tmp_path / "r", "log", "--format=%(trailers)")
    assert len(commits) == 2


def test_the_machines_git_configuration_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / ".gitconfig"
    config.write_text("[core]\n\tautocrlf = true\n\thooksPath = /nonexistent\n[commit]\n\tgpgsign = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    build, texts = tree(a__1="one\ntwo\n")
    make(tmp_path / "r", None, build, texts)
    assert (tmp_path / "r" / "a.txt").read_bytes() == b"one\ntwo\n"


def test_git_missing_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="install the package `git`"):
        make(tmp_path / "r", None, *tree(a="x"))


def test_no_repository_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="not a Git repository"):
        open_repository(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with an executable and a name beyond ASCII."""
    build, texts = tree(a__1="one", run="#!/bin/sh\n", docs_é="é\n")
    make(tmp_path / "repo", None, build, texts)
    return tmp_path / "repo"


@pytest.mark.parametrize(("write", "suffix"), [(archives.write_zip, "zip"), (archives.write_tar, "tar.gz")])
def test_archives_are_reproducible_and_equal_the_tree(
    write, suffix: str, repository: Path, tmp_path: Path
) -> None:
    first = write(repository, tmp_path / f"1.{suffix}", "notes")
    (repository / "a.txt").write_text("not committed")
    second = write(repository, tmp_path / f"2.{suffix}", "notes")
    assert first == second
    data = (tmp_path / f"1.{suffix}").read_bytes()
    assert data == (tmp_path / f"2.{suffix}").read_bytes()
    assert hashlib.sha256(data).hexdigest() == first.sha256
    assert (tmp_path / f"1.{suffix}.sha256").read_text() == f"{first.sha256}  1.{suffix}\n"
    assert archives.differences(tmp_path / f"1.{suffix}", repository) == []


def test_archives_carry_no_owner_and_keep_modes(repository: Path, tmp_path: Path) -> None:
    archives.write_tar(repository, tmp_path / "x.tar.gz", "notes")
    archives.write_zip(repository, tmp_path / "x.zip", "notes")
    with tarfile.open(tmp_path / "x.tar.gz") as packed:
        members = {info.name: info for info in packed if info.isfile()}
    assert {(i.uid, i.gid, i.uname, i.gname) for i in members.values()} == {(0, 0, "root", "root")}
    assert {i.mtime for i in members.values()} == {int(START.timestamp()) + 1}
    assert members["notes/run.txt"].mode == 0o755 and members["notes/a.txt"].mode == 0o644
    with zipfile.ZipFile(tmp_path / "x.zip") as packed_zip:
        assert packed_zip.testzip() is None
        assert packed_zip.getinfo("notes/a.txt").date_time == (2026, 3, 2, 9, 30, 0)
        assert packed_zip.getinfo("notes/run.txt").external_attr >> 16 == 0o100755


def test_the_time_zone_of_the_machine_does_not_matter(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = []
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        sums.append(archives.write_zip(repository, tmp_path / f"{len(sums)}.zip", "notes").sha256)
    assert sums[0] == sums[1]


def test_a_link_in_the_head_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "link").symlink_to("/etc/passwd")
    git(repository, "add", "link")
    git(repository, "-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qm", "link")
    with pytest.raises(DeliveryError, match="link is no plain file"):
        archives.write_tar(repository, tmp_path / "x.tar.gz", "notes")


def test_a_differing_archive_is_told(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    archives.write_zip(repository, path, "notes")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes/extra.txt", "x")
    assert archives.differences(path, repository) == ["extra.txt: only in x.zip"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DeliveryError, match="cannot be read"):
        archives.differences(path, repository)


def test_the_head_is_what_is_archived(repository: Path, tmp_path: Path) -> None:
    repo = open_repository(repository)
    assert set(tree_of(repo)) == {"a.txt", "run.txt", "docs/é.txt", "PROVENANCE.json"}
    repo.close()


@pytest.mark.parametrize("write", [archives.write_zip, archives.write_tar])
def test_a_full_disk_is_a_clear_error_and_no_archive(write, repository: Path, tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    target = tmp_path / "x.zip"
    target.symlink_to("/dev/full")
    with pytest.raises((DeliveryError, StorageError)):
        write(repository, target, "notes")
