"""The stack ``python-cli``: a command line on the standard library alone."""

from collections.abc import Iterator, Mapping

from hishamos_pipeline.blueprints.python.blueprint import Blueprint, SourceFile, folder_file
from hishamos_pipeline.blueprints.python.bulks import BULKS, Bulk
from hishamos_pipeline.blueprints.python.context import entity_context, needed_values
from hishamos_pipeline.blueprints.python.figures import Figure
from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.selections import SELECTIONS, Selection
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.documents import Decision
from hishamos_pipeline.stacks.python import stack


def _source_files(model: PackageModel, shared: Mapping[str, object]) -> Iterator[SourceFile]:
    root = f"src/{model.package}"
    yield SourceFile(
        f"{root}/values.py",
        "values.py.j2",
        "Values to text and back",
        context={**shared, "needs": {"to_text": True, **needed_values(model)}},
    )
    yield folder_file(root, "cli", "The command line.")
    for entity in model.entities:
        yield SourceFile(
            f"{root}/cli/{entity.var}_commands.py",
            "commands.py.j2",
            f"commands about {entity.labels}",
            (entity.entity.name,),
            (f"{root}/services/{entity.vars}.py",),
            entity_context(model, entity),
        )
    if any(
        item.has("view", "search", "group", "history", "deleted", *SELECTIONS) or item.lists
        for item in model.entities
    ) or any(figure.by for item in model.entities for figure in item.figures):
        yield SourceFile(
            f"{root}/cli/output.py", "output.py.j2", "Records as text for the terminal", context=shared
        )
    yield SourceFile(
        f"{root}/cli/main.py",
        "main.py.j2",
        "The command line",
        depends_on=tuple(f"{root}/cli/{item.var}_commands.py" for item in model.entities),
        context=shared,
    )


def _wording(operation: Operation, model: EntityModel) -> tuple[str, str] | None:
    thing, things, value = model.label, model.labels, operation.value
    field = model.field(operation.attributes[0]) if operation.attributes else None
    name = operation.attributes[0].replace("_", "-") if operation.attributes else ""
    label, option = (field.label, field.option) if field else ("", "")
    known = {
        "create": ("add", f"the new {thing} is announced with its number"),
        "view": ("show", f"the {thing} is printed"),
        "list": ("list", f"the {things} are printed"),
        "search": ("search", f"the matching {things} are printed"),
        "filter": (f"list {option}", f"only {things} with that {label} are printed"),
        "page": (
            f"list {model.page_option}",
            f"only the {things} of that page are printed",
        ),
        "sort": ("list --sort-by", f"the {things} are printed in that order"),
        "update": ("update", "the new value is kept"),
        "delete": ("delete", f"the {thing} is gone"),
        "restore": ("restore", f"the {thing} is there again"),
        "deleted": ("deleted", f"the deleted {things} are printed"),
        "calculate": (
            f"calculate-{value.split()[0].replace('_', '-')}" if value else "",
            "the result is printed",
        ),
        "status": (f"mark-{value.replace(' ', '-')}", f"the {thing} is {value}"),
        "assign": ("assign", f"the {label} is kept"),
        "tag": ("tag", f"the {thing} carries the tag"),
        "count": ("count", "the number is printed"),
        "group": (f"count-by-{name}", "each value is printed"),
        "total": (f"total-{name}", "the sum is printed"),
        "average": (f"average-{name}", "the average is printed"),
        "export": (f"export-{value}", "the file is written"),
        "import": (f"import-{value}", f"the imported {things} are counted"),
        "history": ("history", "the changes are printed"),
    }
    if operation.kind in SELECTIONS:
        selection = model.selection(operation)
        known[operation.kind] = (selection.action, f"only {selection.phrase} {selection.are} printed")
    if operation.kind in BULKS:
        known[operation.kind] = (model.bulk(operation).action, "their number is printed")
    if operation.kind not in known:
        return None
    action, result = known[operation.kind]
    return f"the command `{model.command} {action}` is run", f"{result}, and the exit status is 0"


def _usage(entity: EntityModel, model: PackageModel) -> list[tuple[str, str]]:
    start = f"{model.distribution} {entity.command}"
    options = " ".join(f'{field.option} "{field.raw()}"' for field in entity.given if field.required)
    lines = [(f"{start} add {options}".strip(), f"Add {entity.article}")]
    if entity.has("view"):
        lines.append((f"{start} show 1", f"Show {entity.article}"))
    if entity.lists:
        lines.append((f"{start} list", f"List {entity.labels}"))
    for field in entity.filters:
        option = "--tag classic" if field.type == "tags" else f'{field.option} "{field.raw()}"'
        lines.append((f"{start} list {option}", f"List {entity.labels} by {field.label}"))
    for field in entity.sorters:
        lines.append((f"{start} list --sort-by {field.name}", f"Sort {entity.labels} by {field.label}"))
    if entity.page_size:
        lines.append(
            (
                f"{start} list {entity.page_option} 1",
                f"List {entity.labels} in pages of {entity.page_size}",
            )
        )
    if entity.has("search"):
        sample = entity.searchable[0].raw()
        lines.append((f'{start} search "{sample}"', f"Search {entity.labels}"))
    if entity.has("update"):
        field = entity.editable[0]
        lines.append((f'{start} update 1 {field.option} "{field.raw(1)}"', f"Change {entity.article}"))
    if entity.has("delete"):
        lines.append((f"{start} delete 1", f"Delete {entity.article}"))
    if entity.has("deleted"):
        lines.append((f"{start} deleted", f"List deleted {entity.labels}"))
    if entity.has("restore"):
        lines.append((f"{start} restore 1", f"Restore a deleted {entity.label}"))
    for operation in entity.statuses:
        action = f"mark-{entity.status_function(operation).split('_as_', 1)[1].replace('_', '-')}"
        lines.append((f"{start} {action} 1", f"Mark {entity.article} as {operation.value}"))
    for operation in entity.of("assign"):
        field = entity.field(operation.attributes[0])
        action = entity.assign_action(operation)
        lines.append((f'{start} {action} 1 "{field.raw()}"', f"Assign {entity.article}"))
    if entity.has("tag"):
        lines.append((f"{start} tag 1 classic", f"Tag {entity.article}"))
    for found in entity.calculations:
        lines.append((f"{start} calculate-{found.action} 1", f"Work out the {found.label}: {found.phrase}"))
    if entity.has("count"):
        lines.append((f"{start} count", f"Count {entity.labels}"))
    for field in entity.groups:
        name = field.attribute.name.replace("_", "-")
        lines.append((f"{start} count-by-{name}", f"Count {entity.labels} by {field.label}"))
    named: tuple[Selection | Figure | Bulk, ...] = (*entity.selections, *entity.figures, *entity.bulks)
    lines += [(f"{start} {item.action}", item.help) for item in named]
    for kind in ("export", "import"):
        for name in entity.formats(kind):
            action = f"{kind}-{name}"
            told = f"{kind.capitalize()} {entity.labels} ({name.upper()})"
            if kind == "import":
                told = f"{told}; {entity.columns_of_files}"
            lines.append((f"{start} {action} {entity.vars}.{name}", told))
    if entity.has("history"):
        lines.append((f"{start} history 1", f"Show what happened to {entity.article}"))
    return lines


CLI = Blueprint(
    stack=stack.CLI,
    entry="cli.main",
    program="cli.main",
    decisions=(
        Decision(
            title="Standard library only",
            reason="`sqlite3` and `argparse` do all that is needed; nothing has to be updated or trusted.",
        ),
        Decision(
            title="Records check themselves",
            reason="A record that exists is valid, wherever it came from: command line, file or database.",
        ),
        Decision(
            title="One transaction per command",
            reason="A command that is refused half-way leaves the database as it was.",
        ),
    ),
    source_files=_source_files,
    wording=_wording,
    usage=_usage,
)
