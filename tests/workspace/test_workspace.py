"""Paths, trees and the project folder; every rule for paths has a case that breaks it."""

import multiprocessing
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import (
    PathError,
    ProjectBusyError,
    ProjectKeyError,
    StorageError,
    TreeLimitError,
)
from hishamos_pipeline.workspace.disk import replacing
from hishamos_pipeline.workspace.paths import check_collisions, check_path
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.tree import TreeLimits, tree_hash, write_tree


def entry(path: str, text: str = "x", **changes: object) -> TreeFile:
    facts = {"path": path, "sha256": sha256_text(text), "size": len(text)}
    return TreeFile.model_validate({**facts, **changes})


TEXTS = {sha256_text(text): text for text in ("x", "y")}


@pytest.mark.parametrize(
    "path",
    ["a", "src/pkg/__init__.py", ".github/workflows/ci.yml", "docs/é.md", "a b/c", "console.py", "gitignore"],
)
def test_good_paths(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "is empty"),
        ("/etc/passwd", "absolute"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a/./b", "'.'"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("C:/x", "drive"),
        ("c:x", "drive"),
        ("a\\b", "character"),
        ("a\0b", "NUL"),
        ("a\nb", "character"),
        ("a?b", "character"),
        ("CON", "device"),
        ("a/nul.txt", "device"),
        ("lpt1.tar.gz", "device"),
        (".git/config", "Git"),
        ("a/.GIT/hooks/x", "Git"),
        (".gitattributes", "Git"),
        ("git~1/x", "Git"),
        ("a.", "dot"),
        (" a", "space"),
        ("x" * 201, "longer than 200"),
        ("/".join("a" * 13), "deeper than 12"),
        ("é" * 101, "200 bytes"),
        (unicodedata.normalize("NFD", "é.md"), "NFC"),
        ("a\u202eb.py", "direction"),
        ("a\u200b.py", "nobody sees"),
        ("a\u00ad.py", "nobody sees"),
        ("a\U000e0041.py", "nobody sees"),
        ("-rf", "hyphen"),
        ("src/--help.py", "hyphen"),
    ],
)
def test_bad_paths(path: str, rule: str) -> None:
    with pytest.raises(PathError, match=rule):
        check_path(path)


@pytest.mark.parametrize("paths", [("a", "A"), ("a", "a"), ("a", "a/b"), ("a/b", "a"), ("Dir/x", "dir/X")])
def test_collisions(paths: tuple[str, ...]) -> None:
    with pytest.raises(PathError):
        check_collisions(paths)


@given(st.text(max_size=40))
def test_no_accepted_path_leads_out_of_the_tree(path: str) -> None:
    try:
        check_path(path)
    except PathError:
        return
    root = Path("/root-of-tree")
    assert (root / path).resolve().is_relative_to(root)


def test_a_tree_is_written_and_listed(tmp_path: Path) -> None:
    files = [entry("b/c.py"), entry("a.sh", "y", executable=True)]
    write_tree(tmp_path / "t", files, TEXTS, TreeLimits())
    assert (tmp_path / "t/b/c.py").read_text() == "x"
    assert os.access(tmp_path / "t/a.sh", os.X_OK)
    assert tree_hash(files) == tree_hash(files[::-1]) != tree_hash(files[:1])


@pytest.mark.parametrize(
    ("files", "limits", "name"),
    [
        ([entry("a"), entry("b")], TreeLimits(files=1), "HISHAMOS_MAX_FILES"),
        ([entry("a", size=11)], TreeLimits(file_bytes=10), "HISHAMOS_MAX_FILE_BYTES"),
        ([entry("a", size=6), entry("b", size=6)], TreeLimits(tree_bytes=10), "HISHAMOS_MAX_TREE_BYTES"),
    ],
)
def test_limits_name_their_setting_and_nothing_is_written(
    files: list[TreeFile], limits: TreeLimits, name: str, tmp_path: Path
) -> None:
    with pytest.raises(TreeLimitError, match=name):
        write_tree(tmp_path / "t", files, TEXTS, limits)
    assert not (tmp_path / "t").exists()


def test_a_bad_path_writes_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        write_tree(tmp_path / "t", [entry("ok"), entry("../evil")], TEXTS, TreeLimits())
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a").symlink_to(outside)
    with pytest.raises(OSError):
        write_tree(tmp_path / "t", [entry("a")], TEXTS, TreeLimits())
    assert outside.read_text() == "precious"


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    (tmp_path / "t").mkdir()
    big = entry("a", "x" * 100_000)
    original = os.open

    def full(path: object, flags: int, mode: int = 0o777, **rest: object) -> int:
        return original("/dev/full", os.O_WRONLY) if str(path).endswith("/a") else original(path, flags, mode)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(StorageError, match="disk is full"):
            write_tree(tmp_path / "t", [big], {big.sha256: "x" * 100_000}, TreeLimits())


def test_publishing_switches_at_once_and_keeps_no_old_version(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path, "notes")
    for text in ("one", "two"):
        with folder.staging("verified_build") as staging:
            (staging / "new").mkdir()
            (staging / "new/f").write_text(text)
            folder.publish_folder("tree", staging / "new", "v" + text)
        assert (folder.path("tree") / "f").read_text() == text
    assert len(list((folder.root / "versions").iterdir())) == 1
    assert not any((folder.root / "staging").iterdir())


def test_staging_begins_empty_after_a_crash(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path, "notes")
    left = folder.root / "staging" / "repository"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    with folder.staging("repository") as staging:
        assert list(staging.iterdir()) == []


def test_a_key_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ProjectKeyError):
        ProjectFolder(tmp_path, "../other")


def _hold(root: str, ready: object, release: object) -> None:
    with ProjectFolder(Path(root), "notes").lock("stories", wait_seconds=1):
        ready.set()  # type: ignore[attr-defined]
        release.wait(30)  # type: ignore[attr-defined]


def test_a_lock_is_held_across_processes_and_freed_by_death(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, release))
    process.start()
    assert ready.wait(30)
    folder = ProjectFolder(tmp_path, "notes")
    with (
        pytest.raises(ProjectBusyError, match="HISHAMOS_LOCK_SECONDS"),
        folder.lock("stories", wait_seconds=0.1),
    ):
        pass
    process.kill()
    process.join()
    with folder.lock("stories", wait_seconds=5):
        pass


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "note", tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    target.symlink_to(elsewhere)
    with replacing(target) as fresh:
        fresh.write_text("one")
    assert target.read_text() == "one" and elsewhere.read_text() == "not ours"
    with pytest.raises(OSError, match="full"), replacing(target) as fresh:
        fresh.write_text("tw")
        raise OSError("disk full")
    assert target.read_text() == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "note"]
