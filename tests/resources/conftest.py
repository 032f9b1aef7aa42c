"""These tests run on SQLite and on a real PostgreSQL."""

from tests.databases import dagster_storage, database_url  # noqa: F401
