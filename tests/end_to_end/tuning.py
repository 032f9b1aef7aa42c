"""Dagster's home as the product makes it, with shorter waits, so that tests do not wait as long as people may."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

_PREPARE = """
from hishamos_pipeline.resources.dagster_home import prepare_dagster_home
from hishamos_pipeline.settings import get_settings
prepare_dagster_home(get_settings())
"""


def tuned_home(
    home: Path, argv: Callable[..., list[str]], environment: Mapping[str, str], changes: Mapping[str, Any]
) -> Path:
    """Make Dagster's home, and a copy of its settings with changes.

    Args:
        home: the installation's home.
        argv: how a program is run there.
        environment: what it is run with, without a ``DAGSTER_HOME``.
        changes: what is set, by section of ``dagster.yaml``.

    Returns:
        The folder to name as ``DAGSTER_HOME``; the product leaves an operator's own as it is.
    """
    subprocess.run(argv(sys.executable, "-c", _PREPARE), env=dict(environment), check=True)
    made, tuned = home / "dagster", home / "tuned"
    tuned.mkdir()
    given = yaml.safe_load((made / "dagster.yaml").read_text())
    for section, values in changes.items():
        given[section] |= values
    (tuned / "dagster.yaml").write_text(yaml.safe_dump(given))
    (tuned / "workspace.yaml").write_text((made / "workspace.yaml").read_text())
    return tuned
