"""Contents in the storage that no manifest names any more."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from hishamos_pipeline.errors import StorageError
from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate, broken
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace.storage import Storage


def unnamed(storage: Storage, store: ProjectStore, before: datetime) -> Iterator[RemovalCandidate]:
    """Contents of projects, older than a time; what a publication that is being made has sent is younger."""
    for project in store.projects.all():
        if project.state == "building":
            continue  # what it has found there it may be about to name
        try:
            found = storage.unnamed(project.key, before)
        except StorageError as error:
            yield broken(project.key, error)
            continue
        if found:

            def remove(key: str = project.key, paths: Iterable[str] = tuple(found)) -> None:
                if store.projects.get(key).state != "building":
                    storage.forget(key, paths, before)

            yield RemovalCandidate(project.key, sum(found.values()), remove, count=len(found))
