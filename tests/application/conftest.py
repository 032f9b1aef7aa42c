"""What the tests of use cases share."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from hishamos_pipeline.accounts import passwords
from tests.fakes.clock import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still at noon."""
    return FixedClock(datetime(2026, 11, 27, 12, 0, tzinfo=UTC))


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a hash costs is shown where passwords are tested; here it would take time and show nothing."""
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()
