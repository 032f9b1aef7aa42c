"""Dagster's home: its folder under ``HISHAMOS_HOME``, its settings files, and the environment."""

import os
import shutil
from pathlib import Path

import yaml
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
    on_server = settings.store_url.startswith("postgresql")
    if on_server:
        os.environ.setdefault("HISHAMOS_DAGSTER_DATABASE_URL", settings.store_url)
    os.environ["HISHAMOS_HOME"] = str(settings.home)
    os.environ.setdefault("HISHAMOS_DAGSTER_DIR", str(home))
    if "DAGSTER_HOME" in os.environ and Path(os.environ["DAGSTER_HOME"]) != home:
        return Path(os.environ["DAGSTER_HOME"])
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            source = next(folder / name for folder in _FOLDERS if (folder / name).exists()).read_text()
            if name == "dagster.yaml" and on_server:
                source = _with_server(source)
            target = home / name
            if not target.exists() or target.read_text() != source:
                fresh = home / f".{name}.{os.getpid()}"
                fresh.write_text(source)
                fresh.replace(target)
        os.environ["DAGSTER_HOME"] = str(home)
        if on_server:
            _create_tables(home)
        else:
            _create_storage(home)
    return home


def _with_server(source: str) -> str:
    """Dagster's settings with its storage on PostgreSQL; everything else stays as it is."""
    given = yaml.safe_load(source)
    given["storage"] = {"postgres": {"postgres_url": {"env": "HISHAMOS_DAGSTER_DATABASE_URL"}}}
    return yaml.safe_dump(given, sort_keys=False)


def _create_tables(home: Path) -> None:
    """Make Dagster's own tables on the server, one process at a time."""
    import dagster as dg

    with FileLock(home / ".storage.lock"), dg.DagsterInstance.get() as instance:
        _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)


def _create_storage(home: Path) -> None:
    """Make Dagster's own tables aside, and put them in place whole.

    Two of its processes that make them at the same time fail, and so does the next one after a kill halfway.
    """
    made = home / ".storage-made"
    if made.exists():
        return
    import dagster as dg

    with FileLock(home / ".storage.lock"):
        if made.exists():
            return
        aside = home / ".storage-new"
        shutil.rmtree(aside, ignore_errors=True)  # from a process that was killed
        aside.mkdir()
        place = os.environ["HISHAMOS_DAGSTER_DIR"]
        os.environ["HISHAMOS_DAGSTER_DIR"] = str(aside)
        try:
            with dg.DagsterInstance.get() as instance:
                _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        finally:
            os.environ["HISHAMOS_DAGSTER_DIR"] = place
        for folder in aside.iterdir():
            if not (home / folder.name).exists():
                folder.rename(home / folder.name)
        shutil.rmtree(aside)
        made.touch()
