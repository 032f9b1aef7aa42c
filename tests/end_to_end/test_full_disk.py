"""A disk that is full while a project is built: the cause is told, nothing half-written stays, and it goes on later."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
BRIEF = "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n"
# The home is a disk of its own, which is gone with the last process of the namespace.
SCRIPT = """
mount -t tmpfs -o size=40m none "$HISHAMOS_HOME"
"$PYTHON" -m hishamos_pipeline.cli.main ideas submit notes.md
dd if=/dev/zero of="$HISHAMOS_HOME/filler" bs=1k 2>/dev/null || true
echo --- full
"$PYTHON" -m hishamos_pipeline.cli.main build notes || echo "exit $?"
truncate --size=-3M "$HISHAMOS_HOME/filler"
echo --- nearly full
"$PYTHON" -m hishamos_pipeline.cli.main build notes || echo "exit $?"
rm "$HISHAMOS_HOME/filler"
echo --- room again
"$PYTHON" -m hishamos_pipeline.cli.main build notes
find "$HISHAMOS_HOME/projects/notes/staging" -mindepth 1 | wc -l
"""


def test_a_full_disk_is_told_and_made_up_for(tmp_path: Path, toolchains_dir: Path) -> None:
    (tmp_path / "notes.md").write_text(BRIEF)
    home = tmp_path / "disk"
    home.mkdir()
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    environment = {**os.environ, "HISHAMOS_HOME": str(home), "PYTHON": sys.executable}
    done = subprocess.run(
        ["unshare", "--mount", *user, "sh", "-ec", SCRIPT],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800,
    )  # fmt: skip
    full, nearly, later = re.split("--- nearly full|--- room again", done.stdout.partition("--- full")[2])
    assert "exit 5" in full and "its disk not full" in done.stderr, (done.stdout, done.stderr)
    assert "exit " in nearly, (nearly, done.stderr)
    assert done.returncode == 0 and "exported" in later, (later, done.stderr)
    assert later.split()[-1] == "0"
