"""An API for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import RunningApi, running_api, settings_at


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[RunningApi]:
    """An API that a module's tests share: they leave its people as they are."""
    with running_api(settings_at(tmp_path_factory.mktemp("api"), empty_store)) as made:
        yield made


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[RunningApi]:
    """An API of a test's own."""
    with running_api(settings_at(tmp_path_factory.mktemp("api"), empty_store)) as made:
        yield made
