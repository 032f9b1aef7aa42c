"""The chain with a real small model on a real server; run by ``make test-local-model``, not by ``make test``.

``LOCAL_MODEL_URL`` is any OpenAI-compatible server. What a small model writes is often wrong: the chain has to get
through the planning assets with valid documents, and end in ``verified`` or an honest ``failed``, never in an
exception.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import Architecture, Requirements, SprintPlan, Stories
from hishamos_pipeline.store.store import open_store

URL = os.environ.get("LOCAL_MODEL_URL", "http://127.0.0.1:8080/v1")
BRIEF = "# Greeter\n\nA command line program.\n\n## Features\n- User can print a greeting for a name\n"


@pytest.mark.timeout(3600)
def test_the_chain_ends_honestly(tmp_path: Path) -> None:
    """Planning documents are valid, and the state tells what came of it."""
    (tmp_path / "brief.md").write_text(BRIEF)
    environment = {
        **os.environ,
        "HISHAMOS_HOME": str(tmp_path / "home"),
        "HISHAMOS_LLM": os.environ.get("LOCAL_MODEL", "compatible:local"),
        "HISHAMOS_LLM_URLS": json.dumps({"compatible": URL}),
        "HISHAMOS_LLM_FREE": "compatible:*",
        "HISHAMOS_LLM_CONCURRENCY": "1",
        "HISHAMOS_LLM_MAX_OUTPUT_TOKENS": "1500",
        "HISHAMOS_LLM_FIRST_TOKEN_SECONDS": "600",
    }
    command = [sys.executable, "-m", "hishamos_pipeline.cli.main", "build", str(tmp_path / "brief.md")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    store = open_store(f"sqlite:///{tmp_path}/home/store.db")
    project = store.projects.get("greeter")
    for kind, model in (
        ("requirements", Requirements),
        ("architecture", Architecture),
        ("stories", Stories),
        ("sprint_plan", SprintPlan),
    ):
        assert store.artifacts.read("greeter", kind, model)
    assert project.state in ("verified", "exported", "failed", "blocked")
    assert project.state in ("verified", "exported") or project.reason
    assert all(row.outcome != "running" for row in store.calls.rows())
    store.engine.dispose()
