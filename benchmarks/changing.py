"""What a change costs: one story of twelve edited, against a build from scratch; sandbox, checks and toolchains."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import HISHAMOS, Row
from benchmarks.models import build_with, environment_of
from benchmarks.ten_stories import InventedProject
from hishamos_pipeline.sandbox.choice import open_sandbox
from hishamos_pipeline.sandbox.interface import Command, Limits
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import open_store
from hishamos_pipeline.toolchains.python import PythonToolchains
from tests.fakes.index import package_index
from tests.fakes.providers import provider

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "examples" / "ideas" / "lending-library.md"
STORIES = 12
_RUNS = 9
_TEST = "def test_one(tmp_path):\n    assert tmp_path.is_dir()\n"


def measure() -> list[Row]:
    """All rows."""
    return [
        *asyncio.run(_start_up()),
        *_model_change(),
        _blueprint_change(),
        _checks(),
        *asyncio.run(_toolchain()),
    ]


async def _start_up() -> list[Row]:
    """``python -m pytest`` on one test, in the sandbox and in a bare subprocess, in turns."""
    sandbox = open_sandbox()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir(mode=0o755)
        (tree / "test_one.py").write_text(_TEST)
        prepared = await PythonToolchains(Settings(home=Path(folder) / "home")).prepare([])
        assert prepared.toolchain
        argv = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
        python = str(prepared.toolchain.programs / "python")
        bare, held = [], []
        for _ in range(_RUNS):
            began = time.perf_counter()
            await asyncio.to_thread(
                subprocess.run, [python, *argv[1:]], cwd=tree, check=True, capture_output=True
            )
            bare.append(time.perf_counter() - began)
            began = time.perf_counter()
            outcome = await sandbox.run(Command(argv), tree, Limits(), prepared.toolchain)
            held.append(time.perf_counter() - began)
            assert outcome.succeeded, outcome
    one, other = (statistics.median(times) * 1000 for times in (held, bare))
    return [
        Row(f"sandbox ({sandbox.name}): pytest on one test, against a bare subprocess",
            f"{one - other:.0f} ms more, {one / other:.2f} ({one:.0f} / {other:.0f} ms)", "told", True)
    ]  # fmt: skip


def _model_change() -> list[Row]:
    """One story of twelve gets another wish and another promise; the share of calls and tokens that this costs."""
    model = InventedProject(STORIES, 0.0)
    with tempfile.TemporaryDirectory() as folder, provider(model) as fake:
        home = Path(folder) / "h"
        build_with(home, fake, model.brief())
        before = _spent(home)
        edit = [*HISHAMOS, "edit", "many", "stories", "US-005", "--set", "want=to call feature 5 loudly",
                "--set", "criteria.0.when=feature 5 runs loudly"]  # fmt: skip
        subprocess.run(edit, env=environment_of(home, fake), check=True, capture_output=True)
        plan = subprocess.run([*HISHAMOS, "plan", "many", "--json"], env=environment_of(home, fake), check=True,
                              capture_output=True, text=True)  # fmt: skip
        predicted = sum(item["calls"] for item in json.loads(plan.stdout))
        subprocess.run(
            [*HISHAMOS, "build", "many"], env=environment_of(home, fake), check=True, capture_output=True
        )
        after = _spent(home)
    calls, tokens = (100 * (b - a) / a for a, b in zip(before, after, strict=True))
    return [
        Row(f"one story of {STORIES} edited, model engine: calls against a build from scratch",
            f"{calls:.0f} % ({after[0] - before[0]} of {before[0]}; predicted {predicted:.0f})",
            "at most 20 %", calls <= 20),
        Row(f"one story of {STORIES} edited, model engine: share of tokens",
            f"{tokens:.0f} % ({after[1] - before[1]:,} of {before[1]:,})", "at most 20 %", tokens <= 20),
    ]  # fmt: skip


def _spent(home: Path) -> tuple[int, int]:
    store = open_store(f"sqlite:///{home}/store.db")
    spent = store.calls.spent("many")
    store.engine.dispose()
    return spent.calls, spent.input_tokens + spent.output_tokens


def _blueprint_change() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HISHAMOS_HOME": folder}

        def run(*arguments: str) -> str:
            done = subprocess.run(
                [*HISHAMOS, *arguments], env=environment, check=True, capture_output=True, text=True
            )
            return done.stdout

        run("build", str(LIBRARY))
        run("edit", "lending-library", "stories", "US-003", "--set", "title=Find books")
        steps = json.loads(run("plan", "lending-library", "--json"))
        made = sum(len(item["units"]) for item in steps)
        whole = made + sum(item["kept"] for item in steps) + 6  # the CI files are not even looked at
        run("build", "lending-library")
    share = 100 * made / whole
    return Row("one story of 23 edited, blueprint engine: units made again",
               f"{share:.0f} % ({made} of {whole})", "told", True)  # fmt: skip


def _checks() -> Row:
    """All checks of a project of 40 files and more, against one run of its pytest."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HISHAMOS_HOME": folder}
        subprocess.run([*HISHAMOS, "build", str(LIBRARY)], env=environment, check=True, capture_output=True)
        tree = Path(folder) / "projects" / "lending-library" / "tree"
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        times = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run(argv, cwd=tree.resolve(), check=True, capture_output=True)
            times.append(time.perf_counter() - began)
        store = open_store(f"sqlite:///{folder}/store.db")
        row = store.artifacts.require("lending-library", "verified_build")
        files = sum(path.is_file() for path in tree.rglob("*"))
        store.engine.dispose()
    pytest = statistics.median(times)
    return Row(f"all checks of a project of {files} files, against its pytest once",
               f"{row.seconds / pytest:.1f} ({row.seconds:.1f} s / {pytest:.1f} s)", "told", True)  # fmt: skip


async def _toolchain() -> list[Row]:
    """A toolchain of three wheels from an index on loopback: resolved and installed, and found again."""
    os.environ["PIP_CONFIG_FILE"] = "/dev/null"
    with tempfile.TemporaryDirectory() as folder, package_index() as index:
        for number in range(3):
            index.add(f"part-{number}-of-tests", padding=2**20)
        settings = Settings(home=Path(folder), index_url=index.url)
        times = []
        for requirements in (
            [],
            [f"part-{n}-of-tests" for n in range(3)],
            [f"part-{n}-of-tests" for n in range(3)],
        ):
            began = time.perf_counter()
            await PythonToolchains(settings).prepare(requirements)
            times.append(time.perf_counter() - began)
    base, cold, warm = times
    return [
        Row("toolchain: the tools alone, made", f"{base * 1000:.0f} ms", "told", True),
        Row(
            "toolchain: three dependencies, cold and warm",
            f"{cold:.1f} s, {warm * 1000:.1f} ms",
            "told",
            True,
        ),
    ]
