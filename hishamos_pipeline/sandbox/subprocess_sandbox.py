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
            process = await asyncio.create_subprocess_exec(
                executable,
                *command.argv[1:],
                cwd=tree,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_limiter(limits),
            )
            try:
                return await self._watch(process, limits, started)
            finally:
                _kill_group(process.pid)

    async def _watch(self, process: asyncio.subprocess.Process, limits: Limits, started: float) -> Outcome:
        assert process.stdout is not None
        reading = asyncio.create_task(_read(process.stdout, limits.output_bytes))
        limit = ""
        try:
            await asyncio.wait_for(process.wait(), limits.wall_seconds)
        except TimeoutError:
            limit = f"wall time of {limits.wall_seconds:g} s (HISHAMOS_CHECK_SECONDS)"
        # Whatever it left in the background still holds the pipe: end it before reading to the end.
        _kill_group(process.pid)
        code = await process.wait()
        output = await reading
        if code == -signal.SIGXCPU:
            limit = f"CPU time of {limits.cpu_seconds} s (HISHAMOS_CHECK_CPU_SECONDS)"
        elif code == -signal.SIGXFSZ:
            limit = f"file size of {limits.file_mb} MiB (HISHAMOS_CHECK_FILE_MB)"
        return Outcome(
            exit_code=code if code >= 0 and not limit else None,
            output=output,
            seconds=time.monotonic() - started,
            limit=limit or (f"killed by signal {-code}" if code < 0 else ""),
        )


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


async def _read(stream: asyncio.StreamReader, keep: int) -> str:
    """Read to the end; keep the first and the last part of it."""
    head, tail = bytearray(), bytearray()
    dropped = 0
    while chunk := await stream.read(65536):
        room = keep // 2 - len(head)
        head += chunk[: max(room, 0)]
        tail += chunk[max(room, 0) :]
        if len(tail) > keep:
            dropped += len(tail) - keep // 2
            del tail[: len(tail) - keep // 2]
    text = head.decode(errors="replace")
    if dropped:
        text += f"\n[… {dropped} bytes left out …]\n"
    return text + tail.decode(errors="replace")
