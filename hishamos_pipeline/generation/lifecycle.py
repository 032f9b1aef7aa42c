"""The states of a project while it is built: which one it enters, and the reason that stands with it."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.delivery.hosts.causes import WAITING_FOR_PEOPLE
from hishamos_pipeline.errors import (
    ApprovalNeededError,
    BudgetError,
    CredentialError,
    HishamosError,
    HostError,
    ProjectNotFoundError,
    UnbuildableError,
)
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.stale_folders import remove_stale_folder

# A person has to do something before it can go on.
_BLOCKING = (UnbuildableError, ApprovalNeededError, BudgetError, CredentialError)
_BUILD = frozenset({"verified_build", *STEPS["verified_build"].inputs})


class Lifecycle:
    """Records the state of one project from the beginning of a run to its end.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self._project, self._before = project, ""

    def begin(self, *, fulfils: bool = True) -> None:
        """Record that a run of this project's steps has begun; a project without an idea has no state.

        Args:
            fulfils: whether it is the build that was asked for, and not a part of it, such as an export.

        Raises:
            ProjectBusyError: the project is being deleted.
        """
        projects, key = self._project.store.projects, self._project.key
        remove_stale_folder(self._project.store, self._project.folder)
        with suppress(ProjectNotFoundError):
            self._before = projects.get(key).state
            projects.set_state(key, "building", fulfils=fulfils)

    def fail(self, artifact: str, error: BaseException) -> None:
        """Record why a step was not made."""
        if isinstance(error, HishamosError):
            step = error.artifact if isinstance(error, ApprovalNeededError) else artifact
            self.stop("blocked" if is_blocking(error) else "failed", step, str(error), event_of(error))
        elif isinstance(error, asyncio.CancelledError):
            self.stop("failed", artifact, "interrupted; build it again to go on")
        else:
            self.stop("failed", artifact, f"{type(error).__name__}: {error}")

    def stop(self, state: str, step: str, reason: str, event: str = "step.failed") -> None:
        """Record that the project got stuck at a step; the first reason of a run stands.

        Args:
            state: ``failed`` or ``blocked``.
            step: the step.
            reason: why.
            event: what has happened, see ``store.events``.
        """
        projects, key = self._project.store.projects, self._project.key
        with suppress(ProjectNotFoundError):
            projects.set_state(key, state, step=step, reason=reason, event=event, only_from="building")

    def settle(self, stale: Collection[str]) -> None:
        """Record how far the project has come, at the end of a run in which nothing got stuck.

        Args:
            stale: the artifacts that a build would still make.
        """
        projects, key = self._project.store.projects, self._project.key
        after = state_after(stale, self._before or projects.get(key).state)
        projects.set_state(key, after, only_from="building")

    @property
    def under_way(self) -> bool:
        """Whether the project is being built: nothing got stuck, and no new revision was submitted meanwhile."""
        try:
            return self._project.store.projects.get(self._project.key).state == "building"
        except ProjectNotFoundError:
            return False

    def drop_old_bodies(self) -> None:
        """Remove questions and answers of models that are kept no longer."""
        days = timedelta(days=self._project.settings.llm_body_days)
        self._project.store.calls.drop_bodies(days)


def event_of(error: HishamosError) -> str:
    """What has happened when a step ends with an error."""
    if isinstance(error, ApprovalNeededError):
        return "approval.wanted"
    return "budget.hit" if isinstance(error, BudgetError) else "step.failed"


def is_blocking(error: HishamosError) -> bool:
    """Whether a person has to do something before a project can go on."""
    return isinstance(error, _BLOCKING) or (
        isinstance(error, HostError) and error.cause in WAITING_FOR_PEOPLE
    )


def state_after(stale: Collection[str], before: str) -> str:
    """The state of a project after a run in which nothing got stuck.

    Args:
        stale: the artifacts that a build would still make.
        before: the state before the run; it stays where only a part was made.
    """
    if not stale:
        return "exported"
    return "verified" if not _BUILD & set(stale) else before
