"""Dagster's home: its folder under ``HISHAMOS_HOME``, its settings files, and the environment."""

import os
import shutil
from pathlib import Path

import yaml
from filelock import FileLock

from hishamos_pipeline.errors import StorageError
from hishamos_pipeline.resources.sqlite_files import wait_less_for_the_disk
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.disk import replacing
from hishamos_pipeline.workspace.tree import storage_errors

_PACKAGE = Path(__file__).parent.parent
# In a checkout the files are at the top; in an installed package they are beside the resources.
_FOLDERS = (_PACKAGE.parent, _PACKAGE / "resources")
_FILES = ("dagster.yaml", "workspace.yaml")
# Processes of a worker are replaced after so many runs: libraries leak, and code changes with a restart alone.
_RUNS_PER_PROCESS = 50
_LONGEST_SECONDS = 4 * 3600


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home, put its settings there, and set the variables that Dagster reads.

    An operator's own ``DAGSTER_HOME`` stays.

    Raises:
        StorageError: the folder is not writable.
    """
    wait_less_for_the_disk()
    home = settings.dagster_home
    on_server = settings.store_url.startswith("postgresql")
    if on_server:
        os.environ.setdefault("HISHAMOS_DAGSTER_DATABASE_URL", settings.store_url)
    if settings.celery_broker:
        _require_shared(settings, on_server)
    os.environ["HISHAMOS_HOME"] = str(settings.home)
    os.environ.setdefault("HISHAMOS_DAGSTER_DIR", str(home))
    if "DAGSTER_HOME" in os.environ and Path(os.environ["DAGSTER_HOME"]) != home:
        return Path(os.environ["DAGSTER_HOME"])
    with storage_errors(home):
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FILES:
            source = next(folder / name for folder in _FOLDERS if (folder / name).exists()).read_text()
            if name == "dagster.yaml":
                source = _adapted(source, settings, on_server=on_server)
            if name == "workspace.yaml" and settings.code_server:
                source = _with_code_server(settings.code_server)
            target = home / name
            if not target.exists() or target.read_text() != source:
                with replacing(target) as fresh:
                    fresh.write_text(source)
        os.environ["DAGSTER_HOME"] = str(home)
        if on_server:
            _create_tables(home)
        else:
            _create_storage(home)
    return home


def write_worker_settings(settings: Settings, runs: int) -> Path:
    """Write what ``dagster-celery worker start`` reads; the file has the broker's password, and is its owner's alone.

    Args:
        settings: name the broker.
        runs: how many runs at the same time.
    """
    path = settings.dagster_home / "celery.yaml"
    worker = {
        "worker_concurrency": runs,
        "worker_max_tasks_per_child": _RUNS_PER_PROCESS,
        # A worker takes no more than it can begin at once, and keeps it for longer than a run takes.
        "worker_prefetch_multiplier": 1,
        "task_acks_late": True,
        "broker_transport_options": {"visibility_timeout": _LONGEST_SECONDS},
    }
    config = {"broker": settings.celery_broker, "backend": settings.celery_broker, "config_source": worker}
    with replacing(path) as fresh:
        fresh.touch(mode=0o600)
        fresh.write_text(yaml.safe_dump({"execution": {"config": config}}))
    return path


def _require_shared(settings: Settings, on_server: bool) -> None:
    """Refuse workers that would each have a store, or files, of their own."""
    if not on_server:
        raise StorageError("HISHAMOS_CELERY_BROKER needs PostgreSQL: set HISHAMOS_DATABASE_URL as well")
    if not settings.storage_url:
        raise StorageError(
            "HISHAMOS_CELERY_BROKER needs a storage for all machines: set HISHAMOS_STORAGE_URL as well"
        )


def _with_code_server(address: str) -> str:
    """A workspace that asks a code server."""
    host, _, port = address.rpartition(":")
    server = {"host": host, "port": int(port), "location_name": "hishamos"}
    return yaml.safe_dump({"load_from": [{"grpc_server": server}]}, sort_keys=False)


def _adapted(source: str, settings: Settings, *, on_server: bool) -> str:
    """Dagster's settings with the storage, the workers and the number of runs that ours name."""
    given = yaml.safe_load(source)
    given["concurrency"]["runs"]["max_concurrent_runs"] = settings.runs_at_a_time
    if on_server:
        given["storage"] = {"postgres": {"postgres_url": {"env": "HISHAMOS_DAGSTER_DATABASE_URL"}}}
    if settings.celery_broker:
        broker = {"env": "HISHAMOS_CELERY_BROKER"}
        given["run_launcher"] = {
            "module": "dagster_celery.launcher",
            "class": "CeleryRunLauncher",
            "config": {"broker": broker, "backend": broker, "default_queue": "dagster"},
        }
    return yaml.safe_dump(given, sort_keys=False)


def _create_tables(home: Path) -> None:
    """Make Dagster's own tables on the server, one process at a time."""
    with FileLock(home / ".storage.lock"):
        _open_storages()


def _open_storages() -> None:
    """Open all of Dagster's storages, which makes what is missing of their tables."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)


def _create_storage(home: Path) -> None:
    """Make Dagster's own tables aside, and put them in place whole.

    Two of its processes that make them at the same time fail, and so does the next one after a kill halfway.
    """
    made = home / ".storage-made"
    if made.exists():
        return
    with FileLock(home / ".storage.lock"):
        if made.exists():
            return
        aside = home / ".storage-new"
        shutil.rmtree(aside, ignore_errors=True)  # from a process that was killed
        aside.mkdir()
        place = os.environ["HISHAMOS_DAGSTER_DIR"]
        os.environ["HISHAMOS_DAGSTER_DIR"] = str(aside)
        try:
            _open_storages()
        finally:
            os.environ["HISHAMOS_DAGSTER_DIR"] = place
        for folder in aside.iterdir():
            if not (home / folder.name).exists():
                folder.rename(home / folder.name)
        shutil.rmtree(aside)
        made.touch()
