"""The documents and CI files of a ``python-cli`` project."""

import re
from types import SimpleNamespace

from hishamos_pipeline.blueprints.python_cli.context import render
from hishamos_pipeline.blueprints.python_cli.model import EntityModel, PackageModel
from hishamos_pipeline.core.documents import Architecture, Stories

_CI_TEMPLATES = {
    ".github/workflows/ci.yml": "ci.yml.j2",
    ".gitlab-ci.yml": "gitlab-ci.yml.j2",
    "Dockerfile": "Dockerfile.j2",
    ".dockerignore": "dockerignore.j2",
    ".pre-commit-config.yaml": "pre-commit-config.yaml.j2",
    ".gitignore": "gitignore.j2",
}
INSTALL = 'python -m pip install -e ".[dev]"'


def document(path: str, architecture: Architecture, stories: Stories, model: PackageModel) -> str:
    """One document; text from the brief is shown as text."""
    request = SimpleNamespace(
        title=_text(architecture.title),
        summary=_text(architecture.summary),
        licence=architecture.licence,
        author=architecture.author,
        commands=architecture.commands,
        decisions=architecture.decisions,
        source_files=[file for file in architecture.files if file.kind == "source"],
        planned=[_shown(story.id, story.title, "") for story in stories.planned],
        deferred=[_shown(story.id, story.title, story.reason) for story in stories.deferred],
    )
    entities = [_documented(entity, model) for entity in model.entities]
    package = SimpleNamespace(package=model.package, distribution=model.distribution, entities=entities)
    text = render(f"docs/{path.rsplit('/', 1)[-1]}.j2", r=request, p=package)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def ci_file(path: str, architecture: Architecture) -> str:
    """One file of the CI configuration."""
    return render(f"ci/{_CI_TEMPLATES[path]}", r=architecture, install=INSTALL)


def _shown(story_id: str, title: str, reason: str) -> SimpleNamespace:
    return SimpleNamespace(id=story_id, title=_text(title), reason=_text(reason))


def _text(text: str) -> str:
    """A line of the brief that Markdown and HTML renderers show as it was written."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _documented(entity: EntityModel, model: PackageModel) -> SimpleNamespace:
    usage = list(_usage(entity, model))
    return SimpleNamespace(
        labels=entity.labels,
        vars=entity.vars,
        fields=entity.fields,
        given=entity.given,
        editable=entity.editable,
        has=entity.has,
        usage=usage,
        example=usage[0][0],
    )


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
    if entity.has("search"):
        sample = entity.searchable[0].raw()
        lines.append((f'{start} search "{sample}"', f"Search {entity.labels}"))
    if entity.has("update"):
        field = entity.editable[0]
        lines.append((f'{start} update 1 {field.option} "{field.raw(1)}"', f"Change {entity.article}"))
    if entity.has("delete"):
        lines.append((f"{start} delete 1", f"Delete {entity.article}"))
    for operation in entity.statuses:
        action = f"mark-{entity.status_function(operation).split('_as_', 1)[1].replace('_', '-')}"
        lines.append((f"{start} {action} 1", f"Mark {entity.article} as {operation.value}"))
    for operation in entity.of("assign"):
        field = entity.field(operation.attributes[0])
        action = entity.assign_action(operation)
        lines.append((f'{start} {action} 1 "{field.raw()}"', f"Assign {entity.article}"))
    if entity.has("tag"):
        lines.append((f"{start} tag 1 classic", f"Tag {entity.article}"))
    if entity.has("count"):
        lines.append((f"{start} count", f"Count {entity.labels}"))
    for field in entity.groups:
        name = field.attribute.name.replace("_", "-")
        lines.append((f"{start} count-by-{name}", f"Count {entity.labels} by {field.label}"))
    for field, by in entity.totals:
        name = field.attribute.name + (f"_by_{by.attribute.name}" if by else "")
        by_label = f" by {by.label}" if by else ""
        lines.append((f"{start} total-{name.replace('_', '-')}", f"Add up the {field.label}{by_label}"))
    for kind in ("export", "import"):
        for name in entity.formats(kind):
            action = f"{kind}-{name}"
            lines.append(
                (
                    f"{start} {action} {entity.vars}.{name}",
                    f"{kind.capitalize()} {entity.labels} ({name.upper()})",
                )
            )
    if entity.has("history"):
        lines.append((f"{start} history 1", f"Show what happened to {entity.article}"))
    return lines
