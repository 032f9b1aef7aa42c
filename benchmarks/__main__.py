"""Measures, prints, and writes docs/benchmarks.md."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import archiving, changing, models, operating, publishing
from benchmarks.empty_graph import critical_path
from benchmarks.measure import HISHAMOS, Row, environment, medians, peak_mb, seconds

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "benchmarks.md"
LIBRARY = str(ROOT / "examples" / "ideas" / "lending-library.md")


def pipeline_rows() -> list[Row]:
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
        "from hishamos_pipeline.jobs.home import prepare_dagster_home\n"
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


def brief_rows(briefs: list[tuple[str, Path]]) -> list[str]:
    """Build every brief, and say what came of it."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in briefs:
            started = time.perf_counter()
            done = subprocess.run(
                [*HISHAMOS, "build", str(path), "--json"],
                env=environment(Path(folder)), check=False, capture_output=True, text=True,
            )  # fmt: skip
            facts = json.loads(done.stdout)
            took = time.perf_counter() - started
            figures = [
                name, facts["state"], facts["requirements"], facts["stories"], facts["implemented"],
                len(facts["deferred"]), facts["files"], facts["tests"], f"{facts['coverage']:g}", f"{took:.1f}",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(map(str, figures))} |")
            sys.stdout.write(lines[-1] + "\n")
    return lines


def briefs() -> list[tuple[str, Path]]:
    """Our examples, and the briefs of a JSONL file that ``HISHAMOS_BENCH_IDEAS`` names."""
    found = [(path.stem, path) for path in sorted((ROOT / "examples" / "ideas").iterdir())]
    extra = os.environ.get("HISHAMOS_BENCH_IDEAS")
    if extra:
        folder = Path(tempfile.mkdtemp())
        for line in Path(extra).read_text().splitlines():
            idea = json.loads(line)
            path = folder / f"{idea['id'].split(':')[-1]}.md"
            path.write_text(f"# {idea['title']}\n\n{idea['brief']}\n")
            found.append((idea["title"], path))
    return found


def main() -> None:
    """Measure everything."""
    rows = [
        *pipeline_rows(),
        *archiving.measure(),
        *models.measure(),
        *changing.measure(),
        *publishing.measure(),
        *operating.measure(),
    ]
    for row in rows:
        sys.stdout.write(f"{'ok ' if row.kept else 'NOT'} {row.name}: {row.figure} ({row.bound})\n")
    lines = brief_rows(briefs())
    cores = os.cpu_count()
    machine = f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
    text = [
        "# Benchmarks",
        "",
        f"Measured by `make bench` on {datetime.now(UTC).date()}: {machine}.",
        "Times are medians or minima of whole processes; ratios are of commands run in turn in one run.",
        "",
        "| what | figure | bound | kept |",
        "| --- | --- | --- | --- |",
        *(f"| {r.name} | {r.figure} | {r.bound} | {'yes' if r.kept else '**no**'} |" for r in rows),
        "",
        "## Briefs",
        "",
        "Our examples, and 30 briefs of [app-ideas](https://github.com/florinpop17/app-ideas) (MIT), most of which",
        "ask for screens, games or web services that rules cannot make. Those are `blocked`, each with its reasons.",
        "",
        "| brief | state | requirements | stories | implemented | deferred | files | tests | coverage % | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]
    TARGET.write_text("\n".join(text))


if __name__ == "__main__":
    main()
