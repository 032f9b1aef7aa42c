"""A plain subprocess with a clean environment and limits, in a copy of the tree.

It protects against accidents, not against an attacker: the code sees the file system and the network. It has to be
named by the operator (``HISHAMOS_SANDBOX=unsafe-subprocess``), and reports say so.
"""

import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hishamos_pipeline.sandbox import inside
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain
from hishamos_pipeline.sandbox.supervisor import Job, supervise

_MIB = 1024 * 1024


class UnsafeSubprocess:
    """Runs commands as this user, on this machine."""

    name = "unsafe-subprocess"
    isolates = False

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """See ``Sandbox.run``; ``tree`` is absolute."""
        home = Path(tempfile.mkdtemp(prefix="hishamos-unsafe-"))
        work = home / "work"
        work.mkdir()
        environment = {
            **inside.CLEAN,
            "HOME": str(home),
            "TMPDIR": str(home),
            **command.variables,
            "PATH": inside.SYSTEM_PATH,
        }
        try:
            job = Job(
                inside.script(command, inside.programs(toolchain), copied_from=str(tree), work=str(work)),
                environment,
                folder=work,
                prepare=_limiter(limits),
                finish=lambda: _kill_strays(str(home)),
            )
            return inside.outcome(command, await supervise(job, limits))
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _limiter(limits: Limits) -> Callable[[], None]:
    # RLIMIT_NPROC would count the user's other processes, and is left alone.
    values = (
        # The hard CPU limit is a little later, so that the signal can be told from a plain kill.
        (resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 2)),
        (resource.RLIMIT_AS, (limits.memory_mb * _MIB,) * 2),
        (resource.RLIMIT_FSIZE, (limits.file_mb * _MIB,) * 2),
        (resource.RLIMIT_CORE, (0, 0)),
    )

    def apply() -> None:
        for kind, value in values:
            resource.setrlimit(kind, value)

    return apply


def _kill_strays(home: str) -> None:
    """Kill what left the process group but still has the command's own HOME in its environment."""
    mark = f"HOME={home}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
