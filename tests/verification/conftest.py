"""The fixtures of verification."""

import pytest

from tests.support.assembling import assembled  # noqa: F401


@pytest.fixture(autouse=True)
def remembered_outcomes() -> None:
    """Nothing is remembered: what runs in the sandbox here is what these tests are about."""
