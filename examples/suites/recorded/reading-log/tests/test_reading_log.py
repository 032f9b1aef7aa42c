"""What a reading log has to do, whoever writes it."""

import os
import subprocess
import sys
from pathlib import Path


def log(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Call the program with a log of its own."""
    variables = {**os.environ, "PYTHONPATH": str(Path("project/src").resolve())}
    command = [sys.executable, "-m", "reading_log", "--data", str(folder / "log.json"), *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)


def test_books_are_listed_in_the_order_of_their_adding(tmp_path: Path) -> None:
    for title, pages in (("Persuasion", "249"), ("Emma", "474")):
        assert log(tmp_path, "add", title, pages).returncode == 0
    listed = log(tmp_path, "list").stdout
    assert listed.index("Persuasion") < listed.index("Emma")


def test_the_total_is_the_sum_of_all_pages(tmp_path: Path) -> None:
    for pages in ("10", "20", "12"):
        log(tmp_path, "add", "A", pages)
    assert log(tmp_path, "total").stdout.strip() == "42"


def test_a_book_without_pages_is_refused(tmp_path: Path) -> None:
    assert log(tmp_path, "add", "Emma", "0").returncode != 0
    assert "Emma" not in log(tmp_path, "list").stdout
