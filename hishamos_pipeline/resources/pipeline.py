"""The resource through which assets reach the store, the engine, the sandbox and the workspace."""

import asyncio
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr
from structlog.contextvars import bind_contextvars, unbind_contextvars

from hishamos_pipeline.changing.forecast import end_forecast, keep_forecast
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.core.pipeline.batch import ATTEMPT_TAG, BATCH_TAG, FLEET_TAG
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.heartbeat import HeartbeatThread
from hishamos_pipeline.operations.logs import configure_logs
from hishamos_pipeline.operations.traces import configure_traces, flush_traces
from hishamos_pipeline.partitions import (
    PARTITION_TAG,
    REQUESTED_BY_TAG,
    RETRY_DEFERRED_TAG,
    RETRY_NUMBER_TAG,
    SOURCE_TAG,
)
from hishamos_pipeline.resources.run_history import assets_of
from hishamos_pipeline.settings import get_settings


class Pipeline(dg.ConfigurableResource):  # type: ignore[type-arg]
    """HishamOS's own services, opened once for each run.

    ``home`` replaces the folder that ``HISHAMOS_HOME`` names; everything else comes from the settings.
    """

    home: str = ""
    _services: Services = PrivateAttr()
    _run: ProjectRun | None = PrivateAttr(default=None)
    _run_id: str = PrivateAttr(default="")
    _heart: HeartbeatThread | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the services."""
        if context.run and FLEET_TAG in context.run.tags:  # its budget would be known to nobody
            raise dg.Failure("an older release has requested this run: build the project again")
        settings = get_settings()
        if self.home:
            settings = settings.model_copy(update={"home": Path(self.home).absolute()})
        if context.run and RETRY_DEFERRED_TAG in context.run.tags:
            since = datetime.fromisoformat(context.run.tags[RETRY_DEFERRED_TAG])
            settings = settings.model_copy(update={"retry_deferred": since})
        self._services = Services(settings, patient=context.run is not None, actor=actor_of(context.run))
        key = _project_of(context)
        batch = context.run.tags.get(BATCH_TAG, "") if context.run else ""
        # A run of a batch that somebody executes again later is an ordinary one; one that Dagster does is not.
        retried = context.run is not None and RETRY_NUMBER_TAG in context.run.tags
        if batch and (retried or self._services.store.batches.launched(batch, key)):
            with closing(self._services) as plain:
                attempt = int(context.run.tags.get(ATTEMPT_TAG, "0")) if context.run else 0
                if not plain.store.batches.admit(batch, key, attempt):
                    raise dg.Failure(f"batch {batch} has been stopped since", allow_retries=False)
                self._services = plain.for_batch(plain.store.batches.overrides(batch))
        run_id = self._run_id = context.run.run_id if context.run else ""
        configure_logs(settings.log_format)
        configure_traces()
        bind_contextvars(**({"run": run_id} if run_id else {}), **({"project": key} if key else {}))
        self._run = self._services.project(key) if key else None
        if self._run and context.run:
            self._heart = HeartbeatThread(self._services.store.heartbeats, context.run.run_id, key)
            self._heart.start()
            try:
                is_whole = assets_of(context.run) >= STEPS.keys()
                self._run.begin(fulfils=is_whole)
                if is_whole:
                    asyncio.run(keep_forecast(self._run, run_id))
            except BaseException:
                self._heart.stop()  # there is no teardown after a setup that failed
                raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Record how far the project has come, and close the services."""
        try:
            if self._run:
                self._run.settle()
                end_forecast(self._run, self._run_id)
        finally:
            with ExitStack() as stack:  # each is done, whatever becomes of the others
                stack.callback(self._services.close)
                stack.callback(unbind_contextvars, "run", "project")
                stack.callback(flush_traces)
                if self._heart:
                    stack.callback(self._heart.stop)

    @property
    def services(self) -> Services:
        """The services of this run."""
        return self._services

    def project(self, key: str) -> ProjectRun:
        """A project on its way through the pipeline."""
        return self._services.project(key)


def actor_of(run: dg.DagsterRun | None) -> Actor:
    """Who acts in a run: the person who has started it at the command line, else the run for whoever has asked.

    Without a run it is a sensor.
    """
    if run is None:
        return Actor("", "sensor", EVERY_ORGANIZATION, "dagster")
    asked_by = run.tags.get(REQUESTED_BY_TAG, "")
    if SOURCE_TAG in run.tags and asked_by.startswith("user:"):
        return Actor(asked_by.removeprefix("user:"), "user", EVERY_ORGANIZATION)
    return Actor(run.run_id, "run", EVERY_ORGANIZATION, "dagster", asked_by)


def _project_of(context: dg.InitResourceContext) -> str:
    """The project that a run is about; empty in a sensor, or where the key is not valid."""
    key = context.run.tags.get(PARTITION_TAG, "") if context.run else ""
    return key if KEY_PATTERN.fullmatch(key) else ""
