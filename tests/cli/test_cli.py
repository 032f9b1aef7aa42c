"""The command line as a user types it; that a process ends as it does here is in test_whole_processes.py."""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from hishamos_pipeline.store.database import head_revision
from tests.conftest import ROOT
from tests.support.built import BuiltProject
from tests.support.commands import hishamos, hishamos_process

BRIEF = "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n- Play chess\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder to work in, with a brief."""
    (tmp_path / "notes.md").write_text(BRIEF)
    return tmp_path


def test_submit_and_list(home: Path) -> None:
    done = hishamos(home, "ideas", "submit", "notes.md")
    assert done.returncode == 0 and "accepted notes, revision 1" in done.stdout
    assert "unchanged" in hishamos(home, "ideas", "submit", "notes.md").stdout
    more = BRIEF + "- User can delete a note\n"
    other = hishamos(home, "ideas", "submit", "-", stdin=more)
    assert other.returncode == 2 and "notes.md and would be replaced" in other.stderr
    piped = hishamos(home, "ideas", "submit", "-", "--replace", "--json", stdin=more)
    expected = {"key": "notes", "revision": 2, "changed": True, "files": [], "notes": []}
    assert json.loads(piped.stdout) == expected
    (idea,) = json.loads(hishamos(home, "ideas", "list", "--json").stdout)
    assert (idea["key"], idea["revision"], idea["state"]) == ("notes", 2, "submitted")
    assert "notes" in hishamos(home, "ideas", "list").stdout
    plan = json.loads(hishamos(home, "plan", "notes", "--json").stdout)
    assert len(plan) == 14 and plan[0]["asset"] == "idea" and plan[0]["reason"] == "first revision"


def test_files_are_handed_in_with_a_brief(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "cities.csv").write_text("a,b\n")
    (home / "picture.png").write_bytes(b"\x89PNG\0")
    done = hishamos(home, "ideas", "submit", "notes.md", "--with", "data")
    assert "accepted notes, revision 1, with 1 file;" in done.stdout
    assert "unchanged" in hishamos(home, "ideas", "submit", "notes.md").stdout
    bad = hishamos(home, "ideas", "submit", "notes.md", "--with", "data", "--with", "picture.png")
    assert bad.returncode == 2 and "picture.png is no text in UTF-8" in bad.stderr
    taken_back = hishamos(home, "ideas", "submit", "notes.md", "--no-files", "--json")
    assert json.loads(taken_back.stdout)["files"] == []
    both = hishamos(home, "ideas", "submit", "notes.md", "--no-files", "--with", "data")
    assert both.returncode == 2 and "exclude one another" in both.stderr
    by_key = hishamos(home, "build", "notes", "--with", "data")
    assert by_key.returncode == 2 and "not the project's key" in by_key.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ideas", "submit", "nope.md"], 2, "cannot read nope.md"),
        (["ideas", "submit", "bad.yaml"], 2, "error: title: is missing"),
        (["build", "../x"], 2, "cannot read ../x"),
        (["build", "Not A Key"], 2, "try 'not-a-key'"),
        (["plan", "nope"], 3, "no project 'nope'"),
        (["projects", "show", "nope"], 3, "no project 'nope'"),
        (["files", "show", "nope", "x"], 3, "no project 'nope'"),
        (["export", "nope"], 3, "no project 'nope'"),
        (["approve", "nope", "stories"], 3, "no project 'nope'"),
        (["nonsense"], 2, "No such command"),
        (["build"], 2, "Missing argument"),
    ],
)
def test_errors_are_one_line_and_have_their_exit_code(
    home: Path, arguments: list[str], code: int, words: str
) -> None:
    (home / "bad.yaml").write_text("vision: x\n")
    done = hishamos(home, *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named(home: Path) -> None:
    done = hishamos(home, "projects", "list", HISHAMOS_MIN_COVERAGE="much")
    assert done.returncode == 2 and "HISHAMOS_MIN_COVERAGE" in done.stderr
    done = hishamos(home, "build", "notes.md", HISHAMOS_LLM="oracle:x")
    assert done.returncode == 6 and "HISHAMOS_LLM names 'oracle:x'" in done.stderr


def test_a_home_that_cannot_be_written(home: Path) -> None:
    (home / "state").write_text("a file")
    done = hishamos(home, "ideas", "submit", "notes.md")
    assert done.returncode == 5 and "HISHAMOS_HOME" in done.stderr


def test_the_database(home: Path) -> None:
    assert f"none, head {head_revision()}" in hishamos(home, "db", "current").stdout
    assert f"revision none -> {head_revision()}" in hishamos(home, "db", "upgrade").stdout
    assert json.loads(hishamos(home, "db", "current", "--json").stdout) == {
        "current": head_revision(),
        "head": head_revision(),
    }


@pytest.mark.slow
def _events_that_say(home: Path, text: str) -> int:
    """How many events of all runs hold a text."""
    found = 0
    for place in (home / "state" / "dagster" / "history" / "runs").glob("*-*.db"):
        with sqlite3.connect(place) as connection:
            query = "SELECT count(*) FROM event_logs WHERE event LIKE ? AND dagster_event_type IS NULL"
            found += connection.execute(query, (f"%{text}%",)).fetchone()[0]
        connection.close()
    return found


def test_build_look_and_export(home: Path) -> None:
    done = hishamos_process(home, "build", "notes.md")
    assert done.returncode == 0, done.stderr
    assert "made         tar_archive" in done.stdout and "2 of 3 implemented and verified" in done.stdout
    said = [line for line in done.stderr.splitlines() if line.startswith("info: check ")]
    assert any(re.match(r"info: check tests_pass \(\d+ tests, [\d.]+ s\) passed", line) for line in said), (
        done.stderr
    )
    assert not any("build_project" in line for line in said), (
        "what Dagster's events call it is no matter here"
    )
    assert _events_that_say(home, "check tests_pass (") == 1
    facts = json.loads(hishamos(home, "projects", "show", "notes", "--json").stdout)
    assert facts["state"] == "exported" and facts["tests"] > 0 and len(facts["checks"]) > 20
    assert [story["id"] for story in facts["deferred"]] == ["US-003"]
    assert {story["status"] for story in facts["backlog"]} == {"verified", "deferred"}
    traced = json.loads(hishamos(home, "trace", "notes", "--json").stdout)["rows"]
    assert {row["status"] for row in traced if row["story"]} == {"verified", "deferred"}, (
        "the backlog's words"
    )
    listed = json.loads(hishamos(home, "files", "list", "notes", "--json").stdout)
    assert "README.md" in [entry["path"] for entry in listed]
    assert hishamos(home, "files", "show", "notes", "README.md").stdout.startswith("# Notes")
    assert hishamos(home, "files", "show", "notes", "no.md").returncode == 3

    again = hishamos(home, "build", "notes")
    assert again.returncode == 0 and "up to date: nothing to make" in again.stdout

    out = home / "out"
    written = json.loads(hishamos(home, "export", "notes", "--output", str(out), "--json").stdout)
    assert len(written["files"]) == 5 and (out / "notes" / ".git").is_dir()
    with zipfile.ZipFile(out / "notes.zip") as archive:
        assert archive.testzip() is None
    assert hishamos(home, "export", "notes", "--to", "git", "--output", str(out)).returncode == 2

    (home / "notes.md").write_text(BRIEF + "- User can count notes\n")
    assert "accepted" in hishamos(home, "ideas", "submit", "notes.md").stdout
    refused = hishamos(home, "export", "notes")
    assert refused.returncode == 3 and "hishamos build notes" in refused.stderr
    assert hishamos(home, "build", "notes").returncode == 0
    log = subprocess.run(
        ["git", "-C", str(home / "state/projects/notes/repository"), "log", "--format=%s"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert log[0].startswith("docs: update ") and "count notes" in log[1] and log[1].startswith("feat(")
    assert len(log) == 5


@pytest.mark.slow
def test_a_damaged_archive_is_not_exported_but_made_again(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    archive = home / "state/projects/notes/notes.zip"
    data = bytearray(archive.read_bytes())
    data[100] ^= 0xFF
    archive.write_bytes(data)
    again = hishamos(home, "export", "notes", "--output", "out")
    assert again.returncode == 0 and "made         zip_archive" in again.stdout
    (line,) = (home / "out/notes.zip.sha256").read_text().splitlines()
    assert hashlib.sha256((home / "out/notes.zip").read_bytes()).hexdigest() == line.split()[0]
    shown = json.loads(hishamos(home, "artifacts", "show", "notes", "zip_archive").stdout)
    assert shown["content"]["wanted"] is True
    assert hishamos(home, "approve", "notes", "stories", "--hash", "0000").returncode == 2


@pytest.mark.slow
def test_a_project_that_cannot_be_built_says_why(home: Path) -> None:
    (home / "game.md").write_text("# Game\n\n## Features\n- Play chess\n")
    done = hishamos(home, "build", "game.md")
    assert done.returncode == 1
    assert "game is blocked at stories" in done.stderr and "needs a language model" in done.stderr
    assert hishamos(home, "build", "game").returncode == 1
    (project,) = json.loads(hishamos(home, "projects", "list", "--json").stdout)
    assert (project["state"], project["failed_step"]) == ("blocked", "stories")


@pytest.mark.slow
def test_two_builds_of_one_project_wait_for_each_other(home: Path) -> None:
    hishamos(home, "ideas", "submit", "notes.md")
    environment = {**os.environ, "HISHAMOS_HOME": str(home / "state")}
    command = [sys.executable, "-m", "hishamos_pipeline.cli.main", "build", "notes"]
    first = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lock = home / "state/projects/notes/locks/build.lock"
    while not lock.exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = hishamos(home, "build", "notes")
    assert "another build of notes is running; waiting" in second.stderr
    assert second.returncode == 0 and "up to date" in second.stdout
    assert first.wait(600) == 0


@pytest.mark.slow
def test_doctor(home: Path) -> None:
    done = hishamos(home, "doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert {check["check"] for check in json.loads(done.stdout)} == {
        "python", "git", "home", "store", "engine", "models", "sandbox", "toolchain", "storage", "hosts", "dagster",
        "clock", "code server", "credentials", "daemon", "notifications", "workers",
    }  # fmt: skip
    lacking = hishamos_process(home, "doctor", "--json", PATH="/nonexistent")
    assert lacking.returncode == 5 and "install the package `git`" in lacking.stdout


@pytest.mark.slow
def test_git_missing_fails_the_step_and_is_made_up_for(home: Path) -> None:
    done = hishamos_process(home, "build", "notes.md", PATH="/nonexistent")
    assert done.returncode == 1 and "git is not installed" in done.stderr
    done = hishamos(home, "build", "notes")
    assert done.returncode == 0 and "up to date   requirements" in done.stdout
    assert "made         repository" in done.stdout


def test_the_reference_is_current() -> None:
    from scripts.reference import TARGET

    # In a process of its own: click's commands keep what they were first asked with.
    program = "import sys; from scripts.reference import reference; sys.stdout.write(reference())"
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert TARGET.read_text() == made.stdout, "run `make docs`"


def test_the_readme_names_real_commands() -> None:
    from hishamos_pipeline.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text()
    assert all(f"hishamos {name}" in readme for name in COMMANDS if name not in ("db", "dev"))
    assert "make test" in (ROOT / ".ci" / "run").read_text()
