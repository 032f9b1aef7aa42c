"""Whole briefs, and what came of each: our examples, and those of a JSONL file that ``HISHAMOS_BENCH_IDEAS`` names."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import HISHAMOS, environment

ROOT = Path(__file__).parent.parent
HEAD = (
    "Our examples, and 30 briefs of [app-ideas](https://github.com/florinpop17/app-ideas) (MIT), most of which",
    "ask for screens, games or web services that rules cannot make. Those are `blocked`, each with its reasons.",
    "",
    "| brief | state | requirements | stories | implemented | deferred | files | tests | coverage % | seconds |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def measure() -> list[str]:
    """Build every brief, and say what came of it, as lines of a table."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _briefs():
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


def _briefs() -> list[tuple[str, Path]]:
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
