"""The acceptance criteria of an operation, each with the name of the template block that tests it."""

from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.list_scenarios import LISTS, Rows
from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation


@dataclass(frozen=True, slots=True)
class Scenario:
    """A criterion in words; ``name`` finds its test, ``field`` is the attribute it is about."""

    operation: Operation
    name: str
    given: str
    when: str
    then: str
    field: str = ""

    @property
    def title(self) -> str:
        """A name for the test function."""
        text = self.when.split(" `")[0] if self.name == "surface" else f"{self.when} {self.then}"
        kept = [part for part in text.lower().replace("'", "").split() if part not in _SMALL]
        return "_".join("".join(c for c in part if c.isalnum()) for part in kept[:9]).strip("_")


_SMALL = frozenset("a an the is are it its of that and to be has have was were with".split())


def scenarios(operation: Operation, package: PackageModel) -> tuple[Scenario, ...]:
    """The criteria of one operation, in a fixed order; the last is about how users call it."""
    model, blueprint = package.entity(operation.entity), BLUEPRINTS[package.stack]
    found = [
        Scenario(operation, name, given, when, then, field)
        for name, given, when, then, field in _SCENARIOS[operation.kind](operation, model)
    ]
    if wording := blueprint.wording(operation, model):
        found.append(Scenario(operation, "surface", blueprint.stack.interface, *wording))
    return tuple(found)


def _missing(model: EntityModel, action: str) -> tuple[str, str, str, str, str]:
    return (
        "missing",
        f"no {model.label} with number 999",
        f"{model.label} 999 is {action}",
        "it is refused, because there is no such record",
        "",
    )


def _create(_: Operation, model: EntityModel) -> Rows:
    thing = model.article
    yield ("valid", "an empty database", f"{thing} is added", "it is kept under a number of its own", "")
    for field in model.given:
        if field.required and field.broken[0]:
            yield (
                "broken",
                f"{thing} whose {field.label} is not valid",
                f"{thing} with that {field.label} is added",
                "it is refused, and nothing is kept",
                field.attribute.name,
            )
            break
    for field in model.references:
        if field.required:
            target = field.attribute.target
            yield (
                "reference",
                f"no {target} with number 999",
                f"{thing} of {target} 999 is added",
                "it is refused, and nothing is kept",
                field.attribute.name,
            )


def _view(_: Operation, model: EntityModel) -> Rows:
    yield (
        "found",
        f"{model.article} in the database",
        f"the {model.label} is viewed",
        "all that is known of it is there",
        "",
    )
    yield _missing(model, "viewed")


def _update(operation: Operation, model: EntityModel) -> Rows:
    named = [model.field(name) for name in operation.attributes] or [model.editable[0]]
    for field in named:
        yield (
            "changed",
            f"{model.article}",
            f"the {field.label} of the {model.label} is changed",
            "the new value is kept, and the rest stays",
            field.attribute.name,
        )
    yield _missing(model, "changed")


def _delete(_: Operation, model: EntityModel) -> Rows:
    yield ("gone", f"two {model.labels}", f"one {model.label} is deleted", "only the other is left", "")
    yield _missing(model, "deleted")
    for name in model.referrers:
        yield (
            "referenced",
            f"{words.with_article(name)} that refers to {model.article}",
            f"the {model.label} is deleted",
            f"it is refused, because the {name} needs it",
            name,
        )


def _status(operation: Operation, model: EntityModel) -> Rows:
    yield (
        "entered",
        f"{model.article}",
        f"the {model.label} is marked as {operation.value}",
        f"it is {operation.value}",
        "",
    )
    yield _missing(model, f"marked as {operation.value}")


def _assign(operation: Operation, model: EntityModel) -> Rows:
    field = model.field(operation.attributes[0])
    yield (
        "assigned",
        f"{model.article}",
        f"the {model.label} is assigned to {words.with_article(field.label)}",
        f"the {field.label} is kept",
        field.attribute.name,
    )
    yield _missing(model, "assigned")


def _tag(_: Operation, model: EntityModel) -> Rows:
    yield ("tagged", f"{model.article}", f"the {model.label} is tagged", "it carries the tag", "")
    yield (
        "twice",
        f"{model.article} with a tag",
        "the same tag is added again",
        f"the {model.label} carries it once",
        "",
    )


def _clear(operation: Operation, model: EntityModel) -> Rows:
    value = operation.value
    if not value:
        yield (
            "cleared", f"two {model.labels}", f"all {model.labels} are deleted", "none is left, and two are counted", ""
        )  # fmt: skip
        return
    yield (
        "cleared",
        f"two {model.labels} that are {value}, and one that is not",
        f"all {model.labels} that are {value} are deleted",
        "only the other is left, and two are counted",
        operation.attributes[0],
    )


def _mark_all(operation: Operation, model: EntityModel) -> Rows:
    yield (
        "marked",
        f"two {model.labels}, one of which is {operation.value} already",
        f"all {model.labels} are marked as {operation.value}",
        f"both are {operation.value}, and one is counted as changed",
        operation.attributes[0],
    )


def _limit(operation: Operation, model: EntityModel) -> Rows:
    limit, name = model.limit(operation), operation.attributes[0]
    owner, full = limit.field.attribute.target, f"{limit.owner} with {limit.shown}"
    refused = f"it is refused, because {limit.shown} {'is' if limit.most == 1 else 'are'} the most"
    yield ("full", full, f"another {model.label} of that {owner} is added", refused, name)
    yield ("other", full, f"{model.article} of another {owner} is added", "it is kept", name)
    for field in model.ends if limit.is_open else ():
        yield (
            "ended",
            f"{full}, one of which is then done with by its {field.label}",
            f"another {model.label} of that {owner} is added",
            "it is kept",
            field.attribute.name,
        )


def _calculate(operation: Operation, model: EntityModel) -> Rows:
    found = model.calculation(operation)
    asked = f"the {found.label} of the {model.label} is asked for"
    yield ("worked_out", f"{model.article} with all values for it", asked, f"it is {found.phrase}", "")
    for field in found.optional[:1]:
        yield (
            "unknown",
            f"{model.article} without {field.label}",
            asked,
            "there is none",
            field.attribute.name,
        )
    if found.divides and found.may_be_zero:
        last = found.fields[-1]
        yield (
            "zero",
            f"{model.article} whose {last.label} is 0",
            asked,
            "there is none",
            last.attribute.name,
        )
    yield _missing(model, f"asked for its {found.label}")


def _restore(_: Operation, model: EntityModel) -> Rows:
    thing = model.label
    yield (
        "back",
        f"a deleted {thing}",
        "it is restored under its number",
        "it is there again as it was",
        "",
    )
    yield (
        "missing", f"{model.article} that was never deleted", f"that {thing} is restored",
        "it is refused, because there is no such deleted record", "",
    )  # fmt: skip
    for field in model.unique[:1]:
        yield (
            "taken",
            f"a deleted {thing}, and another that has its {field.label} since",
            "the deleted one is restored",
            "it is refused, and stays deleted",
            field.attribute.name,
        )


def _export(operation: Operation, model: EntityModel) -> Rows:
    kind = operation.value.upper()
    yield (
        "written",
        f"two {model.labels}",
        f"the {model.labels} are exported as {kind}",
        "the file holds both with all their values",
        "",
    )


def _import(operation: Operation, model: EntityModel) -> Rows:
    kind = operation.value.upper()
    yield ("read", f"a {kind} file with two {model.labels}", "it is imported", "both are kept", "")
    yield (
        "broken",
        f"a {kind} file whose second {model.label} is not valid",
        "it is imported",
        "it is refused with the number of the bad entry, and nothing is kept",
        "",
    )


def _history(_: Operation, model: EntityModel) -> Rows:
    yield (
        "recorded",
        f"{model.article} that was added"
        + (" and changed" if model.changes else " and deleted" if model.has("delete") else ""),
        f"the history of the {model.label} is viewed",
        "each change is there, oldest first",
        "",
    )


def _persist(_: Operation, model: EntityModel) -> Rows:
    yield (
        "reopened",
        f"{model.article} in a database that was closed",
        "the database is opened again",
        f"the {model.label} is still there",
        "",
    )


def _rule(operation: Operation, model: EntityModel) -> Rows:
    field = model.field(operation.attributes[0])
    problem = {
        "required": f"without {words.with_article(field.label)}",
        "unique": f"with the {field.label} of another {model.label}",
        "after": f"whose {field.label} is before its {field.attribute.after.replace('_', ' ')}",
    }.get(operation.value, f"with {words.with_article(field.label)} that is out of bounds")
    yield (
        operation.value if operation.value in ("required", "unique", "after") else "bounds",
        f"{model.article} {problem}",
        f"that {model.label} is added",
        f"it is refused, naming {field.label}",
        field.attribute.name,
    )


_SCENARIOS = {
    **LISTS,
    "create": _create, "view": _view, "restore": _restore, "calculate": _calculate, "update": _update,
    "delete": _delete, "status": _status, "assign": _assign, "tag": _tag, "export": _export, "limit": _limit,
    "clear": _clear, "mark_all": _mark_all, "import": _import, "history": _history, "persist": _persist, "rule": _rule,
}  # fmt: skip
