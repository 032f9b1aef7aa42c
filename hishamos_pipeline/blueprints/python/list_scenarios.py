"""The criteria of what shows several records or a figure of them, each with the name of its test; see ``scenarios``."""

from collections.abc import Iterator

from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation

# Name of the test, given, when, then, and the attribute that it is about.
Rows = Iterator[tuple[str, str, str, str, str]]


def _list(_: Operation, model: EntityModel) -> Rows:
    yield ("all", f"two {model.labels}", f"the {model.labels} are listed", "both are there, oldest first", "")
    yield ("none", f"no {model.labels}", f"the {model.labels} are listed", "the list is empty", "")


def _page(_: Operation, model: EntityModel) -> Rows:
    size, things = model.page_size, model.labels
    more = f"{size + 1} {things}"
    yield (
        "second",
        more,
        f"the {things} are listed in pages of {size}",
        "the last one is alone on page 2",
        "",
    )
    yield ("beyond", model.article, f"page 2 of the {things} is listed", "it is empty", "")
    yield ("zero", "an empty database", f"page 0 of the {things} is listed", "it is refused", "")


def _search(operation: Operation, model: EntityModel) -> Rows:
    for field in model.searchable:
        if not operation.attributes or field.attribute.name in operation.attributes:
            yield (
                "match",
                f"two {model.labels}",
                f"a part of the {field.label} of one of them is searched for, in capitals",
                f"only that {model.label} is found",
                field.attribute.name,
            )
    yield ("none", f"{model.article}", "a text that occurs nowhere is searched for", "nothing is found", "")


def _filter(operation: Operation, model: EntityModel) -> Rows:
    field = model.field(operation.attributes[0])
    yield (
        "match",
        f"two {model.labels} that differ in their {field.label}",
        f"the {model.labels} are filtered by {field.label}",
        "only the one with that value is there",
        field.attribute.name,
    )


def _sort(operation: Operation, model: EntityModel) -> Rows:
    for name in operation.attributes:
        label = model.field(name).label
        yield (
            "order",
            f"two {model.labels} that differ in their {label}",
            f"the {model.labels} are sorted by {label}",
            "they are in that order, and in the opposite one when asked",
            name,
        )


def _count(_: Operation, model: EntityModel) -> Rows:
    yield ("counted", f"two {model.labels}", f"the {model.labels} are counted", "the answer is two", "")


def _group(operation: Operation, model: EntityModel) -> Rows:
    field = model.field(operation.attributes[0])
    made, answer = f"three {model.labels}, two of which share their {field.label}", "two and one"
    if model.is_single(field):
        made, answer = f"two {model.labels}, each with another {field.label}", "one and one"
    yield (
        "counted",
        made,
        f"the {model.labels} are counted by {field.label}",
        f"the answer is {answer} for the two values of {field.label}",
        field.attribute.name,
    )


def _figure(operation: Operation, model: EntityModel) -> Rows:
    figure = model.figure(operation)
    label, by = figure.field.label, f" by {figure.by.label}" if figure.by else ""
    name, result = {
        "total": ("summed", "it is the sum of the two"),
        "average": ("averaged", "it is half of what both have together"),
    }[figure.kind]
    asked = f"the {figure.kind} {label} of the {model.labels}{by} is asked for"
    made = f"two {model.labels}"
    if figure.by and model.is_single(figure.by):
        made, result = f"{made}, each with another {figure.by.label}", f"each has its own {label}"
    yield (name, made, asked, result, figure.field.attribute.name)
    if figure.kind == "average" and not figure.by:
        yield ("nothing", f"no {model.labels}", asked, "there is none", figure.field.attribute.name)


def _due(operation: Operation, model: EntityModel) -> Rows:
    label, shown = model.field(operation.attributes[0]).label, model.selection(operation).shown
    yield (
        "listed",
        f"{model.labels} with a {label} before today, today, in six days and in a week",
        f"the {model.labels} that are {shown} are asked for",
        "only those are there",
        operation.attributes[0],
    )
    for field in model.ends:
        yield (
            "ended",
            f"{model.article} that is {shown}, and done with by its {field.label}",
            f"the {model.labels} that are {shown} are asked for",
            "it is not among them",
            field.attribute.name,
        )


def _top(operation: Operation, model: EntityModel) -> Rows:
    selection = model.selection(operation)
    yield (
        "listed",
        f"{selection.number + 1} {model.labels} that differ in their {selection.field.label}",
        f"{selection.phrase} {selection.are} asked for",
        f"{'it is there' if selection.number == 1 else 'they are there in that order'}, and the other one is not",
        operation.attributes[0],
    )
    if selection.field.optional_none:
        yield (
            "without",
            f"{model.article} without {words.with_article(selection.field.label)}",
            f"{selection.phrase} {selection.are} asked for",
            "it is not among them",
            operation.attributes[0],
        )


def _deleted(_: Operation, model: EntityModel) -> Rows:
    yield (
        "kept", f"two {model.labels}, one of which is deleted", f"the deleted {model.labels} are listed",
        "only that one is there, as it was", "",
    )  # fmt: skip


LISTS = {
    "list": _list, "page": _page, "search": _search, "filter": _filter, "sort": _sort, "count": _count, "group": _group,
    "total": _figure, "average": _figure, "due": _due, "top": _top, "deleted": _deleted,
}  # fmt: skip
