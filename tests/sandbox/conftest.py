"""The sandboxes that can be tried on this machine, and a bare subprocess to show that escapes would be noticed."""

import asyncio
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain

LIMITS = Limits(
    wall_seconds=20, cpu_seconds=15, memory_mb=1024, disk_mb=128, files=5_000, printed_mb=8, processes=64
)


class Bare:
    """Runs a command in the tree itself, with everything that this process may do: what a sandbox prevents."""

    name = "bare"
    isolates = False

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """See ``Sandbox.run``."""
        argv = [sys.executable if part == "python" else part for part in command.argv]
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=tree, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **command.variables},
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 60)
        except TimeoutError:
            process.kill()
            output, _ = await process.communicate()
        files = {name: (tree / name).read_bytes() for name in command.collect if (tree / name).exists()}
        return Outcome(process.returncode, output.decode(errors="replace"), 0.0, files=files)


@pytest.fixture(params=["bubblewrap", "podman"])
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that has passed its test on this machine; `make test` installs what both need."""
    if request.param == "podman":
        # Podman keeps its images below HOME, which the tests replace, when it is not run by root.
        monkeypatch.setenv("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    return open_sandbox(request.param)


Run = Callable[..., Outcome]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of two files."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "file.txt").write_text("as it was")
    (root / "sub" / "other.txt").write_text("as it was too")
    return root


async def run_python(
    sandbox: Sandbox,
    tree: Path,
    program: str,
    *arguments: str,
    limits: Limits = LIMITS,
    collect: tuple[str, ...] = (),
    writes: bool = False,
) -> Outcome:
    """Run a Python program in a sandbox."""
    command = Command(("python", "-c", program, *arguments), collect=collect, writes=writes)
    return await sandbox.run(command, tree, limits, own_toolchain())


@pytest.fixture(autouse=True)
def remembered_outcomes() -> None:
    """Nothing is remembered: what runs in the sandbox here is what these tests are about."""
