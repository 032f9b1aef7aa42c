"""A backup and a restore, rehearsed: the scripts of ``deploy/`` on a real server, after everything was lost."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fakes.postgres import PostgresServer
from tests.support.commands import hishamos

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]


def script(name: str, folder: Path, url: str, home: Path) -> "subprocess.CompletedProcess[str]":
    scripts = sysconfig.get_path("scripts")
    environment = {
        **os.environ,
        "HISHAMOS_DATABASE_URL": url,
        "HISHAMOS_HOME": str(home / "state"),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }
    argv = [str(ROOT / "deploy" / name), str(folder)]
    return subprocess.run(argv, env=environment, cwd=home, capture_output=True, text=True)


def test_what_was_lost_is_back(tmp_path: Path, postgres: PostgresServer) -> None:
    url, storage = postgres.new_database(), f"file://{tmp_path}/bucket"
    variables = {"HISHAMOS_DATABASE_URL": url, "HISHAMOS_STORAGE_URL": storage}
    (tmp_path / "notes.md").write_text(
        "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n"
    )
    assert hishamos(tmp_path, "db", "upgrade", **variables).returncode == 0
    built = hishamos(tmp_path, "build", "notes.md", **variables)
    assert built.returncode == 0, built.stderr
    backup = tmp_path / "backup"
    done = script("backup", backup, url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (backup / "hishamos.dump").stat().st_mode & 0o077 == 0
    refused = script("restore", backup, url, tmp_path)
    assert refused.returncode == 1 and "not empty" in refused.stderr

    shutil.rmtree(tmp_path / "state")
    fresh = postgres.new_database()
    restored = script("restore", backup, fresh, tmp_path)
    assert restored.returncode == 0, restored.stderr
    assert "whole" in restored.stdout  # the audit log
    variables["HISHAMOS_DATABASE_URL"] = fresh
    again = hishamos(tmp_path, "build", "notes", **variables)
    assert again.returncode == 0 and "nothing to make" in again.stdout, again.stdout + again.stderr
    log = subprocess.run(
        ["git", "-C", tmp_path / "state" / "projects" / "notes" / "repository", "log", "--oneline"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert len(log.splitlines()) > 2
