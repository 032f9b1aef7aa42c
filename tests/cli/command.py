"""The command as a whole process, with a home of its own."""

import os
import subprocess
import sys
from pathlib import Path


def hishamos(
    home: Path, *arguments: str, stdin: str = "", **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "HISHAMOS_HOME": str(home / "state"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "hishamos_pipeline.cli.main", *arguments],
        cwd=home, env=environment, input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip
