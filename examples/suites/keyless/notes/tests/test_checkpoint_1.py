"""What a note keeper has to do, whoever writes it."""

import os
import subprocess
import sys
from pathlib import Path


def notes(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Call the program with a database of its own."""
    variables = {**os.environ, "PYTHONPATH": str(Path("project/src").resolve())}
    command = [sys.executable, "-m", "notes", "--database", str(folder / "notes.db"), *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)


def test_an_added_note_is_listed(tmp_path: Path) -> None:
    assert notes(tmp_path, "note", "add", "--title", "Buy milk").returncode == 0
    assert "Buy milk" in notes(tmp_path, "note", "list").stdout


def test_a_note_without_a_title_is_refused(tmp_path: Path) -> None:
    assert notes(tmp_path, "note", "add").returncode != 0
    assert "Buy milk" not in notes(tmp_path, "note", "list").stdout
