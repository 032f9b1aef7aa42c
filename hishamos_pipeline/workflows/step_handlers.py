"""What a step does, by its type: it is done at once, or asks for something and waits for that."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hishamos_pipeline.application import builds, exports
from hishamos_pipeline.application.agents import AssignTask, assign_task
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.errors import InputError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.workflows.records import ClaimedStep


@dataclass(frozen=True, slots=True)
class StepWork:
    """A step that is to be done: with which services, as whom, and what it takes."""

    services: Services
    actor: Actor
    claimed: ClaimedStep

    @property
    def given(self) -> Mapping[str, Any]:
        """What the step takes."""
        return self.claimed.step.given

    @property
    def project(self) -> str:
        """The project that it is about: its own, or the run's.

        Raises:
            InputError: there is none.
        """
        key = str(self.given.get("project") or self.claimed.project)
        if not key:
            raise InputError((("project", "neither the step nor its run names one"),))
        return key


@dataclass(frozen=True, slots=True)
class Done:
    """What a step has given; ``usd`` is ``None`` where nobody knows what it has cost."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    usd: float | None = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """What a step has asked for, whose end it waits for."""

    waits_for: Mapping[str, Any]


async def _notify(work: StepWork) -> Done:
    """Have channels told; what was told once is not told again when the step is tried again."""
    known = work.services.settings.notify
    channels = [str(name) for name in work.given.get("channels") or known]
    if unknown := [name for name in channels if name not in known]:
        raise InputError((("channels", f"HISHAMOS_NOTIFY names no channel {', '.join(unknown)}"),))
    said = ": ".join(filter(None, (str(work.given["subject"]), str(work.given.get("text", "")))))
    work.services.store.notifications.add(
        work.claimed.effect,
        channels,
        event="workflow.notice",
        project=work.claimed.project,
        run_id=f"workflow-{work.claimed.run_id}",
        step=work.claimed.step.id,
        reason=said,
    )
    return Done()


async def _agent_task(work: StepWork) -> Done:
    """Have an agent do its task, with the rights of whoever owns the run."""
    given = work.given
    material = {name: _as_text(value) for name, value in given.get("material", {}).items()}
    command = AssignTask(
        role=str(given["role"]),
        task=str(given["task"]),
        question={"text": str(given["text"]), "material": material},
        project=str(given.get("project") or work.claimed.project),
    )
    answer = await assign_task(work.services, work.actor, command, identity=work.claimed.effect)
    tokens = answer.input_tokens + answer.output_tokens
    outputs = {"document": answer.answer, "calls": 1, "tokens": tokens, "cost_usd": answer.cost_usd}
    return Done(outputs, answer.cost_usd, tokens)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


async def _build_project(work: StepWork) -> Waits:
    """Ask for a build, which runs of Dagster make; one that was asked for in an earlier try is not asked for again."""
    key = work.project
    spent = work.services.store.calls.spent(key)
    command = builds.RequestBuild(
        key=key,
        stories=tuple(map(str, work.given.get("stories", ()))),
        retry_deferred=bool(work.given.get("retry_deferred", False)),
    )
    asked = builds.request(work.services, work.actor, command)
    tokens = spent.input_tokens + spent.output_tokens
    begun = work.claimed.step.started_at
    return Waits(
        {
            "kind": "build",
            "project": key,
            "request": asked.id,
            "is_ours": begun is None or asked.requested_at >= begun,  # else somebody had asked for it already
            "usd": spent.cost_usd,
            "tokens": tokens,
        }
    )


async def _repo_creation(work: StepWork) -> Done | Waits:
    """Ask for an export; where it is up to date, nothing is asked for."""
    key, to = work.project, str(work.given["to"])
    found = exports.request(work.services, work.actor, exports.ExportProject(key=key, destinations=(to,)))
    if not found.to_make:
        return Done({"url": exports.show_export(work.services, work.actor, key, to).url})
    return Waits({"kind": "export", "project": key, "to": to})


HANDLERS: Mapping[str, Callable[[StepWork], Awaitable[Done | Waits]]] = MappingProxyType(
    {
        "notify": _notify,
        "agent_task": _agent_task,
        "build_project": _build_project,
        "repo_creation": _repo_creation,
    }
)
