"""Running commands and timing them: whole processes, medians of several runs, A and B in turn."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HISHAMOS = (sys.executable, "-m", "hishamos_pipeline.cli.main")


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, its figure, and the bound that it is held to."""

    name: str
    figure: str
    bound: str
    kept: bool


def seconds(command: Sequence[str], *, home: Path | None = None, cwd: Path | None = None) -> float:
    """Wall time of a command that has to succeed."""
    started = time.perf_counter()
    subprocess.run(command, env=environment(home), cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def environment(home: Path | None) -> Mapping[str, str]:
    """The environment with a home of its own."""
    return {**os.environ, "HISHAMOS_HOME": str(home)} if home else dict(os.environ)


def medians(first: Callable[[], float], second: Callable[[], float], runs: int = 3) -> tuple[float, float]:
    """Medians of two measurements taken in turn, so that a slow moment hits both."""
    pairs = [(first(), second()) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def peak_mb(command: Sequence[str], home: Path) -> float:
    """Largest resident memory of a command or any process it starts, in MB."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        env=environment(home),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1]) / 1000


def own_peak_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
