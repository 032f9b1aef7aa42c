"""Fixtures for folders whose tests run on both databases: the project store, and Dagster's own."""

from typing import Any

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind; the embedded one has no URL."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgres").new_database()
    return url


@pytest.fixture
def dagster_storage(database_url: str) -> dict[str, Any]:
    """What `instance_for_test` overrides so that Dagster's storage is where the store is."""
    return {"storage": {"postgres": {"postgres_url": database_url}}} if database_url else {}
