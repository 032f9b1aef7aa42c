"""Dagster's runs, for the few requests that end some; Dagster is imported for the first of those."""

from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request

from hishamos_pipeline.settings import Settings


@cache
def open_runs(settings: Settings) -> Any:
    """The runs of this installation, as ``resources.run_history.DagsterRuns`` hands them out."""
    from hishamos_pipeline.resources.dagster_home import prepare_dagster_home

    prepare_dagster_home(settings)
    import dagster as dg

    from hishamos_pipeline.resources.run_history import DagsterRuns

    return DagsterRuns(dg.DagsterInstance.get())


def _runs(request: Request) -> Any:
    return request.app.state.runs()


# ``application`` says what it needs of them: ``builds.Runs``, and ``RunHistory`` of the cleanup.
Runs = Annotated[Any, Depends(_runs)]
