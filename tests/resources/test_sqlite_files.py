"""Dagster's SQLite files: they stay open during a run, and do not wait for the disk at each commit."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
from sqlalchemy import create_engine, text

from hishamos_pipeline.resources.sqlite_files import kept_open, wait_less_for_the_disk


def written_by_another(path: Path) -> bool:
    """Write as Dagster does, with a connection for each event; whether SQLite's log is left for the next one."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    return path.with_name(f"{path.name}-wal").exists()


def test_the_files_of_a_run_stay_open_until_it_ends(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run_id = dg.DagsterRun(job_name="any").run_id
        assert instance.all_logs(run_id) == []  # makes the run's file
        files = [path for path in tmp_path.rglob("*.db") if path.stem in (run_id, "index", "runs")]
        assert len(files) == 3
        with kept_open(instance, run_id):
            assert all(written_by_another(path) for path in files)
        assert not any(written_by_another(path) for path in files)


def test_an_instance_without_files_has_none_to_keep() -> None:
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance, "any"):
        pass


def test_commits_are_as_those_of_the_project_store(tmp_path: Path) -> None:
    wait_less_for_the_disk()
    engine = create_engine(f"sqlite:///{tmp_path / 'any.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
    engine.dispose()
