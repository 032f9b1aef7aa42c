"""Damaged databases, rows, trees and repositories: one sentence with the way out, or made whole by the next build."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.built import BuiltProject
from tests.support.commands import hishamos

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, built_notes: BuiltProject) -> Path:
    """A home with a built project."""
    return built_notes.copy_to(tmp_path)


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x07 no database " * 400)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


@pytest.mark.parametrize("damage", [_garbage, _cut])
@pytest.mark.parametrize("command", ["projects list", "build notes", "plan notes", "export notes"])
def test_a_damaged_store_is_one_sentence(home: Path, damage: Callable[[Path], None], command: str) -> None:
    store = home / "state" / "store.db"
    for journal in store.parent.glob("store.db-*"):
        journal.unlink()
    damage(store)
    done = hishamos(home, *command.split())
    assert done.returncode == 5 and "the project store is damaged" in done.stderr, done.stderr
    assert "backup" in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_dagsters_databases_are_told_apart_from_the_store(home: Path) -> None:
    for database in (home / "state" / "dagster").rglob("*.db"):
        _garbage(database)
    (home / "more.md").write_text("# More\n\n## Features\n- User can add a note\n")
    done = hishamos(home, "build", "more.md")
    said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 5 and said and "Dagster's storage cannot be used" in said[0], done.stderr
    assert hishamos(home, "projects", "list").returncode == 0
    shutil.rmtree(home / "state" / "dagster")
    assert hishamos(home, "build", "more").returncode == 0


@pytest.mark.parametrize("kind", ["requirements", "stories", "source_code", "verified_build", "repository"])
def test_a_damaged_row_is_made_again(home: Path, kind: str) -> None:
    with sqlite3.connect(home / "state" / "store.db") as connection:
        change = "UPDATE artifacts SET content = substr(content, 1, 60) WHERE kind = ?"
        assert connection.execute(change, (kind,)).rowcount
    connection.close()
    assert hishamos(home, "projects", "show", "notes").returncode == 0
    shown = hishamos(home, "artifacts", "show", "notes", kind)
    assert shown.returncode == 3 and f"{kind}@1 cannot be read" in shown.stderr
    assert f"{kind} " in hishamos(home, "plan", "notes").stdout
    done = hishamos(home, "build", "notes")
    assert done.returncode == 0, done.stderr
    assert hishamos(home, "artifacts", "show", "notes", kind).returncode == 0
    assert "nothing to make" in hishamos(home, "build", "notes").stdout


def _longer(path: Path) -> None:
    path.write_text(path.read_text() + "\nmore\n")


def _other(path: Path) -> None:
    path.write_text(path.read_text().swapcase())


@pytest.mark.parametrize("damage", [_longer, _other, Path.unlink])
def test_an_altered_tree_is_written_again(home: Path, damage: Callable[[Path], None]) -> None:
    path = home / "state" / "projects" / "notes" / "tree" / "README.md"
    before = path.read_text()
    damage(path)
    done = hishamos(home, "build", "notes")
    assert done.returncode == 0 and "nothing to make" in done.stdout, (
        "from the store: nothing is verified again"
    )
    assert path.read_text() == before


def test_a_repository_without_objects_is_kept_aside_and_made_anew(home: Path) -> None:
    folder = home / "state" / "projects" / "notes"
    for objects in (folder / "repository" / ".git" / "objects").iterdir():
        shutil.rmtree(objects)
    refused = hishamos(home, "export", "notes", "--output", str(home / "out"))
    assert refused.returncode == 3 and "repository would have to be made" in refused.stderr
    done = hishamos(home, "build", "notes")
    assert done.returncode == 0, done.stderr
    assert (folder / "damaged").is_dir() and "is kept as" in done.stderr + done.stdout
    assert hishamos(home, "export", "notes", "--output", str(home / "out")).returncode == 0
    assert (home / "out" / "notes" / "README.md").is_file()


def test_an_altered_object_leaves_in_no_export(home: Path) -> None:
    objects = home / "state" / "projects" / "notes" / "repository" / ".git" / "objects"
    victim = max(
        (path for path in objects.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    victim.chmod(0o644)
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    victim.write_bytes(bytes(raw))
    done = hishamos(home, "export", "notes", "--to", "git", "--output", str(home / "out"))
    assert done.returncode != 0 and "is damaged" in done.stderr and "Traceback" not in done.stderr
    assert not (home / "out" / "notes").exists()


def test_a_deep_check_reads_every_byte(home: Path) -> None:
    """What is seen at a glance is sizes and times; a byte of the same age and size is not."""
    assert hishamos(home, "repair", "notes").stdout == "nothing is damaged\n"
    folder = home / "state" / "projects" / "notes"
    for path in (folder / "tree" / "README.md", folder / "notes.zip"):
        facts = path.stat()
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(bytes(raw))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    done = hishamos(home, "doctor", "--deep", "--json")
    (found,) = [check for check in json.loads(done.stdout) if check["check"] == "projects"]
    assert done.returncode == 5 and not found["ok"]
    assert "verified_build: 1 of " in found["detail"] and "such as README.md" in found["detail"]
    assert "zip_archive: notes.zip differs" in found["detail"]
    told = hishamos(home, "repair")
    assert told.returncode == 0
    assert (
        "notes: verified_build: 1 of " in told.stdout and ": mended; what it was is kept as " in told.stdout
    )
    assert "zip_archive: notes.zip differs: run `hishamos build notes`" in told.stdout
    assert len(list((folder / "damaged").iterdir())) == 2
    assert hishamos(home, "build", "notes").returncode == 0
    assert hishamos(home, "repair").stdout == "nothing is damaged\n"
