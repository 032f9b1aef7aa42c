"""The subprocess sandbox, for real: environment, limits, and a process group that dies."""

import os
import sys
import time
from pathlib import Path

import pytest

from hishamos_pipeline.errors import ToolMissingError
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome
from hishamos_pipeline.sandbox.subprocess_sandbox import SubprocessSandbox
from tests.fakes.sandbox import FakeSandbox


async def run(program: str, tree: Path, **limits: float) -> Outcome:
    command = Command(("python", "-c", program))
    return await SubprocessSandbox().run(command, tree, Limits(**{"wall_seconds": 20, **limits}))  # type: ignore[arg-type]


async def test_output_and_exit_code(tmp_path: Path) -> None:
    outcome = await run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (outcome.exit_code, outcome.succeeded) == (3, False)
    assert "out" in outcome.output and "err" in outcome.output


async def test_the_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-value")
    outcome = await run("import os; print(sorted(os.environ)); print(os.environ['HOME'])", tmp_path)
    assert "ANTHROPIC" not in outcome.output and "secret-value" not in outcome.output
    home = outcome.output.strip().splitlines()[-1]
    assert "hishamos-home-" in home and not Path(home).exists()


async def test_wall_time(tmp_path: Path) -> None:
    outcome = await run("import time; time.sleep(60)", tmp_path, wall_seconds=0.5)
    assert outcome.exit_code is None
    assert "HISHAMOS_CHECK_SECONDS" in outcome.limit


async def test_cpu_time(tmp_path: Path) -> None:
    outcome = await run("while True: pass", tmp_path, cpu_seconds=1)
    assert outcome.exit_code is None
    assert "HISHAMOS_CHECK_CPU_SECONDS" in outcome.limit


async def test_memory(tmp_path: Path) -> None:
    outcome = await run("x = bytearray(1024**3); print(len(x))", tmp_path, memory_mb=256)
    assert not outcome.succeeded
    assert "MemoryError" in outcome.output


async def test_file_size(tmp_path: Path) -> None:
    program = "f = open('big', 'wb')\nfor _ in range(64): f.write(bytes(2**20)); f.flush()"
    outcome = await run(program, tmp_path, file_mb=4)
    assert not outcome.succeeded
    assert (tmp_path / "big").stat().st_size <= 4 * 2**20


async def test_endless_output_keeps_head_and_tail(tmp_path: Path) -> None:
    program = "print('first')\nfor n in range(300000): print('line', n)\nprint('last')"
    outcome = await run(program, tmp_path, output_bytes=10_000)
    assert outcome.succeeded
    assert outcome.output.startswith("first") and outcome.output.rstrip().endswith("last")
    assert "left out" in outcome.output and len(outcome.output) < 25_000


async def test_what_it_starts_dies_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\nprint(child.pid)"
    )
    outcome = await run(program, tmp_path)
    pid = int(outcome.output.strip())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


async def test_what_leaves_the_process_group_dies_too_and_nobody_waits_for_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=True)\n"
        "print(child.pid)"
    )
    outcome = await run(program, tmp_path)
    assert outcome.succeeded and outcome.seconds < 15
    pid = int(outcome.output.strip())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="no-such-program"):
        await SubprocessSandbox().run(Command(("no-such-program",)), tmp_path, Limits())


async def test_python_is_the_interpreter_of_hishamos(tmp_path: Path) -> None:
    outcome = await run("import sys; print(sys.prefix)", tmp_path)
    assert os.path.realpath(outcome.output.strip()) == os.path.realpath(sys.prefix)


async def test_the_fake_answers_from_its_script_and_remembers(tmp_path: Path) -> None:
    fake = FakeSandbox({("ruff", "check", "."): Outcome(1, "bad", 0.1)})
    assert (await fake.run(Command(("ruff", "check", ".")), tmp_path, Limits())).output == "bad"
    assert (await fake.run(Command(("ruff", "format")), tmp_path, Limits())).succeeded
    assert [command.argv for command, _ in fake.runs] == [("ruff", "check", "."), ("ruff", "format")]
