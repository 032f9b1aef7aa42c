"""Whether Dagster and its daemon are there: checks that need Dagster itself."""

from collections.abc import Mapping

import dagster as dg

from hishamos_pipeline.application.health import Check
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.resources.dagster_home import prepare_dagster_home
from hishamos_pipeline.resources.run_history import DagsterRuns
from hishamos_pipeline.runs.in_process import load_job_definition


def _dagster(services: Services) -> str:
    home = prepare_dagster_home(services.settings)
    with dg.DagsterInstance.get():
        job = load_job_definition()
    return f"{dg.__version__}, job {job.name}, home {home}"


def _daemon(services: Services) -> str:
    """Whether what waits for the daemon can go on: sensors, the schedule, queued runs."""
    with dg.DagsterInstance.get() as instance:
        history = DagsterRuns(instance)
        silent, queued = history.silent_daemons(), history.unfinished()["queued"]
        waiting = len(services.store.builds.requested(1000))
    if silent and (queued or waiting):
        raise RuntimeError(
            f"{queued} runs are queued and {waiting} builds are requested, and nothing starts them: "
            f"the daemon is not running ({', '.join(silent)}): start `hishamos dev` or `hishamos serve daemon`"
        )
    return f"not running: {', '.join(silent)}; no run waits for it" if silent else "running"


CHECKS: Mapping[str, Check] = {"dagster": _dagster, "daemon": _daemon}
