"""A subprocess with a clean environment, limits, and a process group that dies with it.

It protects against accidents, not against an attacker: the code sees the file system and the network.
The blueprint engine's output is our own templates, for which that is enough.
"""

import asyncio
import os
import resource
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from hishamos_pipeline.errors import ToolMissingError
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome

_MIB = 1024 * 1024


class SubprocessSandbox:
    """Runs commands with the tools of HishamOS's own environment: python, pytest, ruff."""

    name = "subprocess"

    async def run(self, command: Command, tree: Path, limits: Limits) -> Outcome:
        """See ``Sandbox.run``."""
        scripts = sysconfig.get_path("scripts")
        program = command.argv[0]
        executable = sys.executable if program == "python" else shutil.which(program, path=scripts)
        if executable is None:
            raise ToolMissingError(f"{program} is not installed beside HishamOS: reinstall the package")
        with tempfile.TemporaryDirectory(prefix="hishamos-home-") as home:
            environment = {
                "PATH": f"{scripts}:/usr/local/bin:/usr/bin:/bin",
                "HOME": home,
                "TMPDIR": home,
                "LANG": "C.UTF-8",
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONHASHSEED": "0",
                **command.variables,
            }
            started = time.monotonic()
            with tempfile.TemporaryFile(dir=home) as output:
                process = await asyncio.create_subprocess_exec(
                    executable,
                    *command.argv[1:],
                    cwd=tree,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    # A file and not a pipe: what the command leaves running could hold a pipe open.
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_limiter(limits),
                )
                try:
                    code, limit = await _wait(process, limits)
                finally:
                    _kill_group(process.pid)
                    await asyncio.to_thread(_kill_strays, home)
                return Outcome(
                    exit_code=code if code >= 0 and not limit else None,
                    output=_head_and_tail(output, limits.output_bytes),
                    seconds=time.monotonic() - started,
                    limit=limit or (f"killed by signal {-code}" if code < 0 else ""),
                )


async def _wait(process: asyncio.subprocess.Process, limits: Limits) -> tuple[int, str]:
    """The exit code, and the limit that was hit, in words."""
    limit = ""
    try:
        await asyncio.wait_for(process.wait(), limits.wall_seconds)
    except TimeoutError:
        limit = f"wall time of {limits.wall_seconds:g} s (HISHAMOS_CHECK_SECONDS)"
        _kill_group(process.pid)
    code = await process.wait()
    if code == -signal.SIGXCPU:
        limit = f"CPU time of {limits.cpu_seconds} s (HISHAMOS_CHECK_CPU_SECONDS)"
    elif code == -signal.SIGXFSZ:
        limit = f"file size of {limits.file_mb} MiB (HISHAMOS_CHECK_FILE_MB)"
    return code, limit


def _limiter(limits: Limits) -> Callable[[], None]:
    def apply() -> None:
        for kind, value in (
            (resource.RLIMIT_CPU, limits.cpu_seconds),
            (resource.RLIMIT_AS, limits.memory_mb * _MIB),
            (resource.RLIMIT_FSIZE, limits.file_mb * _MIB),
            (resource.RLIMIT_CORE, 0),
        ):
            # The hard CPU limit is a little later, so that the signal can be told from a plain kill.
            hard = value + 2 if kind == resource.RLIMIT_CPU else value
            resource.setrlimit(kind, (value, hard))

    return apply


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # everything in the group has ended
        os.killpg(group, signal.SIGKILL)


def _kill_strays(home: str) -> None:
    """Kill what left the process group but still has the command's own HOME in its environment."""
    mark = f"HOME={home}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)


def _head_and_tail(output: IO[bytes], keep: int) -> str:
    """The first and the last part of what was written."""
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    if size <= keep:
        return output.read().decode(errors="replace")
    head = output.read(keep // 2).decode(errors="replace")
    output.seek(size - keep // 2)
    tail = output.read().decode(errors="replace")
    return f"{head}\n[… {size - 2 * (keep // 2)} bytes left out …]\n{tail}"
