"""Looking after an installation from the command line."""

import json
from pathlib import Path

import pytest

from tests.support.built import NOTES as BRIEF
from tests.support.built import BuiltProject
from tests.support.commands import hishamos

pytestmark = pytest.mark.slow


def test_a_project_is_archived_copied_and_deleted(tmp_path: Path, built_notes: BuiltProject) -> None:
    built_notes.copy_to(tmp_path)
    would = hishamos(tmp_path, "cleanup", "--dry-run", "--json")
    assert would.returncode == 0 and sum(kind["count"] for kind in json.loads(would.stdout).values()) == 0
    refused = hishamos(tmp_path, "projects", "delete", "notes", "--yes")
    assert refused.returncode == 2 and "projects archive notes" in refused.stderr
    assert hishamos(tmp_path, "projects", "archive", "notes").returncode == 0
    refused = hishamos(tmp_path, "projects", "delete", "notes", "--yes")
    assert refused.returncode == 2 and "--export-to" in refused.stderr
    done = hishamos(tmp_path, "projects", "delete", "notes", "--yes", "--export-to", "kept")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept" / "notes" / "repository" / ".git").is_dir()
    assert not (tmp_path / "state" / "projects" / "notes").exists()
    assert hishamos(tmp_path, "projects", "show", "notes").returncode == 3
    assert json.loads(hishamos(tmp_path, "projects", "list", "--json").stdout) == []
    built = hishamos(tmp_path, "build", "notes.md")
    assert built.returncode == 0, built.stderr


def test_notices_are_listed_and_tried(tmp_path: Path) -> None:
    assert hishamos(tmp_path, "notifications", "list").returncode == 0
    tried = hishamos(tmp_path, "notifications", "test", "log")
    assert tried.returncode == 0 and "nothing has failed" in tried.stderr
    unknown = hishamos(tmp_path, "notifications", "test", "pigeon")
    assert unknown.returncode == 2 and "log" in unknown.stderr
    channels = '{"ops": {"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "NO_KEY"}}'
    no_key = hishamos(tmp_path, "notifications", "test", "ops", HISHAMOS_NOTIFY=channels)
    assert no_key.returncode == 6 and "NO_KEY" in no_key.stderr


def test_the_secret_of_a_channel_is_kept_and_missed(tmp_path: Path) -> None:
    channels = '{"ops": {"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "OPS_KEY"}}'
    given = {
        "HISHAMOS_NOTIFY": channels,
        "HISHAMOS_SECRET_KEYS": "vRjRHVhl7yPpyHSyoz2x_1xVTRmbEIXHqS6HlGqhd5k=",
    }
    missing = json.loads(hishamos(tmp_path, "doctor", "--json", **given).stdout)
    (found,) = [item for item in missing if item["check"] == "notifications"]
    assert not found["ok"] and "credentials add OPS_KEY" in found["detail"]
    kept = hishamos(tmp_path, "credentials", "add", "OPS_KEY", stdin="whsec_c2VjcmV0\n", **given)
    assert kept.returncode == 0, kept.stderr
    there = json.loads(hishamos(tmp_path, "doctor", "--json", **given).stdout)
    assert {item["check"]: item["ok"] for item in there}["notifications"]


def test_the_doctor_stands_when_the_server_and_the_code_server_are_away(tmp_path: Path) -> None:
    away = {
        "HISHAMOS_DATABASE_URL": "postgresql+psycopg2://u@127.0.0.1:9/none",
        "HISHAMOS_CODE_SERVER": "127.0.0.1:9",
    }
    done = hishamos(tmp_path, "doctor", "--json", **away)
    assert done.returncode == 5 and "Traceback" not in done.stderr
    found = {item["check"]: item for item in json.loads(done.stdout)}
    assert not found["store"]["ok"] and "skipped" in found["dagster"]["detail"]
    assert "serve code-server" in found["code server"]["detail"]


def test_the_doctor_says_that_nothing_starts_what_waits(tmp_path: Path) -> None:
    fine = hishamos(tmp_path, "doctor", "--json")
    assert fine.returncode == 0, fine.stdout
    assert {"store", "clock", "daemon", "notifications"} <= {
        item["check"] for item in json.loads(fine.stdout)
    }
    assert hishamos(tmp_path, "ideas", "submit", "-", stdin=BRIEF).returncode == 0
    waits = hishamos(tmp_path, "doctor", "--json")
    (daemon,) = [item for item in json.loads(waits.stdout) if item["check"] == "daemon"]
    assert waits.returncode == 5 and not daemon["ok"] and "hishamos dev" in daemon["detail"]


def test_who_did_what_is_shown_and_verified(tmp_path: Path) -> None:
    assert hishamos(tmp_path, "ideas", "submit", "-", stdin=BRIEF).returncode == 0
    (entry,) = json.loads(hishamos(tmp_path, "audit", "list", "--json").stdout)
    assert (entry["action"], entry["subject"]) == ("idea.submit", "notes")
    whole = hishamos(tmp_path, "audit", "verify", "--head", entry["hash"])
    assert whole.returncode == 0 and entry["hash"] in whole.stdout
    cut = hishamos(tmp_path, "audit", "verify", "--head", "0" * 63 + "1")
    assert cut.returncode == 1 and "cut off" in cut.stderr
    figures = hishamos(tmp_path, "metrics", "--once")
    assert figures.returncode == 0 and 'hishamos_projects{state="submitted"} 1.0' in figures.stdout
