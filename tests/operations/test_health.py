"""The doctor's questions about what runs for weeks: clock, daemon, notifications."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from dagster._core.instance import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from hishamos_pipeline.application.health import _clock, _credentials, _notifications
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import CredentialError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.resources.run_history import DagsterRuns
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.notifications.repository import TRIES
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.clock import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def services(settings: Settings, store: ProjectStore) -> Services:
    made = Services(settings)
    made.__dict__["store"] = store
    return made


def test_a_clock_that_jumped_back_is_noticed(services: Services, clock: FixedClock) -> None:
    services.store.projects.submit(Idea(key="notes", title="Notes"), "test")
    assert "UTC" in _clock(services)
    clock.advance(timedelta(hours=-1))
    with pytest.raises(RuntimeError, match="3600 s behind"):
        _clock(services)


def test_notifications_that_could_not_be_sent_are_reported(services: Services, clock: FixedClock) -> None:
    notifications = services.store.notifications
    notifications.add("run/1", ["ops"], event="run.failed", project="p", run_id="1", step="", reason="x")
    assert "1 waiting" in _notifications(services)
    (row,) = notifications.newest(1)
    for _ in range(TRIES):
        notifications.failed(row.id, "away")
    with pytest.raises(RuntimeError, match="1 notifications could not be sent"):
        _notifications(services)


def test_keys_that_do_not_fit_what_was_kept_are_noticed(services: Services) -> None:
    def with_keys(keys: str) -> Services:
        services.settings = services.settings.model_copy(update={"secret_keys": SecretStr(keys)})
        return services

    key, other = (Fernet.generate_key().decode() for _ in range(2))
    assert _credentials(with_keys("")) == "none are kept"
    with pytest.raises(CredentialError, match="not 32 url-safe base64 bytes"):
        _credentials(with_keys("short"))
    services.store.credentials.set("GITHUB_TOKEN", "a-secret-token", (key,))
    assert _credentials(with_keys(f"{other},{key}")) == "1 kept, and decrypted"
    for keys, message in (
        (other, "'GITHUB_TOKEN' cannot be decrypted"),
        ("", "HISHAMOS_SECRET_KEYS is not set"),
    ):
        with pytest.raises(CredentialError, match=message):
            _credentials(with_keys(keys))


def test_a_daemon_that_stopped_is_silent(instance: DagsterInstance) -> None:
    history = DagsterRuns(instance)
    assert "sensor" in history.silent_daemons()
    now = datetime.now(UTC).timestamp()
    for kind in instance.get_required_daemon_types():
        instance.add_daemon_heartbeat(DaemonHeartbeat(now, kind, "daemon-1", []))
    assert history.silent_daemons() == []
    instance.add_daemon_heartbeat(DaemonHeartbeat(now - 10_000, "SENSOR", "daemon-1", []))
    assert history.silent_daemons() == ["sensor"]
