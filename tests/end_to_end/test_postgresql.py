"""One setting puts both databases on a server: the project store and Dagster's own."""

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests.conftest import ROOT
from tests.fakes.postgres import PostgresServer, pgbouncer
from tests.support.commands import hishamos

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]


def test_a_project_is_built_on_a_server_behind_pgbouncer(tmp_path: Path, postgres: PostgresServer) -> None:
    """With the settings of deploy/pgbouncer.ini: migrations, both stores, locks, and a whole build."""
    database = postgres.new_database().rpartition("/")[2]
    with pgbouncer(postgres, database, ROOT / "deploy" / "pgbouncer.ini") as url:
        build_on(url, tmp_path)


def build_on(url: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(
        "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n"
    )
    behind = hishamos(tmp_path, "build", "notes.md", HISHAMOS_DATABASE_URL=url)
    assert behind.returncode == 5 and "hishamos db upgrade" in behind.stderr
    assert hishamos(tmp_path, "db", "upgrade", HISHAMOS_DATABASE_URL=url).returncode == 0
    built = hishamos(tmp_path, "build", "notes.md", HISHAMOS_DATABASE_URL=url)
    assert built.returncode == 0, built.stdout + built.stderr
    again = hishamos(tmp_path, "build", "notes", HISHAMOS_DATABASE_URL=url)
    assert "up to date" in again.stdout
    doctor = json.loads(hishamos(tmp_path, "doctor", "--json", HISHAMOS_DATABASE_URL=url).stdout)
    assert {check["check"]: check["ok"] for check in doctor}["store"]
    assert not list((tmp_path / "state").rglob("*.db"))
    engine = create_engine(url)
    tables = set(inspect(engine).get_table_names())
    assert {"projects", "artifacts", "hishamos_version", "runs", "event_logs", "alembic_version"} <= tables
    with engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM projects")).scalar() == "exported"
        assert connection.execute(text("SELECT count(*) FROM runs WHERE status = 'SUCCESS'")).scalar() == 1
    engine.dispose()


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    url = "postgresql+psycopg2://nobody:secret@127.0.0.1:9/none"
    done = hishamos(tmp_path, "projects", "list", HISHAMOS_DATABASE_URL=url)
    assert done.returncode == 5 and "HISHAMOS_DATABASE_URL" in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr
