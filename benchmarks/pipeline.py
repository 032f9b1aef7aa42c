"""A build as a user sees it: against the bare engine, a second time, and in memory."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.empty_graph import critical_path
from benchmarks.measure import HISHAMOS, Row, environment, medians, peak_mb, seconds

ROOT = Path(__file__).parent.parent
LIBRARY = str(ROOT / "examples" / "ideas" / "lending-library.md")


def measure() -> list[Row]:
    """The build against the bare engine, a second build, help, and memory."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = iter(range(1000))

        def build() -> float:
            return seconds([*HISHAMOS, "build", LIBRARY], home=root / f"h{next(count)}")

        def empty() -> float:
            return _engine(root / f"e{next(count)}", 0)[1]

        ours, bare = medians(build, empty)
        ratio = ours / bare
        rows.append(
            Row("lending library against the bare engine, whole processes",
                f"{ratio:.2f} ({ours:.1f} s / {bare:.1f} s)", "under 6", ratio < 6)
        )  # fmt: skip
        rows.append(
            Row("lending library, from nothing to archives", f"{ours:.1f} s", "under 15 s", ours < 15)
        )
        path = critical_path()
        asleep = min(_engine(root / f"s{next(count)}", 1)[0] for _ in range(2))
        rows.append(
            Row(f"bodies that sleep 1 s: run time against the critical path of {path}",
                f"{asleep / path:.2f} ({asleep:.1f} s)", "under 1.6", asleep / path < 1.6)
        )  # fmt: skip
        home = root / "again"
        seconds([*HISHAMOS, "build", LIBRARY], home=home)
        again = min(seconds([*HISHAMOS, "build", "lending-library"], home=home) for _ in range(3))
        rows.append(Row("second build, nothing changed", f"{again:.2f} s", "under 2 s", again < 2))
        usage = min(seconds([*HISHAMOS, "--help"]) for _ in range(5))
        rows.append(Row("`hishamos --help`", f"{usage:.2f} s", "under 0.3 s", usage < 0.3))
        peak = peak_mb([*HISHAMOS, "build", LIBRARY], root / "peak")
        rows.append(Row("peak memory of a build", f"{peak:.0f} MB", "under 350 MB", peak < 350))
    return rows


def _engine(home: Path, pause: float) -> tuple[float, float]:
    """Seconds of the run, and of the whole process."""
    from hishamos_pipeline.settings import Settings

    program = (
        "from hishamos_pipeline.resources.dagster_home import prepare_dagster_home\n"
        "from hishamos_pipeline.settings import get_settings\n"
        "prepare_dagster_home(get_settings())\n"
        "from benchmarks.empty_graph import main\n"
        f"main({pause})"
    )
    assert Settings(home=home).home == home
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(home),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1]), time.perf_counter() - started
