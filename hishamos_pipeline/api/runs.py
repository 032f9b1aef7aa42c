"""Dagster's runs, for the few requests that end some; Dagster is imported for the first of those."""

import threading
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from hishamos_pipeline.settings import Settings

if TYPE_CHECKING:
    from hishamos_pipeline.resources.run_history import DagsterRuns


class LazyRuns:
    """Opens the runs of an installation when they are first asked for.

    Args:
        settings: say where Dagster's home is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._opened: DagsterRuns | None = None

    def __call__(self) -> "DagsterRuns":
        """The runs, opened once.

        Raises:
            StorageError: Dagster's home is not writable.
        """
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> "DagsterRuns":
        from hishamos_pipeline.resources.dagster_home import prepare_dagster_home

        prepare_dagster_home(self._settings)
        import dagster as dg

        from hishamos_pipeline.resources.run_history import DagsterRuns

        return DagsterRuns(dg.DagsterInstance.get())


def _runs(request: Request) -> Any:
    return request.app.state.runs()


# ``application`` says what it needs of them: ``builds.Runs``, and ``RunHistory`` of the cleanup.
Runs = Annotated[Any, Depends(_runs)]
