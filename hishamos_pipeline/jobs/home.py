"""Dagster's home: its folder under ``HISHAMOS_HOME``, its settings files, and the environment."""

import os
from pathlib import Path

from filelock import FileLock

from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.tree import storage_errors

_PACKAGE = Path(__file__).parent.parent
# In a checkout the files are at the top; in an installed package they are beside the resources.
_FOLDERS = (_PACKAGE.parent, _PACKAGE / "resources")
_FILES = ("dagster.yaml", "workspace.yaml")


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
        for name in _FILES:
            source = next(folder / name for folder in _FOLDERS if (folder / name).exists()).read_text()
            target = home / name
            if not target.exists() or target.read_text() != source:
                fresh = home / f".{name}.{os.getpid()}"
                fresh.write_text(source)
                fresh.replace(target)
        os.environ["DAGSTER_HOME"] = str(home)
        _create_storage(home)
    return home


def _create_storage(home: Path) -> None:
    """Make Dagster's own tables once: two of its processes that do so at the same time fail."""
    made = home / ".storage-made"
    if made.exists():
        return
    import dagster as dg

    with FileLock(home / ".storage.lock"):
        if not made.exists():
            with dg.DagsterInstance.get() as instance:
                _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
            made.touch()
