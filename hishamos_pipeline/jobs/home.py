"""Dagster's home: its folder under ``HISHAMOS_HOME``, its settings file, and the environment."""

import os
from pathlib import Path

from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.tree import storage_errors

_PACKAGE = Path(__file__).parent.parent
# In a checkout the file is at the top; in an installed package it is beside the resources.
_CANDIDATES = (_PACKAGE.parent / "dagster.yaml", _PACKAGE / "resources" / "dagster.yaml")


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home, put its settings there, and set the variables that Dagster reads.

    An operator's own ``DAGSTER_HOME`` stays.

    Raises:
        StorageError: the folder is not writable.
    """
    home = settings.dagster_home
    os.environ["HISHAMOS_HOME"] = str(settings.home)
    os.environ.setdefault("HISHAMOS_DAGSTER_DIR", str(home))
    if "DAGSTER_HOME" in os.environ and Path(os.environ["DAGSTER_HOME"]) != home:
        return Path(os.environ["DAGSTER_HOME"])
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        source = next(path for path in _CANDIDATES if path.exists()).read_text()
        target = home / "dagster.yaml"
        if not target.exists() or target.read_text() != source:
            fresh = home / f".dagster.yaml.{os.getpid()}"
            fresh.write_text(source)
            fresh.replace(target)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
