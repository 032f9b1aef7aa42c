"""Choosing projects by conditions such as ``state=failed,blocked`` or ``key!=test-*``."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import BatchError, HishamosError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import listed
from hishamos_pipeline.store.projects.records import ProjectRecord
from hishamos_pipeline.store.projects.tables import PROJECT_STATES
from hishamos_pipeline.store.store import ProjectStore

FIELDS = ("key", "title", "state", "stale", "model", "batch")
_FORM = re.compile(r"\s*([a-z]+)\s*(!?=)\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A field that has one of some values, or none of them; values of ``key``, ``title`` and ``model`` are patterns."""

    field: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are held against, besides the project's row: keys of projects by model and by batch."""

    models: Mapping[str, Collection[str]] = field(default_factory=dict)
    batches: Mapping[str, Collection[str]] = field(default_factory=dict)


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        BatchError: it has another form, an unknown field, or a value that the field cannot have.
    """
    form = _FORM.fullmatch(text)
    values = listed(form[3]) if form else ()
    if form is None or form[1] not in FIELDS or not values:
        raise BatchError(
            f"condition {text!r} cannot be read: write FIELD=VALUE or FIELD!=VALUE, several values by commas; "
            f"fields are {', '.join(FIELDS)}"
        )
    allowed: dict[str, tuple[str, ...]] = {"state": PROJECT_STATES, "stale": ("yes", "no")}
    for value in values:
        if value not in allowed.get(form[1], (value,)):
            raise BatchError(
                f"condition {text!r}: {form[1]} is never {value!r}; it is one of {', '.join(allowed[form[1]])}"
            )
    return Condition(form[1], values, form[2] == "!=")


def choose(opened: Services, conditions: Sequence[Condition]) -> list[str]:
    """Keys of the projects that meet all conditions, in order; archived ones only where a condition names that state.

    Raises:
        BatchNotFoundError: a condition names a batch that there is none of.
    """
    facts = _facts(opened.store, conditions)
    # Planning takes time: it is done for those alone that all other conditions leave.
    conditions = sorted(conditions, key=lambda condition: condition.field == "stale")
    named = any(c.field == "state" and not c.negated and "archived" in c.values for c in conditions)
    return [
        project.key
        for project in opened.store.projects.all()
        if (named or project.state != "archived")
        and all(meets(project, c, facts, lambda key: is_stale(opened, key)) for c in conditions)
    ]


def meets(project: ProjectRecord, condition: Condition, facts: Facts, stale: Callable[[str], bool]) -> bool:
    """Whether a project meets a condition.

    Args:
        project: its row.
        condition: the condition.
        facts: what the row does not say.
        stale: whether a build of a project would make anything.
    """
    key, values = project.key, condition.values
    match condition.field:
        case "key":
            found = any(fnmatchcase(key, value) for value in values)
        case "title":
            found = any(fnmatchcase(project.title.lower(), value.lower()) for value in values)
        case "state":
            found = project.state in values
        case "stale":
            found = ("yes" if stale(key) else "no") in values
        case "model":
            found = any(
                fnmatchcase(name, v) and key in keys for name, keys in facts.models.items() for v in values
            )
        case _:
            found = any(key in facts.batches[value] for value in values)
    return found != condition.negated


def is_stale(opened: Services, key: str) -> bool:
    """Whether a build would make anything of a project; one that cannot even be planned is left to its build."""
    try:
        return bool(opened.project(key).plan())
    except HishamosError:
        return True


def _facts(store: ProjectStore, conditions: Sequence[Condition]) -> Facts:
    wanted = {value for c in conditions if c.field == "batch" for value in c.values}
    batches = {
        name: frozenset(member.project for member in store.batches.members(store.batches.get(name)))
        for name in wanted
    }
    asks_models = any(c.field == "model" for c in conditions)
    return Facts(store.calls.projects_by_model() if asks_models else {}, batches)
