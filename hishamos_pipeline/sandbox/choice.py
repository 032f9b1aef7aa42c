"""Which sandbox runs generated code: the one that the settings name, or the first that is shown to work here."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from hishamos_pipeline.errors import SandboxError
from hishamos_pipeline.sandbox.bubblewrap import INSTALL, Bubblewrap
from hishamos_pipeline.sandbox.container import Container
from hishamos_pipeline.sandbox.interface import Command, Limits, Sandbox, Toolchain
from hishamos_pipeline.sandbox.unsafe_subprocess import UnsafeSubprocess

AUTO, UNSAFE = "auto", UnsafeSubprocess.name
_MAKERS: dict[str, Callable[[], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "podman": lambda: Container("podman"),
    "docker": lambda: Container("docker"),
}
# Each line is something that hostile code would like; the test fails if one of them succeeds. And what honest code
# needs: a sandbox in which nothing works verifies nothing.
_PROBE = """
import glob, json, os, pathlib, socket, subprocess, sys, tempfile
secret, path, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
got = []
def tried(name, act):
    try:
        if act(): got.append(name)
    except OSError: pass
for place in glob.glob("/proc/[0-9]*/environ"):
    tried("a secret of the environment", lambda: secret.encode() in open(place, "rb").read())
tried("a file outside", lambda: open(path).read())
tried("the network", lambda: socket.create_connection(("127.0.0.1", port), 2))
planted = "/usr/hishamos-probe"
tried("writing to the system", lambda: (open(planted, "w"), os.remove(planted)))
lacks = []
def needed(name, act):
    try:
        act()
    except Exception as error: lacks.append(f"{name} ({type(error).__name__}: {error})"[:300])
def write(folder):
    place = pathlib.Path(folder, "made")
    place.mkdir()
    (place / "file").write_text("x")
    assert (place / "file").read_text() == "x"
def test():
    pathlib.Path("test_made.py").write_text("def test_made(tmp_path):\\n    (tmp_path / 'x').write_text('x')\\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_made.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-200:]
needed("writing in the working folder", lambda: write("."))
needed("writing temporary files", lambda: write(tempfile.mkdtemp()))
if sys.argv[4:]: needed("running pytest", test)
print(json.dumps([got, lacks]))
"""


@cache
def open_sandbox(name: str = AUTO) -> Sandbox:
    """The sandbox of that name after it has passed its test on this machine; remembered for the whole process.

    Args:
        name: ``auto``, or one of ``bubblewrap``, ``podman``, ``docker``, ``unsafe-subprocess``.

    Raises:
        SandboxError: it does not work here, or none does; the message says what to install.
    """
    if name == UNSAFE:
        return UnsafeSubprocess()
    reasons = []
    for candidate in _MAKERS if name == AUTO else (name,):
        try:
            sandbox = _MAKERS[candidate]()
            prove(sandbox)
        except SandboxError as error:
            reasons.append(f"{candidate}: {error}")
        else:
            return sandbox
    if name != AUTO:
        raise SandboxError(
            f"generated code cannot be run: the sandbox that HISHAMOS_SANDBOX names does not work here ({reasons[0]}); "
            f"repair it, or leave HISHAMOS_SANDBOX empty to have one chosen that does"
        )
    raise SandboxError(
        f"generated code cannot be run: no sandbox works on this machine. {INSTALL[0].upper()}{INSTALL[1:]}, "
        f"or podman, or set HISHAMOS_SANDBOX={UNSAFE} to run it unprotected ({'; '.join(reasons)})"
    )


def require_allowed(sandbox: Sandbox, models: Sequence[str], allowed: Sequence[str]) -> None:
    """Refuse to run code of models where nothing holds it back, unless the operator has named those models.

    Args:
        sandbox: what would run it.
        models: ``provider:model`` of everything that may write code; empty for the blueprint engine.
        allowed: patterns such as ``ollama:*`` (HISHAMOS_SANDBOX_UNSAFE_MODELS).

    Raises:
        SandboxError: names the first model that is not allowed.
    """
    if sandbox.isolates:
        return
    for model in models:
        if not any(fnmatchcase(model, pattern) for pattern in allowed):
            raise SandboxError(
                f"code written by {model} is not run with HISHAMOS_SANDBOX={sandbox.name}, which does not hold it "
                f"back. Unset that and {INSTALL}; or, if you trust it, name the model in "
                "HISHAMOS_SANDBOX_UNSAFE_MODELS"
            )


def prove(sandbox: Sandbox, *, thoroughly: bool = False) -> None:
    """Try in the sandbox what it must not allow, and what it has to.

    Args:
        sandbox: the sandbox.
        thoroughly: whether a test is run in it, too, which takes half a second more.

    Raises:
        SandboxError: it cannot start, something was possible that must not be, or work is not; the message says what.
    """
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="hishamos-probe-") as folder, socket.socket() as listener:
        base = Path(folder)
        base.chmod(0o755)
        planted, tree = base / "planted", base / "tree"
        planted.write_text(secret)
        tree.mkdir(mode=0o755)
        (tree / "probe.py").write_text(_PROBE)
        for place in (tree, tree / "probe.py"):  # whatever this process's umask
            place.chmod(0o755)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        neighbour = subprocess.Popen(["sleep", "60"], env={"PATH": os.defpath, "SECRET": secret})
        try:
            argv = ("python", "probe.py", secret, str(planted), port, *(["thoroughly"] if thoroughly else []))
            limits = Limits(wall_seconds=30, cpu_seconds=20)
            # A thread of its own: the caller may be inside an event loop.
            with ThreadPoolExecutor(1) as pool:
                outcome = pool.submit(
                    lambda: asyncio.run(sandbox.run(Command(argv), tree, limits, own_toolchain()))
                ).result()
        finally:
            neighbour.kill()
            neighbour.wait()
    try:
        got, lacks = json.loads(outcome.output)
    except (ValueError, TypeError):
        raise SandboxError(f"its test failed: {outcome.ending}: {outcome.output.strip()[:200]}") from None
    if got:
        raise SandboxError(f"its test failed: the code could reach {', '.join(got)}")
    if lacks:
        raise SandboxError(f"its test failed: the code lacks {'; '.join(lacks)}")


@cache
def own_toolchain() -> Toolchain:
    """The Python that HishamOS itself runs with, and what is installed beside it."""
    own, base = Path(sys.prefix), Path(sys.base_prefix)
    return Toolchain(own / "bin", (own, base), key=sys.version)
