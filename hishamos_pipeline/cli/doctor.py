"""``hishamos doctor``: checks that everything HishamOS needs is there."""

import asyncio
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, settings
from hishamos_pipeline.errors import HishamosError, ModelSetupError
from hishamos_pipeline.generation.services import Services

_LEAST_FREE_MB = 200
_MOST_CLOCK_SECONDS = 30
_PING_SECONDS = 2.0
_NEED_STORE = ("clock", "credentials", "hosts", "dagster", "daemon", "notices")


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Check this machine, and whatever the settings name: models, storage, Git hosts; exit code 5 if one is amiss."""
    opened = Services(settings())
    results: list[tuple[str, bool, str]] = []
    checks: tuple[tuple[str, Callable[[Services], str]], ...] = (
        ("python", _python),
        ("git", _git),
        ("home", _home),
        ("store", _store),
        ("clock", _clock),
        ("credentials", _credentials),
        ("engine", _engine),
        ("models", _models),
        ("sandbox", _sandbox),
        ("toolchain", _toolchain),
        ("storage", _storage),
        ("hosts", _hosts),
        ("dagster", _dagster),
        ("daemon", _daemon),
        ("code server", _code_server),
        ("workers", _workers),
        ("notices", _notices),
    )
    for name, check in checks:
        if name in _NEED_STORE and ("store", False) in {(done, ok) for done, ok, _ in results}:
            results.append((name, False, "not looked at: the store comes first"))
            continue
        try:
            results.append((name, True, check(opened)))
        except (HishamosError, OSError, RuntimeError) as error:
            results.append((name, False, str(error)))
        except Exception as error:  # a doctor who faints helps nobody
            results.append((name, False, f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"))
    opened.close()
    if as_json:
        print_json([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in results])
    else:
        rows = [(name, "ok" if ok else "NOT OK", detail) for name, ok, detail in results]
        print_table(("check", "result", "detail"), rows)
    if not all(ok for _, ok, _ in results):
        raise click.exceptions.Exit(5)


def _python(_: Services) -> str:
    return platform.python_version()


def _git(_: Services) -> str:
    path = shutil.which("git")
    if path is None:
        raise RuntimeError("git is not installed: install the package `git`")
    return path


def _home(opened: Services) -> str:
    from hishamos_pipeline.workspace.tree import storage_errors

    home: Path = opened.settings.home
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"0")
    free = shutil.disk_usage(home).free // 1_000_000
    if free < _LEAST_FREE_MB:
        raise RuntimeError(
            f"{home} has {free} MB free, at least {_LEAST_FREE_MB} are needed: free some space"
        )
    return f"{home}, {free:,} MB free"


def _store(opened: Services) -> str:
    from hishamos_pipeline.store.database import current_revision

    store = opened.store
    return f"{store.engine.dialect.name}, revision {current_revision(store.engine)}"


def _clock(opened: Services) -> str:
    """Against the server's clock where there is one, otherwise against the newest thing that was written down."""
    store = opened.store
    now = store.clock.now()
    told = store.server_time()
    if told is not None:
        ahead, whose = (now - told).total_seconds(), "the database server's"
    else:
        entries = store.audit.newest(1)
        ahead, whose = (
            min((now - entries[0].at).total_seconds() if entries else 0.0, 0.0),
            "the newest entry's",
        )
    if abs(ahead) > _MOST_CLOCK_SECONDS:
        raise RuntimeError(
            f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {whose}: "
            "set it, and keep it right by NTP"
        )
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _credentials(opened: Services) -> str:
    """Whether the encryption keys fit what was kept with them; after a restore, they are another person's to find."""
    kept = opened.store.credentials.check(opened.settings.secret_key_list)
    return f"{kept} kept, and decrypted" if kept else "none are kept"


def _engine(opened: Services) -> str:
    return opened.engine.name


def _models(opened: Services) -> str:
    """Each model of the settings: key, price and shape without the network, then the provider's own list."""
    if not opened.asks_models:
        return "none: the blueprint engine answers"
    from hishamos_pipeline.authoring.model_engine import ModelEngine
    from hishamos_pipeline.llm.providers import PROVIDERS, model_names

    opened.check_models()
    assert isinstance(opened.engine, ModelEngine)
    for ref in opened.engine.models:
        names = asyncio.run(model_names(PROVIDERS[ref.provider], opened.access))
        if ref.name not in names and not any(name.startswith(ref.name) for name in names):
            raise ModelSetupError(
                f"{ref.provider} does not offer {ref.name!r} with this key: "
                f"`hishamos providers models {ref.provider}` lists what it does"
            )
    return ", ".join(map(str, opened.engine.models))


def _sandbox(opened: Services) -> str:
    """Opening it tries what it must not allow, on this machine."""
    sandbox = opened.sandbox
    if not sandbox.isolates:
        return f"{sandbox.name}: runs code UNPROTECTED, as HISHAMOS_SANDBOX says"
    return f"{sandbox.name}: tried, and no file, process, secret or connection was in reach"


def _toolchain(opened: Services) -> str:
    prepared = asyncio.run(opened.toolchains.prepare(()))
    assert prepared.toolchain is not None  # nothing was asked for that could be missing
    return str(prepared.toolchain.programs.parent)


def _storage(opened: Services) -> str:
    from hishamos_pipeline.workspace.storage import open_storage

    storage = open_storage(opened.settings)
    if storage is None:
        return "none: what is published is in the home alone"
    storage.check()
    return f"{storage.url}: written, read and removed a probe"


def _hosts(opened: Services) -> str:
    """The Git hosts that there is a token for."""
    from hishamos_pipeline.delivery.hosts.opening import open_host, patience_of

    patience, told = patience_of(opened.settings), []
    for name, host in opened.settings.hosts.items():
        if opened.key(host.token):
            git_host = open_host(name, opened.settings, opened.key, patience)
            account = git_host.account()
            git_host.require_scopes(account, with_workflows=True)
            told.append(f"{name} as {account.login}")
    return ", ".join(told) or "none: no token is set"


def _dagster(opened: Services) -> str:
    from hishamos_pipeline.jobs.home import prepare_dagster_home

    home = prepare_dagster_home(opened.settings)
    import dagster

    from hishamos_pipeline.cli.launch import load_job_definition

    with dagster.DagsterInstance.get():
        job = load_job_definition()
    return f"{dagster.__version__}, job {job.name}, home {home}"


def _daemon(opened: Services) -> str:
    """Whether what waits for the daemon can go on: sensors, the schedule, queued runs."""
    import dagster as dg

    from hishamos_pipeline.resources.run_history import DagsterRuns

    with dg.DagsterInstance.get() as instance:
        history = DagsterRuns(instance)
        silent, queued = history.silent_daemons(), history.unfinished()["queued"]
        waiting = len(opened.store.projects.waiting(1000))
    if silent and (queued or waiting):
        raise RuntimeError(
            f"{queued} runs are queued and {waiting} ideas wait, and nothing starts them ({', '.join(silent)} silent): "
            "start `hishamos dev`, or dagster-daemon"
        )
    return f"silent: {', '.join(silent)}; nothing waits for it" if silent else "beats"


def _code_server(opened: Services) -> str:
    """Whether the code server that webserver and daemon ask can be reached."""
    address = opened.settings.code_server
    if not address:
        return "none: webserver and daemon load the code themselves"
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PING_SECONDS).close()
    except OSError as error:
        raise RuntimeError(
            f"{address} cannot be reached ({error.strerror or error}): start `hishamos serve code-server`"
        ) from None
    return address


def _workers(opened: Services) -> str:
    """Whether somebody takes the runs that are handed to workers."""
    broker = opened.settings.celery_broker
    if not broker:
        return "none: runs are executed on this machine"
    from celery import Celery  # type: ignore[import-untyped]
    from kombu.exceptions import OperationalError

    app = Celery("dagster", broker=broker)
    try:
        found = app.control.ping(timeout=_PING_SECONDS)
    except (OperationalError, OSError) as error:
        raise RuntimeError(f"the broker cannot be reached ({error}): check HISHAMOS_CELERY_BROKER") from None
    if not found:
        raise RuntimeError("no worker answers: start `hishamos worker` on at least one machine")
    return ", ".join(sorted(name for answer in found for name in answer))


def _notices(opened: Services) -> str:
    """Whether people could be told of the failures of the last day."""
    found = opened.store.notices.by_status(opened.store.clock.now() - timedelta(days=1))
    if found["failed"]:
        raise RuntimeError(
            f"{found['failed']} notices could not be told: see `hishamos notices list`, and try `hishamos notices test`"
        )
    for name, channel in opened.settings.notify.items():
        if channel.variable and not opened.key(channel.variable):
            raise RuntimeError(
                f"{name}: {channel.variable} is empty: set it, or `hishamos credentials add {channel.variable}`"
            )
    return f"{', '.join(opened.settings.notify) or 'no channel'}; {found['waiting']} waiting"
