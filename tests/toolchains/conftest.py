"""What runs in the sandbox here runs each time: that is what these tests are about."""

import pytest


@pytest.fixture(autouse=True)
def remembered_outcomes() -> None:
    """Nothing is remembered."""
