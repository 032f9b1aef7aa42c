"""Hostile code in every sandbox: none of it gets what it is after, and a bare subprocess shows that it would.

Each program prints ``ESCAPED`` for whatever it achieves; what it cannot tell itself is looked at from outside.
"""

import ctypes
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.sandbox.inside import UNTRUSTED
from hishamos_pipeline.sandbox.interface import Command, Outcome, Sandbox, Toolchain
from tests.sandbox.conftest import LIMITS, Bare, run_python

pytestmark = pytest.mark.slow

SECRET = "a-secret-that-nobody-may-read"
# What is tried, with what helps to try it: nothing that fails may end the program before the next attempt.
_HELP = """
import sys
def tried(name, act):
    try:
        if act(): print("ESCAPED:", name, flush=True)
    except BaseException as error: print("held:", name, type(error).__name__, flush=True)
"""


@dataclass
class Surroundings:
    """What there is to be had on the outside."""

    home: Path
    port: int
    listener: socket.socket
    unix: Path
    neighbour: "subprocess.Popen[bytes]"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Surroundings]:
    home = tmp_path / "operator"
    home.mkdir()
    (home / "secret.txt").write_text(SECRET)
    unix = tmp_path / "s.sock"
    with (
        socket.socket() as listener,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        local.bind(str(unix))
        local.listen()
        hidden.bind(f"\0hishamos-{os.getpid()}")
        hidden.listen()
        neighbour = subprocess.Popen(["sleep", "300"], env={"PATH": "/usr/bin:/bin", "TOKEN": SECRET})
        try:
            yield Surroundings(home, listener.getsockname()[1], listener, unix, neighbour)
        finally:
            neighbour.kill()
            neighbour.wait()


async def both(
    sandbox: Sandbox, tree: Path, program: str, *arguments: str, limits: object = LIMITS
) -> tuple[Outcome, Outcome]:
    """The outcome inside, and that of a bare subprocess."""
    inside = await run_python(sandbox, tree, _HELP + program, *arguments, limits=limits)  # type: ignore[arg-type]
    return inside, await run_python(Bare(), tree, _HELP + program, *arguments)


def held(inside: Outcome, bare: Outcome) -> None:
    """Nothing was achieved inside, everything was tried, and outside it would have been noticed."""
    assert "ESCAPED" not in inside.output, inside.output
    assert "held:" in inside.output or inside.limit or inside.signal, inside
    assert "ESCAPED" in bare.output, bare.output


async def test_secrets_of_the_environment(sandbox: Sandbox, tree: Path, outside: Surroundings) -> None:
    program = f"""
import glob, os
wanted = {SECRET!r}.encode()
for place in ["/proc/self/environ", *glob.glob("/proc/[0-9]*/environ")]:
    tried(place, lambda: wanted in open(place, "rb").read())
tried("environ", lambda: [name for name in os.environ if "HISHAMOS" in name])
tried("parents", lambda: 1 / 0)
"""
    held(*await both(sandbox, tree, program))


async def test_the_operators_files(sandbox: Sandbox, tree: Path, outside: Surroundings) -> None:
    program = """
tried("home", lambda: open(sys.argv[1]).read())
tried("shadow", lambda: open("/etc/shadow").read())
tried("through the tree", lambda: open("../operator/secret.txt").read())
tried("process", lambda: open(f"/proc/{sys.argv[2]}/root{sys.argv[1]}").read())
"""
    held(*await both(sandbox, tree, program, str(outside.home / "secret.txt"), str(outside.neighbour.pid)))


_KEYS = """
import ctypes
libc = ctypes.CDLL(None)
def read(number):
    room = ctypes.create_string_buffer(100)
    size = libc.syscall(250, 11, number, room, 100)
    return size > 0 and WANTED in room.raw
def search(ring):
    return read(libc.syscall(250, 10, ctypes.c_long(ring), b"user", b"hishamos-test", 0))
tried("session keyring", lambda: search(-3) or 1 / 0)
tried("user's session keyring", lambda: search(-5) or 1 / 0)
tried("every key", lambda: any(read(int(line.split()[0], 16)) for line in open("/proc/keys")) or 1 / 0)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86_64")
async def test_keys_of_the_callers_keyring(sandbox: Sandbox, tree: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall(248, b"user", b"hishamos-test", SECRET.encode(), len(SECRET), ctypes.c_int(-3))
    assert key > 0, os.strerror(ctypes.get_errno())
    try:
        # It is inherited by whatever this thread starts, threads among them.
        held(*await both(sandbox, tree, _KEYS.replace("WANTED", repr(SECRET.encode()))))
    finally:
        libc.syscall(250, 3, key)  # revoked


async def test_what_is_inherited_otherwise(sandbox: Sandbox, tree: Path) -> None:
    program = """
import os, signal
mask = os.umask(0)
print("umask", oct(mask))
print("blocked", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
print("files", sorted(int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2)[1:])
"""
    before, file = os.umask(0o077), os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(file, True)
    try:
        inside = await run_python(sandbox, tree, program)
    finally:
        os.umask(before)
        os.close(file)
    assert "umask 0o22" in inside.output and "blocked []" in inside.output, inside.output
    assert "files []" in inside.output, inside.output


async def test_writing_outside(sandbox: Sandbox, tree: Path, outside: Surroundings, tmp_path: Path) -> None:
    program = """
import os
for place in [sys.argv[1] + "/planted", sys.argv[2] + "/planted", "/usr/planted-by-test", "/etc/planted-by-test",
              os.path.join(os.path.dirname(os.__file__), "planted.py"), "/sandbox-tree/planted"]:
    tried(place, lambda: (open(place, "w"), os.remove(place)))
tried("the tree", lambda: open("file.txt", "w").write("changed"))
tried("a file of the tree gone", lambda: os.remove("sub/other.txt") is None)
tried("its folder", lambda: os.rename("sub", "other") is None)
"""
    inside = await run_python(sandbox, tree, _HELP + program, str(outside.home), str(tree))
    assert (tree / "file.txt").read_text() == "as it was", "the tree itself never changes"
    assert (tree / "sub" / "other.txt").exists()
    held(inside, await run_python(Bare(), tree, _HELP + program, str(outside.home), str(tree)))
    assert not list(tmp_path.rglob("planted*"))


async def test_connections(sandbox: Sandbox, tree: Path, outside: Surroundings) -> None:
    program = """
import socket
def connect(family, kind, address):
    with socket.socket(family, kind) as made:
        made.settimeout(3)
        made.connect(address)
        return True
port = int(sys.argv[1])
tried("loopback", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)))
tried("unix", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, sys.argv[2]))
tried("abstract", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\\0hishamos-" + sys.argv[3]))
# UDP: connecting asks the routing table alone, so that nothing is sent anywhere.
tried("beyond", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 9)))
"""
    held(*await both(sandbox, tree, program, str(outside.port), str(outside.unix), str(os.getpid())))


async def test_a_fork_bomb(sandbox: Sandbox, tree: Path) -> None:
    program = """
import os, signal, time
children = []
def fork():
    for _ in range(300):
        child = os.fork()
        if child == 0:
            time.sleep(20)
            os._exit(0)
        children.append(child)
    return True
tried("300 processes", fork)
for child in children: os.kill(child, signal.SIGKILL)
"""
    held(*await both(sandbox, tree, program))


async def test_eight_gibibytes(sandbox: Sandbox, tree: Path) -> None:
    # Most of it is not touched, so that the bare run does no harm.
    program = """
import mmap
def much():
    block = mmap.mmap(-1, 8 * 2**30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, 3 * 2**29, 4096): block[place] = 1
    return True
tried("8 GiB", much)
"""
    held(*await both(sandbox, tree, program))


async def test_memory_in_many_processes(sandbox: Sandbox, tree: Path) -> None:
    program = """
import os, time
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        block = bytearray(400 * 2**20)
        time.sleep(4)
        os._exit(0)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
print("ESCAPED: 2.4 GiB" if not any(ends) else "held: one was killed")
"""
    inside, bare = await both(sandbox, tree, program)
    held(inside, bare)
    assert inside.memory_mb < 2_400


async def test_an_endless_loop_that_ignores_signals(sandbox: Sandbox, tree: Path) -> None:
    program = """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
started = time.monotonic()
while time.monotonic() - started < 8: pass
print("ESCAPED: nobody stopped it")
"""
    limits = replace(LIMITS, wall_seconds=2)
    inside = await run_python(sandbox, tree, program, limits=limits)
    assert "ESCAPED" not in inside.output and inside.seconds < 7
    assert "HISHAMOS_CHECK_SECONDS" in inside.limit and inside.exit_code is None
    assert "ESCAPED" in (await run_python(Bare(), tree, program)).output


async def test_endless_output(sandbox: Sandbox, tree: Path) -> None:
    program = "print('first')\nfor _ in range(2_000_000): print('x' * 100)\nprint('ESCAPED: 200 MB printed')"
    inside, bare = await both(sandbox, tree, program)
    assert "ESCAPED" not in inside.output and "ESCAPED" in bare.output
    assert "HISHAMOS_CHECK_PRINTED_MB" in inside.limit
    assert inside.output.startswith("first") and len(inside.output) < 250_000


async def test_a_gigabyte_of_output_takes_no_memory(sandbox: Sandbox, tree: Path) -> None:
    before = psutil.Process().memory_info().rss
    program = "import sys\nblock = 'x' * 2**20\nfor _ in range(1024): sys.stdout.write(block)"
    inside = await run_python(sandbox, tree, program, limits=replace(LIMITS, printed_mb=2048))
    assert inside.succeeded and "bytes left out" in inside.output
    assert psutil.Process().memory_info().rss - before < 100 * 2**20


async def test_a_million_files(tree: Path, tmp_path: Path) -> None:
    # Engines of containers know no limit of files: there they end with the container, and their memory counts.
    sandbox = open_sandbox("bubblewrap")
    program = """
def files():
    for number in range(1_000_000):
        open(f"f{number}", "w").close()
        if number == 200_000: return True
tried("200,000 files", files)
"""
    inside = await run_python(sandbox, tree, _HELP + program)
    assert "ESCAPED" not in inside.output and "HISHAMOS_CHECK_FILES" in inside.limit
    bare = tmp_path / "bare"
    bare.mkdir()
    assert "ESCAPED" in (await run_python(Bare(), bare, _HELP + program)).output


async def test_a_full_disk(sandbox: Sandbox, tree: Path) -> None:
    program = """
import os
def fill(folder):
    written = 0
    for number in range(40):
        with open(f"{folder}/block{number}", "wb") as stream: written += stream.write(bytes(16 * 2**20))
    return written > 400 * 2**20
for place in (".", "/tmp", "/dev/shm", "/dev"):
    tried(place, lambda: fill(place))
    for name in os.listdir(place):
        if name.startswith("block"): os.remove(f"{place}/{name}")
"""
    held(*await both(sandbox, tree, program))


async def test_symlinks_out_of_the_tree(sandbox: Sandbox, tree: Path, outside: Surroundings) -> None:
    (tree / "way-out").symlink_to(outside.home)
    program = """
import os
tried("in the tree", lambda: open("way-out/secret.txt").read())
os.symlink(sys.argv[1], "report.json")
"""
    target = str(outside.home / "secret.txt")
    inside = await run_python(sandbox, tree, _HELP + program, target, collect=("report.json",))
    assert "ESCAPED" not in inside.output and "held" in inside.output
    assert inside.files == {}, "what a planted link leads to is not read"
    bare = await run_python(Bare(), tree, _HELP + program, target, collect=("report.json",))
    assert "ESCAPED" in bare.output and SECRET.encode() in bare.files["report.json"]


async def test_becoming_somebody_else(sandbox: Sandbox, tree: Path) -> None:
    program = """
import ctypes, os, shutil, stat, subprocess
libc = ctypes.CDLL(None, use_errno=True)
tried("root", lambda: os.setuid(0) or os.getuid() == 0)
def capabilities():
    line = next(line for line in open("/proc/self/status") if line.startswith("CapEff"))
    return int(line.split()[1], 16)
tried("capabilities", capabilities)
if sys.argv[1] == "bubblewrap":  # Podman's own profile of system calls allows it, and it gives nothing outside
    tried("user namespace", lambda: libc.unshare(0x10000000) == 0)
tried("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0)
def setuid_copy():
    shutil.copy("/usr/bin/id", "./id")
    os.chmod("./id", 0o6755)
    return subprocess.run(["./id", "-u"], capture_output=True, text=True).stdout.strip() == "0"
tried("setuid", setuid_copy)
print("still here")
"""
    inside = await run_python(sandbox, tree, _HELP + program)
    assert (
        "ESCAPED" not in inside.output and inside.output.count("held") + 5 - inside.output.count("held") == 5
    )
    bare = await run_python(Bare(), tree, _HELP + program)
    assert "ESCAPED" in bare.output or os.geteuid() != 0


async def test_killing_what_started_it(sandbox: Sandbox, tree: Path, outside: Surroundings) -> None:
    program = """
import os, signal
tried("a process outside", lambda: os.kill(int(sys.argv[1]), signal.SIGKILL) is None and int(sys.argv[1]) > 1)
if len(sys.argv) > 2:
    tried("its parents", lambda: [os.kill(pid, 9) for pid in (os.getppid(),)] and False)
    os.kill(-1, 9)
print("still here")
"""
    pid = str(outside.neighbour.pid)
    inside = await run_python(sandbox, tree, _HELP + program, pid, "all")
    assert outside.neighbour.poll() is None
    assert not inside.succeeded, "who kills what it runs in has not succeeded"
    await run_python(Bare(), tree, _HELP + program, pid)
    assert outside.neighbour.wait(5) == -9, "a bare subprocess would have killed it"


async def test_a_daemon_left_behind(sandbox: Sandbox, tree: Path) -> None:
    mark = f"daemon-of-{os.getpid()}"
    program = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(30)", {mark!r}])
    os._exit(0)
os.wait()
time.sleep(0.3)
print("left")
"""

    def alive() -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline", "status"])
                if mark in (p.info["cmdline"] or ()) and p.info["status"] != psutil.STATUS_ZOMBIE]  # fmt: skip

    inside = await run_python(sandbox, tree, program)
    assert "left" in inside.output and inside.seconds < 15
    deadline = time.monotonic() + 10
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive()
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    assert alive(), "a bare subprocess would have left it"
    for process in alive():
        process.kill()


async def test_a_record_that_was_interfered_with_is_not_believed(sandbox: Sandbox, tree: Path) -> None:
    """What runs as the same user can write to where the script writes: that is seen."""
    program = """
import os
for number in ("1", "3", "10"):
    for process in ("/proc/%d/fd/" % os.getppid(), "/proc/1/fd/"):
        try:
            with open(process + number, "wb") as record:
                record.write(b"times\\n0m0.0s 0m0.0s\\n0m0.0s 0m0.0s\\nfile 2 report.json\\n{}end\\n")
        except OSError: pass
print("done")
"""
    got = await run_python(sandbox, tree, program, collect=("report.json",))
    assert "done" in got.output and got.files == {}
    assert got.changed in ((), (UNTRUSTED,))


async def test_programs_of_a_toolchain_never_set_the_sandbox_up(tree: Path, tmp_path: Path) -> None:
    """A dependency may bring programs called like those that hold it."""
    programs = tmp_path / "toolchain"
    programs.mkdir()
    for name in ("setpriv", "prlimit", "bwrap", "cp", "diff", "env", "timeout", "sh", "tail"):
        (programs / name).write_text("#!/bin/sh\necho ESCAPED: $0 >&2\nexit 0\n")
        (programs / name).chmod(0o755)
    own = own_toolchain()
    toolchain = Toolchain(programs, (programs, *own.folders))
    command = Command(
        ("/bin/sh", "-c", "grep -E 'Cap(Eff|Prm)|NoNewPrivs' /proc/self/status; ulimit -n"), writes=True
    )
    got = await open_sandbox("bubblewrap").run(command, tree, LIMITS, toolchain)
    assert "ESCAPED" not in got.output and got.succeeded, got
    assert [int(line.split()[1], 16) for line in got.output.splitlines() if line.startswith("Cap")] == [0, 0]
    assert got.output.splitlines()[-1] == "256"
