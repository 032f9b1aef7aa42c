"""Who may decide what a step asks people, and when it is decided: the same through whichever door somebody decides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hishamos_pipeline.core.roles import ROLES
from hishamos_pipeline.core.workflows.definitions import InputSpec
from hishamos_pipeline.core.workflows.run_steps import size_of
from hishamos_pipeline.core.workflows.starting import value_problem
from hishamos_pipeline.core.workflows.states import Decision

_LARGEST_FORM = 16_384
INITIATOR, ROLE = "initiator", "role:"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wants to decide: their name or e-mail, and their role in the organization; empty for none."""

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of whom.

    Args:
        initiator: who has started the run.
        approvers: names, e-mails, ``role:manager`` (or higher), ``initiator``.
        exclude: who may not, even if they are among those.
        escalate: who may besides, once nobody has decided in time.
        needed: how many have to approve.
        form: the fields that a decision fills in.
        may_ask_for_changes: whether the run can go back.
        shown: what it is about: names of artifacts with the hashes of their contents then.
    """

    initiator: str
    approvers: Sequence[str]
    exclude: Sequence[str] = ()
    escalate: Sequence[str] = ()
    needed: int = 1
    form: Mapping[str, InputSpec] = field(default_factory=dict)
    may_ask_for_changes: bool = False
    shown: Mapping[str, str] = field(default_factory=dict)


def asked_of(
    given: Mapping[str, Any], initiator: str, shown: Mapping[str, str], *, may_ask_for_changes: bool
) -> Asked:
    """What a step of type ``human_approval`` asks, from what it is given, and the hashes of what it shows.

    Raises:
        ValueError: its form, or how many are needed, makes no sense.
    """
    needed = given.get("needed", 1)
    if not 1 <= needed <= 100:
        raise ValueError("`needed` is not between 1 and 100")
    return Asked(
        initiator,
        tuple(map(str, given["approvers"])),
        tuple(map(str, given.get("exclude", ()))),
        tuple(map(str, given.get("escalate", ()))),
        needed,
        {name: InputSpec.model_validate(spec) for name, spec in given.get("form", {}).items()},
        may_ask_for_changes,
        shown,
    )


def refusal(asked: Asked, person: Person, *, is_escalated: bool) -> str:
    """Why somebody may not decide; empty if they may."""
    if not person.name:
        return "nobody is known who decides"
    if any(_is(asked, one, person) for one in asked.exclude):
        return f"{person.name} is excluded from this decision"
    among = [*asked.approvers, *(asked.escalate if is_escalated else ())]
    if any(_is(asked, one, person) for one in among):
        return ""
    return f"{person.name} is none of those who may decide: {', '.join(among)}"


def form_problems(asked: Asked, form: Mapping[str, Any], *, is_approval: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with the fields that a decision has filled in; what has to be there, has to be for an approval."""
    if size_of(dict(form)) > _LARGEST_FORM:
        yield "form", f"is larger than {_LARGEST_FORM} bytes"
        return
    for name in form.keys() - asked.form.keys():
        yield name, "is no field of this decision"
    for name, spec in asked.form.items():
        value = form.get(name, spec.default)
        if value is None and spec.required and is_approval:
            yield name, "has to be filled in"
        elif problem := value_problem(spec, value):
            yield name, problem


def outcome(asked: Asked, decisions: Sequence[Decision]) -> Decision | None:
    """What several decisions come to, in their order; ``None`` while it is open.

    One that is no approval decides at once; of approvals there have to be as many as are needed.
    """
    against = next((one for one in decisions if one != "approve"), None)
    return against or ("approve" if len(decisions) >= asked.needed else None)


def _is(asked: Asked, wanted: str, person: Person) -> bool:
    """Whether somebody is meant by a name, an e-mail, ``initiator`` or ``role:NAME``, which higher roles have too."""
    if wanted.startswith(ROLE):
        role = wanted.removeprefix(ROLE)
        return role in ROLES and person.role in ROLES and ROLES.index(person.role) >= ROLES.index(role)
    name = asked.initiator if wanted == INITIATOR else wanted
    return name.casefold() == person.name.casefold()
