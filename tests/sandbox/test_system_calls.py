"""System calls that are refused: each is tried inside, and outside to show that it would have been noticed."""

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hishamos_pipeline.sandbox import system_calls
from hishamos_pipeline.sandbox.choice import open_sandbox
from hishamos_pipeline.sandbox.interface import Sandbox
from scripts.system_call_filters import compiled
from tests.sandbox.conftest import LIMITS, Bare, run_python

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of system calls of x86_64")
_HELP = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    # What fails for another reason than being refused has come to the kernel.
    refused = result < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES)
    print("held:" if refused else "ESCAPED", number)
    return result
"""
# By what it could be used for. Those that root alone may use come out as refused for everybody else, too.
_CALLS = {
    "keys": "call(248, b'user', b'x', b'y', 1, -3); call(250, 0, -3, 0)",
    "other processes": "call(101, 0, -1, 0, 0); call(310, os.getpid(), 0, 0, 0, 0, 0)",
    "faults handled by programs": "call(323, 1)",
    "io_uring": "call(425, 8, ctypes.create_string_buffer(120))",
    "programs of the kernel": "call(321, 5, ctypes.create_string_buffer(128), 128)",
    "files in memory": "call(319, b'x', 0)",
    "memory of System V": "call(29, 0, 4096, 0o1600)",
    "messages of System V": "call(68, 0, 0o1600)",
    "a namespace": "call(272, 0x10000000)",
    "a namespace of a child": "child = call(56, 0x10000000 | 17, 0, 0, 0, 0)\nif child == 0: os._exit(0)",
    "a personality": "call(135, 0x0040000)",
    "virtual sockets": "call(41, 40, 1, 0)",
    "the kernel's cryptography": "call(41, 38, 5, 0)",
}


@pytest.mark.parametrize("purpose", _CALLS)
async def test_refused(sandbox: Sandbox, tree: Path, purpose: str) -> None:
    inside = await run_python(sandbox, tree, _HELP + _CALLS[purpose])
    if sandbox.name == "podman" and purpose == "a personality":
        return  # it has a list of those that it allows
    assert "held" in inside.output and "ESCAPED" not in inside.output, inside.output
    if purpose == "virtual sockets":
        return  # a kernel without them refuses them to everybody
    assert "ESCAPED" in (await run_python(Bare(), tree, _HELP + _CALLS[purpose])).output


_WRITING = """
import os, re
def write(parent):
    with open(f"/proc/{parent}/maps") as maps:
        place = next(line for line in maps if "[stack]" in line or " rw-p " in line)
    with open(f"/proc/{parent}/mem", "r+b", buffering=0) as memory:
        memory.seek(int(place.split("-")[0], 16))
        byte = memory.read(1)
        memory.seek(-1, os.SEEK_CUR)
        memory.write(byte)
try: write(os.getppid()); print("ESCAPED")
except OSError as error: print("held:", error)
"""


async def test_the_memory_of_who_writes_the_record(tree: Path) -> None:
    inside = await run_python(open_sandbox("bubblewrap"), tree, _WRITING)
    assert "held" in inside.output, inside.output
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_WRITING!r}])"
    assert "ESCAPED" in (await run_python(Bare(), tree, parent)).output


async def test_honest_programs_find_what_they_need(sandbox: Sandbox, tree: Path) -> None:
    program = """
import asyncio, concurrent.futures, mmap, multiprocessing, multiprocessing.shared_memory, os, socket, sqlite3
import subprocess, sys, tempfile, threading
if __name__ == "__main__":
    thread = threading.Thread(target=print, args=("thread",))
    thread.start(); thread.join()
    with concurrent.futures.ProcessPoolExecutor(2) as pool: print("pool", sum(pool.map(abs, [-1, 2])))
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool: print(method, pool.map(abs, [-1]))
    shared = multiprocessing.shared_memory.SharedMemory(create=True, size=4096); shared.close(); shared.unlink()
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    one, two = socket.socketpair(); one.send(b"x"); print(two.recv(1))
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()); print("loopback")
    with tempfile.TemporaryDirectory() as folder:
        made = sqlite3.connect(folder + "/x.db"); made.execute("pragma journal_mode=wal")
        made.execute("create table t (x)"); made.close()
    async def main():
        process = await asyncio.create_subprocess_exec("true"); print("async", await process.wait())
        print(await asyncio.to_thread(lambda: "to_thread"))
    asyncio.run(main())
    block = mmap.mmap(-1, 4096); block[0] = 1
    print("all done")
"""
    (tree / "honest.py").write_text(program)
    run = "import runpy, sys; sys.argv = ['honest.py']; runpy.run_path('honest.py', run_name='__main__')"
    inside = await run_python(sandbox, tree, run)
    assert inside.succeeded and "all done" in inside.output, inside.output[-2000:]


async def test_pages_that_processes_share_count_once(tree: Path) -> None:
    program = """
import os, time
block = bytearray(b"x") * (400 * 2**20)
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1.5)
        os._exit(0)
for _ in range(5): os.wait()
print("done")
"""
    inside = await run_python(open_sandbox("bubblewrap"), tree, program)
    assert inside.succeeded, inside
    assert 400 < inside.memory_mb <= LIMITS.memory_mb


async def test_what_a_caller_has_set_up_is_not_inherited(sandbox: Sandbox, tree: Path) -> None:
    program = """
import signal
ignored = [n.name for n in signal.valid_signals() if isinstance(n, signal.Signals)
           and signal.getsignal(n) == signal.SIG_IGN]
print("ignored", sorted(ignored), "oom", open("/proc/self/oom_score_adj").read().strip())
"""
    ignored = (signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        inside = await run_python(sandbox, tree, program)
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)
    # SIGPIPE and SIGXFSZ are ignored by Python itself.
    assert "ignored ['SIGPIPE', 'SIGXFSZ']" in inside.output, inside.output
    if sandbox.name == "bubblewrap":
        assert "oom 1000" in inside.output


@pytest.mark.parametrize("killed", [False, True])
async def test_nothing_is_left_to_be_reaped(tree: Path, killed: bool) -> None:
    """Who adopts what a run has left behind would have to wait for it: in a container that is often nobody."""
    script = f"""
import asyncio, ctypes, os, pathlib, psutil, sys
sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans come to this process
from tests.sandbox.conftest import LIMITS, run_python
from hishamos_pipeline.sandbox.bubblewrap import Bubblewrap
from dataclasses import replace
program = "import os, time\\nif os.fork(): time.sleep({30 if killed else 0})\\nelse: time.sleep(60)"
limits = replace(LIMITS, wall_seconds=1)
print(asyncio.run(run_python(Bubblewrap(), pathlib.Path({str(tree)!r}), program, limits=limits)).ending)
print("left", [(p.name(), p.status()) for p in psutil.Process().children(recursive=True)])
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert "left []" in done.stdout, done.stdout
    assert ("HISHAMOS_CHECK_SECONDS" in done.stdout) == killed


@pytest.mark.parametrize("machine", system_calls.MACHINES)
def test_the_filters_are_made_from_the_list(machine: str) -> None:
    place = system_calls.filter_file(machine)
    assert place is not None
    assert place.read_bytes() == compiled(machine), "python -m scripts.system_call_filters"


def test_other_machines_have_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    assert system_calls.filter_file() is None
