"""A project with everything that is needed to build it: the parts, put together."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.core.pipeline.staleness import PlannedStep
from hishamos_pipeline.generation.context import StepServices
from hishamos_pipeline.generation.lifecycle import Lifecycle
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.staleness import Staleness, kinds_of

# Whoever only looks at a project imports none of what makes it.
if TYPE_CHECKING:
    from hishamos_pipeline.generation.producers.table import Producer
    from hishamos_pipeline.generation.runner import StepResult, StepRunner


class ProjectRun:
    """A project on its way through the pipeline.

    Args:
        services: what its steps work with.
        producers: who makes which artifact, in place of the usual.
    """

    def __init__(self, services: StepServices, producers: "Mapping[str, Producer] | None" = None) -> None:
        self.services, self._producers = services, producers
        self.exports = services.exports
        self.staleness = Staleness(services.project, services.engine, self.exports, services.overrides)
        self.lifecycle = Lifecycle(services.project)

    @cached_property
    def runner(self) -> "StepRunner":
        """Makes its artifacts."""
        from hishamos_pipeline.generation.producers.table import PRODUCERS
        from hishamos_pipeline.generation.runner import StepRunner

        return StepRunner(self.services, self.staleness, self.lifecycle, self._producers or PRODUCERS)

    @property
    def project(self) -> Project:
        """The project."""
        return self.services.project

    @property
    def engine(self) -> Engine:
        """Who answers the roles' tasks."""
        return self.services.engine

    @property
    def key(self) -> str:
        """The project's key."""
        return self.project.key

    async def make(self, artifact: str) -> "StepResult[Any]":
        """Make an artifact unless it is up to date; see ``StepRunner.make``."""
        return await self.runner.make(artifact)

    def plan(self) -> tuple[PlannedStep, ...]:
        """What a build would make, and why; see ``Staleness.plan``."""
        return self.staleness.plan()

    def begin(self, *, fulfils: bool = True) -> None:
        """Record that a run of this project's steps has begun; see ``Lifecycle.begin``."""
        self.lifecycle.begin(fulfils=fulfils)

    def settle(self) -> None:
        """Record how far the project has come, at the end of a run."""
        self.lifecycle.drop_old_bodies()
        if self.lifecycle.under_way:
            self.lifecycle.settle(kinds_of(self.plan()))
