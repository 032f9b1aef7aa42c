"""Where the steps of a workflow stand: in which phase, in which branch, and what they may speak of there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.workflows.definitions import WorkflowDefinition, WorkflowStep
from hishamos_pipeline.core.workflows.expressions import Names
from hishamos_pipeline.core.workflows.names import ELEMENT, FAILURE, before, of_run, of_steps
from hishamos_pipeline.core.workflows.states import Phase, StepState, key_of
from hishamos_pipeline.core.workflows.step_types import StepType


@dataclass(frozen=True, slots=True)
class Lane:
    """Steps beside one another of which a run makes its way: a phase, a branch, or those for one element.

    Args:
        name: of the branch, or which element.
        steps: as the definition has them.
        inside: the key of the step around them; empty for a phase.
        indices: the places in the lists of the steps around them.
    """

    name: str
    steps: Sequence[WorkflowStep]
    inside: str = ""
    indices: tuple[int, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its steps."""
        return tuple(self.key(step.id) for step in self.steps)

    def key(self, step: str) -> str:
        """The key of one of its steps."""
        return key_of(step, self.indices)


@dataclass(frozen=True, slots=True)
class _Place:
    step: WorkflowStep
    beside: Sequence[WorkflowStep]
    phase: Phase
    around: tuple[WorkflowStep, ...]


class Layout:
    """The places of a valid definition's steps.

    Args:
        definition: the workflow.
        types: the kinds of steps that there are.
    """

    def __init__(self, definition: WorkflowDefinition, types: Mapping[str, StepType]) -> None:
        self._definition, self._types = definition, types
        phases: tuple[Phase, ...] = ("steps", "on_failure", "finally")
        self._places = {
            place.step.id: place for phase in phases for place in _places(self.steps_of(phase), phase, ())
        }

    def __contains__(self, step: str) -> bool:
        return step in self._places

    def steps_of(self, phase: Phase) -> tuple[WorkflowStep, ...]:
        """The steps of a phase."""
        given = self._definition
        return {"steps": given.steps, "on_failure": given.on_failure, "finally": given.finally_}[phase]

    def step(self, name: str) -> WorkflowStep:
        """A step by its id."""
        return self._places[name].step

    def phase_of(self, name: str) -> Phase:
        """The phase of a step."""
        return self._places[name].phase

    def is_first_level(self, name: str) -> bool:
        """Whether a step is one of the workflow itself, and in none of its branches and no phase after it."""
        return name in self._places and self.phase_of(name) == "steps" and not self._places[name].around

    def loops(self, name: str) -> int:
        """How many lists a step runs for the elements of, one in the other."""
        return sum(bool(step.for_each) for step in self._places[name].around)

    def container_of(self, state: StepState) -> str:
        """The key of the step around a state; empty for a step of a phase."""
        around = self._places[state.id].around
        if not around:
            return ""
        return key_of(around[-1].id, state.indices[: self.loops(around[-1].id)])

    def lanes(self, container: StepState) -> tuple[Lane, ...]:
        """The branches of a step that has begun, or the elements that its steps run for."""
        step = self.step(container.id)
        if step.for_each:
            count = len(container.given.get("items", ()))
            return tuple(
                Lane(str(n), step.steps, container.key, (*container.indices, n)) for n in range(count)
            )
        return tuple(
            Lane(name, steps, container.key, container.indices) for name, steps in step.branches.items()
        )

    def dependents(self, name: str) -> set[str]:
        """The steps beside one that come after it, directly or not."""
        return {step for step, above in before(self._places[name].beside).items() if name in above}

    def names(self, name: str) -> Names:
        """What the expressions of a step may speak of, as its definition was checked."""
        place = self._places[name]
        known = of_run(self._definition)
        if place.phase != "steps":
            known |= {**of_steps(self._definition.steps, self._types), **FAILURE}
        for step in (*place.around, place.step):
            beside = self._places[step.id].beside
            above = before(beside)[step.id]
            known |= of_steps([other for other in beside if other.id in above], self._types)
            if step.for_each and step is not place.step:
                known |= ELEMENT
        return known

    def names_at_the_end(self) -> Names:
        """What the outputs of the workflow may speak of."""
        return {**of_run(self._definition), **of_steps(self._definition.steps, self._types)}


def _places(
    steps: Sequence[WorkflowStep], phase: Phase, around: tuple[WorkflowStep, ...]
) -> Iterator[_Place]:
    for step in steps:
        yield _Place(step, steps, phase, around)
        for branch in step.branches.values():
            yield from _places(branch, phase, (*around, step))
        yield from _places(step.steps, phase, (*around, step))
