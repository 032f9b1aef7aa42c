"""These tests run on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from hishamos_pipeline.settings import Settings
from tests.databases import dagster_storage, database_url  # noqa: F401
from tests.delivery.conftest import hosts  # noqa: F401
from tests.sensors.ticking import instance_of


@pytest.fixture
def instance(settings: Settings, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance."""
    with instance_of(settings, tmp_path / "dagster") as made:
        yield made
