"""Python toolchains: resolved once, installed once from wheels, kept by the hash of what they hold.

Pip resolves and downloads outside the sandbox, and nothing of a package is executed there: wheels only, unpacked, and
compiled by a process with limits. What a wheel could run at the start of an interpreter, it runs in the sandbox.
"""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from hishamos_pipeline.core.text.secrets import mask, without_login
from hishamos_pipeline.errors import ToolchainError
from hishamos_pipeline.sandbox.interface import Toolchain
from hishamos_pipeline.settings import Settings, listed
from hishamos_pipeline.toolchains.folders import made_once
from hishamos_pipeline.toolchains.interface import Package, Prepared
from hishamos_pipeline.toolchains.python_base import (
    base_key,
    differs_from_tools,
    make_base,
    site_packages,
    write_scripts,
)
from hishamos_pipeline.toolchains.vetting import vet
from hishamos_pipeline.workspace import disk
from hishamos_pipeline.workspace.disk import replacing

_MIB = 1024 * 1024
# What is installed lies beside the tools and comes after them, so that no package takes the place of one. It is no
# folder of site-packages: what packages want to run at the start of an interpreter (``.pth``) does not run.
_DEPENDENCIES, _PLUGINS = "dependencies", "plugins.json"
# Extensions of pytest that a project may declare; those of other packages stay silent, whatever they bring.
_KNOWN_PLUGINS = frozenset(
    """anyio faker hypothesis pytest-aiohttp pytest-asyncio pytest-benchmark pytest-datadir pytest-django pytest-flask
    pytest-freezer pytest-httpserver pytest-httpx pytest-mock pytest-randomly pytest-regressions pytest-snapshot
    pytest-subprocess pytest-subtests pytest-timeout pytest-xdist requests-mock respx syrupy time-machine trio
    typeguard""".split()
)
_COMPILER_BYTES = 1024 * _MIB
_TICK = 0.25
# What pip may know of this machine: where the index is and how to reach it, not our keys.
_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY",
         "no_proxy", "http_proxy", "https_proxy")  # fmt: skip
_SOURCES = frozenset({"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"})
_UNREACHABLE = ("connection broken", "Failed to establish", "ConnectTimeout", "Name or service not known",
                "Temporary failure in name resolution", "Max retries exceeded", "Connection refused")  # fmt: skip


class PythonToolchains:
    """Makes environments below ``HISHAMOS_HOME/toolchains``.

    Args:
        settings: index, limits, and names that are allowed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def prepare(self, requirements: Sequence[str]) -> Prepared:
        """See ``Toolchains.prepare``."""
        wanted, findings = vet(sorted(requirements), listed(self._settings.toolchain_allow))
        findings += [text for item in wanted if (text := differs_from_tools(item))]
        if findings:
            return Prepared(None, findings=tuple(findings))
        if not wanted:
            folder = await asyncio.to_thread(self._base)
            return Prepared(_toolchain(folder))
        names = [str(item) for item in wanted]
        packages, findings = await self._resolve(names)
        if findings:
            return Prepared(None, packages, tuple(findings))
        key = _hash(
            base_key(), _DEPENDENCIES, *(f"{item.name}=={item.version} {item.sha256}" for item in packages)
        )
        folder = self._settings.toolchains_dir / f"python-{key}"
        try:
            await asyncio.to_thread(
                made_once,
                folder,
                lambda staging: self._install(staging, folder, packages),
                wait_seconds=self._wait,
            )
        except ToolchainError:
            # What is remembered may be out of date: the next time asks the index again.
            self._known(names).unlink(missing_ok=True)
            shutil.rmtree(self._settings.toolchains_dir / "pip-cache", ignore_errors=True)
            raise
        return Prepared(_toolchain(folder), packages)

    @property
    def _wait(self) -> float:
        return 2 * self._settings.toolchain_seconds

    def _base(self) -> Path:
        folder = self._settings.toolchains_dir / f"python-{base_key()}"
        return made_once(folder, lambda staging: make_base(staging, folder), wait_seconds=self._wait)

    async def _resolve(self, requirements: Sequence[str]) -> tuple[tuple[Package, ...], list[str]]:
        """Exact versions with hashes, as they were resolved the first time; or what cannot be installed."""
        known = self._known(requirements)
        if known.is_file():
            with suppress(OSError):
                os.utime(known)  # a cleanup removes what was not used for long
            with suppress(ValueError, TypeError):  # one that cannot be read is made anew
                return tuple(Package(**item) for item in json.loads(known.read_text())), []
        report, said = await asyncio.to_thread(
            self._pip, "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-", *requirements
        )
        if report is None:
            return (), [_missing(said)]
        items: list[Mapping[str, Any]] = json.loads(report)["install"]
        findings = [
            f"{item['metadata']['name']} {item['metadata']['version']}: was withdrawn from the index (yanked)"
            for item in items
            if item.get("is_yanked")
        ]
        if len(items) > self._settings.toolchain_packages:
            findings.append(
                f"{len(items)} packages in all, the limit is {self._settings.toolchain_packages} "
                "(HISHAMOS_TOOLCHAIN_PACKAGES)"
            )
        packages = tuple(sorted((_package(item) for item in items), key=lambda item: item.name))
        if not findings:
            known.parent.mkdir(parents=True, exist_ok=True)
            with replacing(known) as fresh:
                fresh.write_text(json.dumps([{s: getattr(p, s) for s in p.__slots__} for p in packages]))
        return packages, findings

    def _known(self, requirements: Sequence[str]) -> Path:
        """Where a resolution is kept: another index may resolve otherwise."""
        key = _hash(base_key(), self._settings.index_url, os.environ.get("PIP_INDEX_URL", ""), *requirements)
        return self._settings.toolchains_dir / f"resolved-{key}.json"

    def _install(self, staging: Path, folder: Path, packages: Sequence[Package]) -> None:
        make_base(staging, folder)
        site = staging / _DEPENDENCIES
        _put_beside(site_packages(staging), folder / _DEPENDENCIES)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as locked:
            locked.writelines(f"{p.name}=={p.version} --hash=sha256:{p.sha256}\n" for p in packages)
            locked.flush()
            done, said = self._pip(
                "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes", "--upgrade", "--target",
                str(site), "--requirement", locked.name,
                watched=staging,
            )  # fmt: skip
        if done is None:
            last = " ".join(said.split())
            raise ToolchainError(
                f"the dependencies could not be installed; try again, or see what pip says: {mask(last)[:600]}"
            )
        write_scripts(staging, folder, distributions(path=[str(site)]))
        (staging / _PLUGINS).write_text(json.dumps(_plugins(site, packages)))
        _compile(site, self._settings.toolchain_seconds)

    def _pip(self, command: str, *arguments: str, watched: Path | None = None) -> tuple[str | None, str]:
        """What pip prints, or ``None`` and what it says is wrong.

        Raises:
            ToolchainError: it took too long or too much, or the index cannot be reached.
        """
        given = self._settings
        given.toolchains_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pip-", dir=given.toolchains_dir) as temporary:
            environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
            environment |= {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
            environment["TMPDIR"] = temporary
            if given.index_url:  # that one alone, whatever pip is told elsewhere
                environment = {k: v for k, v in environment.items() if k not in _SOURCES}
                environment["PIP_CONFIG_FILE"] = os.devnull
                environment["PIP_INDEX_URL"] = (
                    given.index_url
                )  # not an argument, which everybody sees: it may hold a login
            argv = [
                sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2",
                "--cache-dir", str(given.toolchains_dir / "pip-cache"), command, "--only-binary", ":all:",
                *arguments,
            ]  # fmt: skip
            out, err = Path(temporary, "out"), Path(temporary, "err")
            with out.open("w") as output, err.open("w") as errors:
                process = subprocess.Popen(
                    argv,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
                folders = [Path(temporary), *([watched] if watched else [])]
                reason = _watch(process.poll, folders, given)
                if reason:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
            said = err.read_text(errors="replace")
            if reason:
                raise ToolchainError(f"installing the dependencies was stopped: {reason}")
            if code and any(mark in said for mark in _UNREACHABLE):
                index_name = without_login(given.index_url) or "pip's own"
                reasons = [line for line in said.splitlines() if any(mark in line for mark in _UNREACHABLE)]
                raise ToolchainError(
                    f"the package index {index_name} cannot be reached; HISHAMOS_INDEX_URL names another: "
                    f"{mask(reasons[-1].strip())[:300]}"
                )
            return (None, said.strip()) if code else (out.read_text(), said)


def _compile(site: Path, seconds: float) -> None:
    """Compile the packages, once for all commands; one that is made to break the compiler stays as it is."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", str(site)]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_COMPILER_BYTES, _COMPILER_BYTES)),
            check=False,
        )


def _watch(poll: Any, folders: Sequence[Path], given: Settings) -> str:
    """Wait for a process; why it has to be stopped, empty if it ended by itself."""
    ends = time.monotonic() + given.toolchain_seconds
    while poll() is None:
        time.sleep(_TICK)
        if time.monotonic() > ends:
            return f"it took more than {given.toolchain_seconds:g} s (HISHAMOS_TOOLCHAIN_SECONDS)"
        if sum(disk.size_of(folder) for folder in folders) > given.toolchain_mb * _MIB:
            return f"it took more than {given.toolchain_mb} MiB (HISHAMOS_TOOLCHAIN_MB)"
    return ""


def _put_beside(site: Path, dependencies: Path) -> None:
    """Have an interpreter find packages in a folder after those of its own, and start without them."""
    (site / f"{_DEPENDENCIES}.pth").write_text(f"{dependencies}\n")
    for name in ("sitecustomize.py", "usercustomize.py"):
        (site / name).touch()


def _plugins(site: Path, packages: Sequence[Package]) -> list[str]:
    """The modules of pytest's extensions that were asked for by a name that is known."""
    known = {canonicalize_name(package.name) for package in packages} & _KNOWN_PLUGINS
    points = (
        point.value
        for item in distributions(path=[str(site)])
        if canonicalize_name(item.name) in known
        for point in item.entry_points.select(group="pytest11")
    )
    return sorted(points)


def _toolchain(folder: Path) -> Toolchain:
    plugins = folder / _PLUGINS
    return Toolchain(
        folder / "bin",
        (folder, Path(sys.base_prefix)),
        key=folder.name,
        plugins=tuple(json.loads(plugins.read_text())) if plugins.is_file() else (),
    )


def _package(item: Mapping[str, Any]) -> Package:
    found = item["metadata"]
    licence = found.get("license_expression") or next(
        (c.rpartition(" :: ")[2] for c in found.get("classifier", ()) if c.startswith("License :: ")),
        (found.get("license") or "").strip().splitlines()[0][:60]
        if (found.get("license") or "").strip()
        else "",
    )
    hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
    return Package(found["name"], found["version"], hashes.get("sha256", ""), licence)


def _missing(said: str) -> str:
    """Pip's own sentence about what it cannot find, or cannot bring together."""
    lines = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return next(
        (line for line in lines if line.startswith("No matching distribution")),
        lines[0] if lines else said[-300:],
    )


def _hash(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:16]
