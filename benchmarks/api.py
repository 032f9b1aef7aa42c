"""The API against a bare FastAPI route that runs the same SQL; event streams; from a submission to a running build."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import requests
from fastapi import FastAPI
from sqlalchemy import event

from benchmarks.measure import HISHAMOS, Row
from benchmarks.operating import FILES, PROJECTS, fill
from hishamos_pipeline.accounts import passwords, tokens
from hishamos_pipeline.core.actor import this_user
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store import database
from tests.fakes.ports import free_port
from tests.fakes.postgres import postgres_server
from tests.support.api import running_api
from tests.support.building import build

_IDEA = Idea(key="p00000", title="Notes", features=("User can add a note", "User can list notes"))
_ASKED, _SECONDS, _STREAMS = 300, 3.0, 500
_PATHS = {
    "list of 50": "projects?limit=50&cursor=",
    "detail": "projects/p05000",
    "files, 50 of them": "projects/p05000/files?limit=50",
    "content of a file": "projects/p05000/files/pyproject.toml",
}


def bare(database_url: str, recorded: str) -> FastAPI:
    """An application whose routes run what was recorded, and answer the rows: nothing else is done."""
    engine, app = database.open_engine(database_url), FastAPI()
    statements = json.loads(Path(recorded).read_text())

    def add(name: str, steps: list[Any]) -> None:
        @app.get(f"/{name}")
        def route() -> list[Any]:
            found = []
            with engine.connect() as connection:
                for statement, parameters in steps:
                    given = tuple(parameters) if isinstance(parameters, list) else parameters
                    result = connection.exec_driver_sql(statement, given)
                    found.append([list(map(str, row)) for row in result] if result.returns_rows else [])
            return found

    for number, steps in enumerate(statements.values()):
        add(str(number), steps)
    return app


def _prepared(home: Path, database_url: str) -> tuple[Settings, str]:
    """An installation of many projects with a person, and their token."""
    settings = Settings(
        home=home, database_url=database_url, api_per_minute=10_000_000, api_logins_per_minute=10_000_000
    )
    if database_url:
        engine = database.open_engine(database_url)
        database.upgrade(engine)
        engine.dispose()
    services = Services(settings)
    services.store.projects.submit(_IDEA, "benchmark")
    asyncio.run(build(services.project(_IDEA.key)))
    fill(services.store.engine, PROJECTS, FILES)
    token = _person(services)
    services.close()
    return settings, token


def _person(services: Services) -> str:
    """Add a developer; the token that they show."""
    acting = services.acting_as(this_user("benchmark")).store
    user = acting.users.add("ann@example.org", "Ann")
    acting.organizations.set_role(user.id, "developer")
    token = tokens.new_token(tokens.API)
    ends = acting.clock.now() + timedelta(days=1)
    acting.logins.add_token(
        "benchmark", tokens.digest(token), token[:10], user.id, "default", ("write",), ends
    )
    return token


def _recorded(settings: Settings, token: str, target: Path) -> None:
    """Write down the statements of each request, those that find out who asks included."""
    found: dict[str, list[Any]] = {}
    with running_api(settings, people=False) as api:
        client, statements = api.client(token), []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            plain = parameters if isinstance(parameters, dict) else list(parameters)
            statements.append((statement, json.loads(json.dumps(plain, default=str))))

        event.listen(api.services.store.engine, "before_cursor_execute", note)
        for name, path in _PATHS.items():
            client.get(path)  # what is noted once a minute is noted now
            statements.clear()
            assert client.get(path).status_code == 200, path
            found[name] = [s for s in statements if not s[0].startswith(("BEGIN", "PRAGMA", "UPDATE"))]
    target.write_text(json.dumps(found))


@contextmanager
def _server(
    command: Sequence[str], home: Path, port: int, path: str, **variables: str
) -> Iterator[psutil.Process]:
    environment = {**os.environ, "HISHAMOS_HOME": str(home), "HISHAMOS_API_PER_MINUTE": "10000000",
                   "HISHAMOS_API_LOGINS_PER_MINUTE": "10000000", **variables}  # fmt: skip
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with suppress(requests.ConnectionError):
                    requests.get(f"http://127.0.0.1:{port}{path}", timeout=5)
                    break
                time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _timed(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    assert session.get(url, timeout=30).status_code == 200, url
    return time.perf_counter() - began


def _rate(url: str, headers: dict[str, str], clients: int) -> float:
    """Requests in a second that so many clients get answered."""
    counts, until = [0] * clients, time.perf_counter() + _SECONDS

    def ask(number: int) -> None:
        with requests.Session() as session:
            session.headers.update(headers)
            while time.perf_counter() < until:
                assert session.get(url, timeout=60).status_code == 200
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / _SECONDS


def _requests(root: Path, database_url: str, where: str) -> list[Row]:
    home = root / where
    settings, token = _prepared(home, database_url)
    recorded = root / f"{where}.json"
    _recorded(settings, token, recorded)
    ours, theirs = free_port(), free_port()
    variables = {"HISHAMOS_DATABASE_URL": database_url} if database_url else {}
    serve = [*HISHAMOS, "serve", "api", "--port", str(ours)]
    plain = [sys.executable, "-m", "benchmarks.api", "bare", settings.store_url, str(recorded), str(theirs)]
    rows = []
    headers = {"Authorization": f"Bearer {token}"}
    with (
        _server(serve, home, ours, "/api/v1/health", **variables),
        _server(plain, home, theirs, "/0"),
        requests.Session() as asking,
        requests.Session() as bare_asking,
    ):
        asking.headers.update(headers)
        for number, (name, path) in enumerate(_PATHS.items()):
            pairs = [
                (_timed(asking, f"http://127.0.0.1:{ours}/api/v1/{path}"), _timed(bare_asking, f"http://127.0.0.1:{theirs}/{number}"))
                for _ in range(_ASKED)
            ]  # fmt: skip
            mine, bares = _p95([pair[0] for pair in pairs]), _p95([pair[1] for pair in pairs])
            statements = len(json.loads(recorded.read_text())[name])
            rows.append(
                Row(f"API, {name}, {PROJECTS:,} projects and {FILES:,} files, {where}: p95 against a bare route",
                    f"{mine / bares:.2f} ({mine * 1000:.1f} / {bares * 1000:.1f} ms; {statements} statements)",
                    "at most 2", mine / bares <= 2)
            )  # fmt: skip
        for clients in (1, 16, 64):
            mine = _rate(f"http://127.0.0.1:{ours}/api/v1/projects?limit=50", headers, clients)
            bares = _rate(f"http://127.0.0.1:{theirs}/0", {}, clients)
            rows.append(
                Row(f"API, list of 50, {where}: requests a second of {clients} clients, against the bare route",
                    f"{mine / bares:.2f} ({mine:.0f} / {bares:.0f})", "told", True)
            )  # fmt: skip
    return rows


def _streams(root: Path) -> Row:
    """Many open streams: what each takes, and how late events come."""
    home, port = root / "streams", free_port()
    settings, token = _small(home)
    serve = [*HISHAMOS, "serve", "api", "--port", str(port)]
    with _server(serve, home, port, "/api/v1/health") as process:
        before = process.memory_info().rss
        delays, used = asyncio.run(_follow(settings, token, port, process))
    late = _p95(delays)
    return Row(f"API, {_STREAMS} open event streams: memory each, and delay of an event (p95)",
               f"{(used - before) / _STREAMS / 1000:.0f} kB, {late * 1000:.0f} ms", "under 1 s", late < 1)  # fmt: skip


def _small(home: Path) -> tuple[Settings, str]:
    settings = Settings(home=home)
    services = Services(settings)
    token = _person(services)
    services.close()
    return settings, token


async def _follow(
    settings: Settings, token: str, port: int, process: psutil.Process
) -> tuple[list[float], int]:
    sent: dict[str, float] = {}
    delays: list[float] = []
    request = (
        f"GET /api/v1/events?kind=idea.submitted HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    )

    async def follow() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.encode())
        await writer.drain()
        while line := await reader.readline():
            if line.startswith(b"data: "):
                delays.append(time.perf_counter() - sent[json.loads(line[6:])["project"]])

    following = [asyncio.create_task(follow()) for _ in range(_STREAMS)]
    await asyncio.sleep(8)
    used = process.memory_info().rss
    services = Services(settings)
    for number in range(20):
        key = f"p{number}"
        sent[key] = time.perf_counter()
        await asyncio.to_thread(services.store.projects.submit, Idea(key=key, title=key), "benchmark")
        await asyncio.sleep(0.37)
    await asyncio.sleep(3)
    services.close()
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    assert len(delays) == 20 * _STREAMS, len(delays)
    return delays, used


def _begun(root: Path, times: int = 10) -> Row:
    """From a submission through the API to a build that runs."""
    home, port, api_port = root / "begun", free_port(), free_port()
    _, token = _small(home)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/markdown"}
    base, took = f"http://127.0.0.1:{api_port}/api/v1", []
    dev = [*HISHAMOS, "dev", "--port", str(port), "--api-port", str(api_port)]
    with _server(dev, home, api_port, "/api/v1/health"):
        time.sleep(20)  # until the daemon has begun
        for number in range(times):
            brief = f"# Project {number}\n\n## Features\n- User can add a note\n"
            began = time.perf_counter()
            key = requests.post(f"{base}/ideas", data=brief, headers=headers, timeout=30).json()["key"]
            while _status(base, key, headers) == "requested":
                time.sleep(0.1)
            took.append(time.perf_counter() - began)
            while _status(base, key, headers) == "running":
                time.sleep(0.5)
    late = _p95(took)
    return Row("API, from a submission to a build that runs, one at a time: p95 of 10", f"{late:.1f} s (median "
               f"{statistics.median(took):.1f} s)", "under 6 s", late < 6)  # fmt: skip


def _status(base: str, key: str, headers: dict[str, str]) -> str:
    found = requests.get(f"{base}/build_requests?project={key}", headers=headers, timeout=30).json()["items"]
    return str(found[0]["status"])


def _process(root: Path) -> list[Row]:
    """What the process takes before anybody asks, and what a password does."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import hishamos_pipeline.api.app"], check=True)
        times.append(time.perf_counter() - began)
    home, port = root / "process", free_port()
    _small(home)
    with _server([*HISHAMOS, "serve", "api", "--port", str(port)], home, port, "/api/v1/health") as process:
        memory = process.memory_info().rss / 1e6
    costs = []
    for _ in range(10):
        began = time.perf_counter()
        passwords.hashed("correct horse battery staple")
        costs.append((time.perf_counter() - began) * 1000)
    cost = statistics.median(costs)
    return [
        Row(
            "API process: import, and memory when it has begun",
            f"{min(times):.1f} s, {memory:.0f} MB",
            "told",
            True,
        ),
        Row("a password's hash (argon2id)", f"{cost:.0f} ms", "50 to 150 ms", 50 <= cost <= 150),
    ]


def measure() -> list[Row]:
    """Everything about the API."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        root = Path(folder)
        return [
            *_requests(root, "", "SQLite"),
            *_requests(root, server.new_database(), "PostgreSQL"),
            _streams(root),
            _begun(root),
            *_process(root),
        ]


def main() -> None:
    """Serve the bare routes, for the other side of the comparison: ``bare URL FILE PORT``."""
    import uvicorn

    _, database_url, recorded, port = sys.argv[1:]
    uvicorn.run(bare(database_url, recorded), port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
