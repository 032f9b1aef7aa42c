"""Whether everything is there that HishamOS needs: this machine, and whatever the settings name."""

import asyncio
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.errors import HishamosError, ModelSetupError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.pages import PageQuery

if TYPE_CHECKING:
    from hishamos_pipeline.llm.providers import ModelRef

_LEAST_FREE_MB = 200
_MOST_CLOCK_SECONDS = 30
_PING_SECONDS = 2.0
# They are not looked at where the store cannot be opened.
_NEED_STORE = frozenset({"clock", "credentials", "hosts", "dagster", "daemon", "notifications", "projects"})
# What is found, in a few words; raises with what to do where something is missing.
Check = Callable[[Services], str]


class HealthCheck(View):
    """A check: whether all is well, and what was found."""

    check: str
    ok: bool
    detail: str


@requires("installation.operate")
def health(
    services: Services, actor: Actor, of_dagster: Mapping[str, Check], *, deep: bool = False
) -> list[HealthCheck]:
    """Check this machine and the installation.

    Args:
        services: the services.
        actor: whoever asks.
        of_dagster: the checks of Dagster by name; they are made where the others leave off.
        deep: whether every project's rows and files are read, too.
    """
    checks: Mapping[str, Check] = {
        "python": _python,
        "git": _git,
        "home": _home,
        "store": _store,
        "clock": _clock,
        "credentials": _credentials,
        "engine": _engine,
        "models": _models,
        "sandbox": _sandbox,
        "toolchain": _toolchain,
        "storage": _storage,
        "hosts": _hosts,
        **of_dagster,
        "code server": _code_server,
        "workers": _workers,
        "notifications": _notifications,
        **({"projects": _projects} if deep else {}),
    }
    results: list[HealthCheck] = []
    for name, check in checks.items():
        without_store = any(r.check == "store" and not r.ok for r in results)
        if name in _NEED_STORE and without_store:
            results.append(
                HealthCheck(check=name, ok=False, detail="skipped: the project store has to work first")
            )
        else:
            results.append(_checked(name, check, services))
    return results


def _checked(name: str, check: Check, services: Services) -> HealthCheck:
    try:
        return HealthCheck(check=name, ok=True, detail=check(services))
    except (HishamosError, OSError, RuntimeError) as error:
        return HealthCheck(check=name, ok=False, detail=str(error))
    except Exception as error:  # one check that breaks hides none of the others
        detail = f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"
        return HealthCheck(check=name, ok=False, detail=detail)


def _python(_: Services) -> str:
    return platform.python_version()


def _git(_: Services) -> str:
    path = shutil.which("git")
    if path is None:
        raise RuntimeError("git is not installed: install the package `git`")
    return path


def _home(services: Services) -> str:
    from hishamos_pipeline.workspace.tree import storage_errors

    home: Path = services.settings.home
    with storage_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"0")
    free = shutil.disk_usage(home).free // 1_000_000
    if free < _LEAST_FREE_MB:
        raise RuntimeError(
            f"{home} has {free} MB free, at least {_LEAST_FREE_MB} are needed: free some space"
        )
    others = "; others can read it: run `chmod 700` on it" if home.stat().st_mode & 0o077 else ""
    return f"{home}, {free:,} MB free{others}"


def _store(services: Services) -> str:
    from hishamos_pipeline.store.database import current_revision

    store = services.store
    return f"{store.engine.dialect.name}, revision {current_revision(store.engine)}"


def _clock(services: Services) -> str:
    """Against the server's clock where there is one, otherwise against the newest thing that was written down."""
    store = services.store
    now = store.clock.now()
    told = store.server_time()
    if told is not None:
        ahead, whose = (now - told).total_seconds(), "the database server's"
    else:
        entries = store.audit.page(PageQuery(1)).items
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


def _credentials(services: Services) -> str:
    """Whether the encryption keys fit what was kept with them; after a restore, they are another person's to find."""
    kept = services.store.credentials.check(services.settings.secret_key_list)
    return f"{kept} kept, and decrypted" if kept else "none are kept"


def _engine(services: Services) -> str:
    return services.engine.name


def _models(services: Services) -> str:
    """Each model of the settings: key, price and shape without the network, then the provider's own list."""
    if not services.asks_models:
        return "none: the blueprint engine answers"
    from hishamos_pipeline.authoring.model_engine import ModelEngine
    from hishamos_pipeline.llm.providers import model_names

    services.check_models()
    assert isinstance(services.engine, ModelEngine)
    for ref in services.engine.models:
        provider = services.access.provider(ref.provider)
        names = asyncio.run(model_names(provider, services.access))
        if ref.name not in names and not any(name.startswith(ref.name) for name in names):
            if provider.wire == "ollama":
                raise ModelSetupError(
                    f"{ref.provider} has no model {ref.name!r} yet: `hishamos providers pull {ref.provider} {ref.name}`"
                )
            raise ModelSetupError(
                f"{ref.provider} does not offer {ref.name!r} with this key: "
                f"`hishamos providers models {ref.provider}` lists what it does"
            )
        if provider.wire == "ollama":
            asyncio.run(_require_context(services, ref))
    return ", ".join(map(str, services.engine.models))


async def _require_context(services: Services, ref: "ModelRef") -> None:
    """Make sure that a server of Ollama reads questions to their end: it cuts them off without a word.

    Raises:
        ModelSetupError: it would not; the message says what to set.
    """
    from hishamos_pipeline.llm.providers import ollama_server

    given = services.settings
    server = ollama_server(services.access.provider(ref.provider), services.access)
    needed = given.llm_context_tokens + given.llm_max_output_tokens
    loaded = {model.name: model.context_length for model in await server.loaded()}
    most = (await server.show(ref.name)).context_tokens
    now = next((size for name, size in loaded.items() if name.startswith(ref.name) and size), None)
    if most is not None and most < needed:
        raise ModelSetupError(
            f"{ref} takes {most:,} tokens, questions and answers may have {needed:,}: set "
            f"HISHAMOS_LLM_CONTEXT_TOKENS to {max(most - given.llm_max_output_tokens, most // 2):,} or less"
        )
    if now is not None and now < needed:
        raise ModelSetupError(
            f"{ref} is loaded for {now:,} tokens, questions and answers may have {needed:,}, and Ollama cuts off "
            f"what is longer: start it with OLLAMA_CONTEXT_LENGTH={needed}, or set HISHAMOS_LLM_CONTEXT_TOKENS lower"
        )


def _sandbox(services: Services) -> str:
    """What it must not allow, and what it has to, are tried on this machine."""
    from hishamos_pipeline.sandbox.choice import prove

    sandbox = services.sandbox
    if not sandbox.isolates:
        return f"{sandbox.name}: runs code UNPROTECTED, as HISHAMOS_SANDBOX says"
    prove(sandbox, thoroughly=True)
    return f"{sandbox.name}: tried; files are written, a test runs, no file, process, secret or connection is in reach"


def _toolchain(services: Services) -> str:
    prepared = asyncio.run(services.toolchains.prepare(()))
    assert prepared.toolchain is not None  # nothing was asked for that could be missing
    return str(prepared.toolchain.programs.parent)


def _storage(services: Services) -> str:
    from hishamos_pipeline.workspace.storage import open_storage

    storage = open_storage(services.settings)
    if storage is None:
        return "none: what is published is in the home alone"
    storage.check()
    return f"{storage.url}: written, read and removed a probe"


def _hosts(services: Services) -> str:
    """The Git hosts that there is a token for."""
    from hishamos_pipeline.delivery.hosts.opening import open_host, retry_policy_of

    retries, told = retry_policy_of(services.settings), []
    for name, host in services.settings.hosts.items():
        if services.key(host.token):
            git_host = open_host(name, services.settings, services.key, retries)
            account = git_host.account()
            git_host.require_scopes(account, with_workflows=True)
            told.append(f"{name} as {account.login}")
    return ", ".join(told) or "none: no token is set"


def _projects(services: Services) -> str:
    """Every row of every project can be read, and trees, repositories and archives are as they were made."""
    from hishamos_pipeline.generation.integrity import damages

    everywhere = services.acting_as(replace(services.actor, organization=EVERY_ORGANIZATION))
    found = [f"{run.key}: {row.kind}: {said}" for run, row, said in damages(everywhere)]
    if found:
        raise RuntimeError(f"{'; '.join(found)}. `hishamos repair` puts aside what is damaged")
    return "all artifacts can be read, and their files are as they were made"


def _code_server(services: Services) -> str:
    """Whether the code server that webserver and daemon ask can be reached."""
    address = services.settings.code_server
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


def _workers(services: Services) -> str:
    """Whether somebody takes the runs that are handed to workers."""
    broker = services.settings.celery_broker
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


def _notifications(services: Services) -> str:
    """Whether people were notified of the failures of the last day."""
    found = services.store.notifications.by_status(services.store.clock.now() - timedelta(days=1))
    if found["failed"]:
        raise RuntimeError(
            f"{found['failed']} notifications could not be sent: see `hishamos notifications list`, "
            "and try `hishamos notifications test`"
        )
    for name, channel in services.settings.notify.items():
        if channel.variable and not services.key(channel.variable):
            raise RuntimeError(
                f"{name}: {channel.variable} is empty: set it, or `hishamos credentials add {channel.variable}`"
            )
    return f"{', '.join(services.settings.notify) or 'no channel'}; {found['waiting']} waiting"
