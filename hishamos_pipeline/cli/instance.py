"""Dagster's instance for commands that look after its runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hishamos_pipeline.cli.output import echo, opened

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.services import Services
    from hishamos_pipeline.resources.run_history import DagsterRuns


@contextmanager
def with_runs() -> "Iterator[tuple[Services, Actor, DagsterRuns]]":
    """The services and whoever sits at the command line, with Dagster's runs."""
    with opened() as (services, actor), _runs_of(services) as history:
        yield services, actor, history


def warn_without_daemon(services: "Services") -> None:
    """Say so where nothing will take up what was left to the daemon."""
    with _runs_of(services) as history:
        if history.silent_daemons():
            echo(
                "the daemon is not running: start it with `hishamos dev` or `hishamos serve daemon`", err=True
            )


@contextmanager
def _runs_of(services: "Services") -> "Iterator[DagsterRuns]":
    from hishamos_pipeline.resources.dagster_home import prepare_dagster_home

    prepare_dagster_home(services.settings)
    import dagster as dg

    from hishamos_pipeline.resources.run_history import DagsterRuns

    with dg.DagsterInstance.get() as instance:
        yield DagsterRuns(instance)
