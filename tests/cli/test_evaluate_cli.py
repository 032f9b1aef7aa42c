"""`hishamos evaluate`: told line by line, kept, drawn, and compared with what was kept."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.commands import hishamos

pytestmark = pytest.mark.slow


def test_an_evaluation_is_told_drawn_and_compared(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "suites" / "keyless", tmp_path / "suite")
    first = hishamos(tmp_path, "evaluate", "suite", "--plot")
    assert first.returncode == 0, first.stderr
    assert "notes 1: exported, 2 of 2 stories, 2 of 2 hidden tests" in first.stdout
    assert "notes 2: exported, 3 of 3 stories, 3 of 3 hidden tests" in first.stdout
    (kept,) = (tmp_path / "state" / "evaluations").glob("suite-*.json")
    assert f"kept as {kept}" in first.stdout and "hidden passed" in first.stdout
    both = hishamos(tmp_path, "evaluate", "suite", "--compare", str(kept), "--json")
    said = json.loads(both.stdout)
    assert said["first"]["hidden_tests"] == said["second"]["hidden_tests"] == 5
    none = hishamos(tmp_path, "evaluate", "suite", "--case", "gone")
    assert none.returncode == 2 and "has no case 'gone'" in none.stderr


def test_a_suite_with_a_recorded_model_needs_no_key(tmp_path: Path) -> None:
    suite = ROOT / "examples" / "suites" / "recorded"
    argv = [sys.executable, str(suite / "model.py"), "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            urls = json.dumps({"openai-chat": server.stdout.readline().strip()})
            told = hishamos(
                tmp_path, "evaluate", str(suite), HISHAMOS_LLM="openai-chat:recorded", HISHAMOS_LLM_URLS=urls,
                HISHAMOS_LLM_FREE="openai-chat:recorded", OPENAI_API_KEY="none",
            )  # fmt: skip
        finally:
            server.kill()
    assert told.returncode == 0, told.stderr
    assert "reading-log 1: exported, 3 of 3 stories, 3 of 3 hidden tests" in told.stdout
