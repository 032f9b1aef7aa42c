"""Archives and history of a 5,000-file tree against zip, tar and git."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Row, medians, own_peak_mb, seconds
from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories, TreeFile, VerifiedBuild
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.delivery import archives
from hishamos_pipeline.delivery.commits import Identity
from hishamos_pipeline.delivery.repository import build_repository

FILES = 5000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _tree() -> tuple[VerifiedBuild, dict[str, str]]:
    texts = {f"src/p{n % 50}/module_{n}.py": f"VALUE = {n}\n" + f"# line of {n}\n" * 60 for n in range(FILES)}
    files = tuple(
        TreeFile(path=path, sha256=sha256_text(text), size=len(text)) for path, text in sorted(texts.items())
    )
    build = VerifiedBuild(
        passed=True, tree_hash="x", files=files, checks=(), commands=(), tests=1, coverage=100.0,
        requirements_verified=0, stories_verified=(), deferred=(),
    )  # fmt: skip
    return build, {sha256_text(text): text for text in texts.values()}


def _build(target: Path, build: VerifiedBuild, texts: dict[str, str]) -> float:
    stories = Stories(epics=(), stories=(), sprint=SprintRules())
    plan = SprintPlan(sprints=(), backlog=(), capacity=1)
    started = time.perf_counter()
    build_repository(
        target, None, build, texts, stories=stories, plan=plan, title="x", identity=Identity("A", "a@x"),
        start=_NOW, now=_NOW,
    )  # fmt: skip
    return time.perf_counter() - started


def measure(runs: int = 3) -> list[Row]:
    """Ratios for Git, ZIP and TAR.GZ, and the memory that archiving adds."""
    build, texts = _tree()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = iter(range(1000))

        def ours() -> float:
            return _build(root / f"ours{next(count)}", build, texts)

        def plain() -> float:
            target = root / f"plain{next(count)}"
            started = time.perf_counter()
            for file in build.files:
                (target / file.path).parent.mkdir(parents=True, exist_ok=True)
                (target / file.path).write_text(texts[file.sha256])
            subprocess.run(["git", "init", "-q", str(target)], check=True)
            subprocess.run(["git", "-C", str(target), "add", "."], check=True)
            identity = ["-c", "user.name=A", "-c", "user.email=a@x"]
            subprocess.run(["git", "-C", str(target), *identity, "commit", "-qm", "all"], check=True)
            return time.perf_counter() - started

        rows.append(
            _row("Git against writing the files, `git add` and `git commit`", *medians(ours, plain, runs))
        )
        repository = root / "repository"
        _build(repository, build, texts)
        before = own_peak_mb()

        def timed(write: Callable[[Path, Path, str], object], suffix: str) -> Callable[[], float]:
            def run() -> float:
                started = time.perf_counter()
                write(repository, root / f"{next(count)}.{suffix}", "x")
                return time.perf_counter() - started

            return run

        zip_command = [sys.executable, "-m", "zipfile", "-c"]
        if subprocess.run(["which", "zip"], capture_output=True, check=False).returncode == 0:
            zip_command = ["zip", "-qr"]

        def other_zip() -> float:
            source = ["src"]
            return seconds([*zip_command, str(root / f"{next(count)}.zip"), *source], cwd=repository)

        def other_tar() -> float:
            return seconds(["tar", "czf", str(root / f"{next(count)}.tgz"), "src"], cwd=repository)

        rows.append(
            _row(
                f"ZIP against `{' '.join(zip_command[-2:])}`",
                *medians(timed(archives.write_zip, "zip"), other_zip, runs),
            )
        )
        rows.append(
            _row("TAR.GZ against `tar czf`", *medians(timed(archives.write_tar, "tar.gz"), other_tar, runs))
        )
        added = own_peak_mb() - before
        rows.append(Row("memory that archiving adds", f"{added:.0f} MB", "under 100 MB", added < 100))
    return rows


def _row(name: str, ours: float, other: float) -> Row:
    ratio = ours / other
    return Row(
        f"{FILES:,} files: {name}", f"{ratio:.2f} ({ours:.2f} s / {other:.2f} s)", "under 1.5", ratio < 1.5
    )
