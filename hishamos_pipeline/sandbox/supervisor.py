"""Starts a process, watches what it uses, and kills it with all that it started when it uses too much."""

import asyncio
import ctypes
import os
import platform
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hishamos_pipeline.errors import SandboxError
from hishamos_pipeline.sandbox.interface import Limits

_MIB = 1024 * 1024
_TICK = 0.1
_DRAIN_SECONDS = 2.0
_OWN_END_SECONDS = 1.0
_CHUNK = 65_536
_RESULT_BYTES = 32 * _MIB
# More than any machine runs at a time; a thread costs nothing while it waits.
_THREADS = ThreadPoolExecutor(64, thread_name_prefix="sandbox")
# The system call by machine; see the kernel's tables.
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
_JOIN_SESSION_KEYRING = 1


@dataclass(frozen=True, slots=True)
class Job:
    """What to start, and what to look at while it runs.

    Args:
        argv: the program with its arguments.
        environment: all of its variables.
        folder: its working folder; empty for this process's own.
        prepare: called in the child before the program.
        finish: called when it has ended or was killed, to end what is left.
        work: the folder inside whose files are counted, as the processes see it; empty if they are not.
        handed: the open files that it is given besides its output.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path | None = None
    prepare: Callable[[], None] | None = None
    finish: Callable[[], None] = lambda: None
    work: str = ""
    handed: Sequence[int] = ()


@dataclass(slots=True)
class Ended:
    """How the process ended; ``code`` is negative for a signal, as in ``subprocess``."""

    code: int
    output: str
    result: bytes
    seconds: float
    cpu_seconds: float
    memory_mb: float
    limit: str = ""


@dataclass(slots=True)
class _Kept:
    """The head and the tail of what was printed; the middle of a long output is dropped as it comes."""

    most: int
    head: bytearray = field(default_factory=bytearray)
    tail: deque[bytes] = field(default_factory=deque)
    tail_size: int = 0
    size: int = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        room = self.most // 2 - len(self.head)
        self.head += data[: max(room, 0)]
        rest = data[max(room, 0) :]
        if rest:
            self.tail.append(rest)
            self.tail_size += len(rest)
            while self.tail_size - len(self.tail[0]) >= self.most // 2:
                self.tail_size -= len(self.tail.popleft())

    def text(self) -> str:
        tail = b"".join(self.tail)[-(self.most // 2) :]
        left_out = self.size - len(self.head) - len(tail)
        note = f"\n[… {left_out} bytes left out …]\n" if left_out else ""
        return self.head.decode(errors="replace") + note + tail.decode(errors="replace")


async def supervise(job: Job, limits: Limits) -> Ended:
    """Run a job to its end: its own, or the one that the limits or a cancellation set.

    Raises:
        SandboxError: the program could not be started.
    """
    stop = threading.Event()
    # In a thread that lives as long as the job: --die-with-parent is about the thread that started it. And in one that
    # does nothing else, since it leaves the caller's keyring.
    running = asyncio.get_running_loop().run_in_executor(_THREADS, _supervise, job, limits, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        raise


def _leave_keyring() -> None:
    """Begin an empty session keyring for this thread, and what it starts: the caller's holds keys; see keyctl(2)."""
    if number := _KEYCTL.get(platform.machine()):
        ctypes.CDLL(None).syscall(
            number, _JOIN_SESSION_KEYRING, None
        )  # without keyrings, there is none to leave


def _supervise(job: Job, limits: Limits, stop: threading.Event) -> Ended:
    _leave_keyring()
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(job.argv),
            env=dict(job.environment),
            cwd=job.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=job.handed,
            umask=0o022,
            preexec_fn=job.prepare,
        )
    except OSError as error:
        raise SandboxError(f"{job.argv[0]} cannot be started: {error}") from error
    watch = _Watch(process.pid, limits, job.work)
    output, result, limit = _Kept(limits.output_bytes), bytearray(), ""
    assert process.stdout is not None
    assert process.stderr is not None
    status: tuple[int, float] | None = None
    drained = 0.0
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        pipes.register(process.stderr, selectors.EVENT_READ)
        while not limit and (status is None or (pipes.get_map() and time.monotonic() < drained)):
            for key, _ in pipes.select(_TICK) if pipes.get_map() else ():
                data = os.read(key.fd, _CHUNK)
                if not data:
                    pipes.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    output.add(data)
                else:
                    result += data
            if not pipes.get_map() and status is None:
                time.sleep(_TICK / 10)
            if status is None:
                status = _reap(process)
                if status is not None:
                    # What it left running could hold the pipes open for ever.
                    drained = time.monotonic() + _DRAIN_SECONDS
                    _kill(process.pid)
                    job.finish()
            limit = _exceeded(limits, time.monotonic() - started, output.size, len(result)) or watch.look()
            if stop.is_set():
                limit = limit or "it was called off"
            if status is not None:
                limit = ""
    if status is None:
        status = _end(process)
        job.finish()
    _kill(process.pid)
    process.stdout.close()
    process.stderr.close()
    code, cpu = status
    return Ended(
        code, output.text(), bytes(result), time.monotonic() - started, max(cpu, watch.cpu), watch.peak, limit
    )


def _reap(process: "subprocess.Popen[bytes]") -> tuple[int, float] | None:
    """Exit code and CPU seconds of the process and all that it waited for; ``None`` while it runs."""
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)  # it is gone: nobody else may wait for its number
    return process.returncode, usage.ru_utime + usage.ru_stime


def _end(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Kill what it has started, so that it waits for that itself; and where it does not, kill it."""
    began = psutil.Process(process.pid).children()
    for child in began:
        with suppress(psutil.Error):
            child.kill()
    deadline = time.monotonic() + (_OWN_END_SECONDS if began else 0)
    while (status := _reap(process)) is None:
        if time.monotonic() > deadline:
            _kill(process.pid)
        time.sleep(0.01)
    return status


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # everything in the group has ended
        os.killpg(group, signal.SIGKILL)


def _exceeded(limits: Limits, seconds: float, printed: int, handed_back: int) -> str:
    if seconds > limits.wall_seconds:
        return f"wall time of {limits.wall_seconds:g} s (HISHAMOS_CHECK_SECONDS)"
    if printed > limits.printed_mb * _MIB:
        return f"output of {limits.printed_mb} MiB (HISHAMOS_CHECK_PRINTED_MB)"
    if handed_back > _RESULT_BYTES:
        return f"reports of {_RESULT_BYTES // _MIB} MiB"
    return ""


class _Watch:
    """Looks at a process and its descendants ten times a second."""

    def __init__(self, pid: int, limits: Limits, work: str) -> None:
        self._limits = limits
        self._work = work
        self._next = 0.0
        self._process = psutil.Process(pid)
        self.peak = 0.0
        self.cpu = 0.0

    def look(self) -> str:
        """The limit that was hit, in words."""
        if time.monotonic() < self._next:
            return ""
        self._next = time.monotonic() + _TICK
        memory, cpu, inside = 0.0, 0.0, 0
        family: list[psutil.Process] = []
        with suppress(psutil.Error):
            family = [self._process, *self._process.children(recursive=True)]
            for process in family:
                with suppress(psutil.Error), process.oneshot():
                    memory += process.memory_info().rss / _MIB
                    times = process.cpu_times()
                    cpu += times.user + times.system
                    inside = process.pid
        if memory > self._limits.memory_mb:
            memory = sum(map(_share, family))  # slower, and right where processes share pages
        self.peak, self.cpu = max(self.peak, memory), max(self.cpu, cpu)
        if memory > self._limits.memory_mb:
            return f"memory of {self._limits.memory_mb} MiB in all (HISHAMOS_CHECK_MEMORY_MB)"
        if self._work and inside and _files_in(inside, self._work) > self._limits.files:
            return f"{self._limits.files} files (HISHAMOS_CHECK_FILES)"
        return ""


def _share(process: psutil.Process) -> float:
    """The MiB of a process, each page divided by the number of those that share it."""
    try:
        return float(process.memory_full_info().pss) / _MIB
    except psutil.AccessDenied:
        return float(process.memory_info().rss) / _MIB
    except psutil.Error:
        return 0.0


def _files_in(pid: int, folder: str) -> int:
    """How many files the file system of a folder holds, as a process sees it; 0 where that cannot be told."""
    try:
        found = os.statvfs(f"/proc/{pid}/root{folder}")
    except OSError:
        return 0
    return found.f_files - found.f_ffree
