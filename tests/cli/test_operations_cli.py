"""Looking after an installation from the command line."""

import json
from pathlib import Path

import pytest

from tests.cli.command import hishamos

pytestmark = pytest.mark.slow
BRIEF = "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n"


def test_a_project_is_archived_copied_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(BRIEF)
    assert hishamos(tmp_path, "build", "notes.md").returncode == 0
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
    assert hishamos(tmp_path, "notices", "list").returncode == 0
    tried = hishamos(tmp_path, "notices", "test", "log")
    assert tried.returncode == 0 and "nothing has failed" in tried.stderr
    unknown = hishamos(tmp_path, "notices", "test", "pigeon")
    assert unknown.returncode == 2 and "log" in unknown.stderr
    channels = '{"ops": {"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "NO_KEY"}}'
    no_key = hishamos(tmp_path, "notices", "test", "ops", HISHAMOS_NOTIFY=channels)
    assert no_key.returncode == 6 and "NO_KEY" in no_key.stderr
