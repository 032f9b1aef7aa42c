"""Dagster's home, made by several processes at once."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (
    "import sys\nfrom pathlib import Path\n"
    "from hishamos_pipeline.resources.dagster_home import prepare_dagster_home\n"
    "from hishamos_pipeline.settings import Settings\n"
    "prepare_dagster_home(Settings(home=Path(sys.argv[1])))\n"
    "import dagster\nwith dagster.DagsterInstance.get() as instance:\n    print(instance.get_runs_count())\n"
)


@pytest.mark.slow
def test_several_processes_may_make_the_home_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "home")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=120) for process in processes]
    assert [out.strip() for out, _ in results] == ["0", "0", "0"], results
    assert [process.returncode for process in processes] == [0, 0, 0]
