"""A container of podman or docker: no network, no capabilities, a read-only system, working folders in memory.

The image holds mount points alone and is made here, so that no registry is asked: programs come from this machine's
``/usr`` and the toolchain, mounted read-only. The engine has to run on this machine.
"""

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from itertools import count
from pathlib import Path

from hishamos_pipeline.errors import SandboxError
from hishamos_pipeline.sandbox import inside, system_calls
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain
from hishamos_pipeline.sandbox.supervisor import Job, supervise

IMAGE = "hishamos-sandbox:2"
_MIB = 1024 * 1024
_FOLDERS = ("usr", "etc", "proc", "sys", "dev", "tmp", "run", "sandbox-tree", "sandbox-work")
_LINKS = ("bin", "sbin", "lib", "lib64")
_ENGINE_SECONDS = 60
# Of all containers together, which run as one user; --pids-limit holds for each.
_PROCESSES = 1024
_NOBODY = "65534:65534"
_runs = count()


class Container:
    """Runs commands in containers.

    Args:
        engine: ``podman`` or ``docker``.

    Raises:
        SandboxError: the engine is not installed, or does not answer.
    """

    isolates = True

    def __init__(self, engine: str) -> None:
        self.name = engine
        program = shutil.which(engine)
        if program is None:
            raise SandboxError(f"{engine} is not installed")
        self._program = program
        # Docker's own is built into it; memory is limited by the container's control group there.
        self._profile = system_calls.container_profile() if engine == "podman" else None
        if not self._ask("image", "inspect", IMAGE):
            self._ask("import", "-", IMAGE, given=_image(), required=True)

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """See ``Sandbox.run``."""
        name = f"hishamos-{os.getpid()}-{next(_runs)}"
        environment = {"PATH": os.defpath, **{k: v for k, v in os.environ.items() if k in _ENGINE_VARIABLES}}
        # Podman leaves a file behind in the working folder when memory runs out.
        with tempfile.TemporaryDirectory(prefix="hishamos-container-") as folder:
            argv = self.argv(name, command, tree, limits, toolchain)
            argv[2:2] = self._refusing(Path(folder))
            job = Job(argv, environment, folder=Path(folder), finish=lambda: self._remove(name))
            ended = await supervise(job, limits)
        if not inside.has_started(ended) and not ended.limit:
            raise SandboxError(f"{self.name} cannot start: {ended.output.strip()[:300]}")
        return inside.outcome(command, ended)

    def _refusing(self, folder: Path) -> list[str]:
        """The option that names the profile of system calls, which is written to the folder."""
        if self._profile is None:
            return []
        place = folder / "system-calls.json"
        place.write_text(json.dumps(self._profile))
        return ["--security-opt", f"seccomp={place}"]

    def argv(
        self, name: str, command: Command, tree: Path, limits: Limits, toolchain: Toolchain
    ) -> list[str]:
        """The whole command line; nothing of it is secret."""
        variables = {**inside.CLEAN, **command.variables, "PATH": inside.SYSTEM_PATH}
        # Podman knows no limit of files; their memory counts as the container's.
        folder = f"rw,exec,nosuid,nodev,mode=1777,size={limits.disk_mb}m"
        folders = [Path("/usr"), *toolchain.folders, Path("/etc/alternatives"), Path("/etc/ld.so.cache")]
        mounted = [(str(folder), str(folder)) for folder in folders if folder.exists()]
        trees = list(inside.mounts(command, tree, ""))
        mounted += list(zip(trees[1::3], trees[2::3], strict=True))
        return [
            self._program, "run", "--rm", "--name", name, "--network", "none", "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", _NOBODY, "--hostname", "sandbox", "--ipc", "private",
            "--pids-limit", str(limits.processes), "--memory", f"{limits.memory_mb}m",
            "--memory-swap", f"{limits.memory_mb}m", "--shm-size", "64m",
            "--ulimit", "nofile=256:256", "--ulimit", "core=0:0", "--ulimit", f"nproc={_PROCESSES}:{_PROCESSES}",
            "--ulimit", f"fsize={limits.file_mb * _MIB}:{limits.file_mb * _MIB}",
            "--ulimit", f"cpu={limits.cpu_seconds}:{limits.cpu_seconds + 2}",
            "--tmpfs", f"{inside.TMP}:{folder}", "--tmpfs", f"{inside.WORK}:{folder}", "--workdir", inside.WORK,
            *(part for source, target in mounted for part in ("--volume", f"{source}:{target}:ro")),
            *(part for key, value in variables.items() for part in ("--env", f"{key}={value}")),
            # Its own end, in case that this process is killed and cannot set one.
            IMAGE, "/usr/bin/timeout", "--signal=KILL", str(limits.wall_seconds + 5),
            *inside.script(command, inside.programs(toolchain), copied_from=inside.TREE if command.writes else ""),
        ]  # fmt: skip

    def _remove(self, name: str) -> None:
        self._ask("rm", "--force", name)

    def _ask(self, *arguments: str, given: bytes = b"", required: bool = False) -> bool:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=given,
                capture_output=True,
                timeout=_ENGINE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"{self.name} does not answer: {error}") from error
        if required and done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise SandboxError(f"{self.name} {arguments[0]} failed: {said[:300]}")
        return done.returncode == 0


_ENGINE_VARIABLES = frozenset(
    {"HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST", "PATH", "DOCKER_CONFIG"}
)


def _image() -> bytes:
    """A file system of empty folders and of the links of a merged ``/usr``."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in _FOLDERS:
            entry = tarfile.TarInfo(name)
            # A file system in memory takes over the mode of the folder that it is mounted on, whatever it is told.
            open_to_all = f"/{name}" in (inside.TMP, inside.WORK)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if open_to_all else 0o755
            archive.addfile(entry)
        for name in _LINKS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, f"usr/{name}", 0o777
            archive.addfile(entry)
    return written.getvalue()
