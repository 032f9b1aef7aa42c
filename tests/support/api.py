"""An API with people in it: each role logged in, in two organizations."""

import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from hishamos_pipeline.accounts import passwords
from hishamos_pipeline.accounts.access_tokens import AccessToken, Delegation
from hishamos_pipeline.accounts.policy import actions_of
from hishamos_pipeline.api.app import create_app
from hishamos_pipeline.api.server import ApiServer
from hishamos_pipeline.application import organizations
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.roles import ROLES
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.run_history import FakeRuns
from tests.support.people import OPERATOR, PASSWORD


@dataclass(frozen=True)
class RunningApi:
    """An API without a server, its services, and clients by role: ``viewer`` to ``admin``, ``stranger``, ``operator``.

    ``stranger`` is an admin of another organization, whose project is ``bills``; ``notes`` is the others'.
    """

    app: FastAPI
    services: Services
    clients: dict[str, TestClient]
    runs: FakeRuns

    def __getitem__(self, role: str) -> TestClient:
        return self.clients[role]

    @property
    def nobody(self) -> TestClient:
        """A client that shows nothing."""
        return TestClient(self.app, base_url="https://testserver/api/v1", raise_server_exceptions=False)

    def client(self, token: str) -> TestClient:
        """A client that shows a token."""
        client = self.nobody
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def agent(
        self, role: str = "admin", *, scopes: Iterable[str] = ("admin",), project: str = ""
    ) -> TestClient:
        """A client that shows the token of an agent which acts for the person of a role."""
        email = f"{role}@example.org"
        user, now = self.services.store.users.named(email), self.services.store.clock.now()
        assert user is not None
        given = Delegation("coding", "task 1", f"user:{email}", project, actions_of(scopes))
        token = AccessToken(user.id, "default", now, now + timedelta(minutes=10), given)
        return self.client(self.services.signing_keys.sign(token))


@contextmanager
def running_api(settings: Settings, *, people: bool = True, **changed: Any) -> Iterator[RunningApi]:
    """An API over a store of its own; without ``people``, with those that it has."""
    many = {"agent_workers": 0, "api_per_minute": 1_000_000, "api_logins_per_minute": 100_000}
    secret = {"secret_keys": SecretStr(Fernet.generate_key().decode())}
    given = settings.model_copy(update={**many, **secret, **changed})
    services = Services(given)
    if people:
        _people(services)
    runs = FakeRuns()
    app = create_app(services, lambda: runs)
    made = RunningApi(app, services, {}, runs)
    with TestClient(app):  # so that the application begins and ends
        now = services.store.clock.now()
        for role in (*ROLES, "stranger", "operator") if people else ():
            user = services.store.users.named(f"{role}@example.org")
            assert user is not None
            organization = "acme" if role == "stranger" else "default"
            token = AccessToken(user.id, organization, now, now + timedelta(minutes=10))
            made.clients[role] = made.client(services.signing_keys.sign(token))
        yield made


@contextmanager
def served(api: RunningApi) -> Iterator[tuple[str, int]]:
    """The same API on a real server: its host and port."""
    server = ApiServer(api.app, api.services.settings, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server has not started"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield "127.0.0.1", port
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _people(services: Services) -> None:
    hashed = passwords.hashed(PASSWORD)
    organizations.add_organization(services, OPERATOR, "acme")
    for email, organization, role in [
        *((f"{role}@example.org", "default", role) for role in ROLES),
        ("stranger@example.org", "acme", "admin"),
        ("operator@example.org", "default", ""),
    ]:
        acting = services.acting_as(replace(OPERATOR, organization=organization))
        user = acting.store.users.add(
            email, email.partition("@")[0], password_hash=hashed, superuser=not role
        )
        if role:
            acting.store.organizations.set_role(user.id, role)  # type: ignore[arg-type]
    for organization, key in (("default", "notes"), ("acme", "bills")):
        acting = services.acting_as(replace(OPERATOR, organization=organization))
        acting.store.projects.submit(Idea(key=key, title=key), "test")


def token_of(client: TestClient) -> str:
    """The token that a client shows."""
    return str(client.headers["Authorization"]).removeprefix("Bearer ")


def settings_at(folder: Path, empty_store: Path | None = None) -> Settings:
    """Settings with a home of their own, where an empty store may be already."""
    (folder / "home").mkdir(parents=True)
    if empty_store:
        shutil.copy(empty_store, folder / "home" / "store.db")
    return Settings(home=folder / "home")


def claimed_by_many(api: RunningApi, workers: int) -> list[int]:
    """The numbers of agents' tasks as so many workers have claimed them at the same time, until none was left."""
    taken: list[int] = []

    def claim() -> None:
        store = ProjectStore(api.services.store.engine)
        while (found := store.agent_tasks.claim()) is not None:
            taken.append(found.task.id)

    threads = [threading.Thread(target=claim) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken
