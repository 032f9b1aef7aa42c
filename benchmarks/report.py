"""docs/benchmarks.md: a section for each benchmark, with the machine and the day that it was measured on."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Row

TARGET = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Measured by `make bench`, or one by one with `python -m benchmarks NAME`. Times are medians or minima of whole
processes; ratios are of commands run in turn in one run.
"""


def table(rows: Iterable[Row]) -> list[str]:
    """Rows as lines of a table."""
    return [
        "| what | figure | bound | kept |",
        "| --- | --- | --- | --- |",
        *(f"| {r.name} | {r.figure} | {r.bound} | {'yes' if r.kept else '**no**'} |" for r in rows),
    ]


def write(name: str, lines: Sequence[str]) -> None:
    """Put a section in the place of the one of that name; all others stay as they are."""
    text = TARGET.read_text() if TARGET.exists() else ""
    sections = dict(re.findall(r"(?ms)^## (\w+)\n(.*?)(?=^## |\Z)", text))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    measured = f"On {datetime.now(UTC).date()}: {machine}."
    sections[name] = "\n".join(["", measured, "", *lines, "", ""])
    TARGET.write_text(_HEAD + "".join(f"\n## {title}\n{body.rstrip()}\n" for title, body in sections.items()))
