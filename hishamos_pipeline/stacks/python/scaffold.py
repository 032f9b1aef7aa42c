"""The files of a package that need no model: metadata, entry point, licence, API reference, CI."""

from types import SimpleNamespace

from hishamos_pipeline.agents.tasks import FileRequest
from hishamos_pipeline.core.artifacts.documents import PlannedFile
from hishamos_pipeline.core.artifacts.idea import StackName
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.stacks.python.ci import ci_file
from hishamos_pipeline.stacks.python.layout import CI, DOCS, LICENCE_IDS, PROVENANCE
from hishamos_pipeline.stacks.python.rendering import render
from hishamos_pipeline.stacks.python.stack import STACKS

_BY_TEMPLATE = ("docs/api.md", "CHANGELOG.md", "LICENSE")


def planned(package: str, stack: StackName) -> tuple[PlannedFile, ...]:
    """What every package has beside its modules."""
    root = f"src/{package}"
    sources = (
        ("pyproject.toml", "Package metadata and tool settings."),
        (f"{root}/__init__.py", "The package."),
        (f"{root}/py.typed", "Marks the package as typed."),
    )
    return (
        *(PlannedFile(path=path, kind="source", purpose=purpose) for path, purpose in sources),
        PlannedFile(
            path=f"{root}/__main__.py",
            kind="source",
            purpose="Entry point of `python -m`.",
            signatures=STACKS[stack].entry_point.starting,
        ),
        *(PlannedFile(path=path, kind="docs", purpose=purpose) for path, purpose in DOCS),
        *(PlannedFile(path=path, kind="ci", purpose=purpose) for path, purpose in CI),
        PlannedFile(path=PROVENANCE, kind="provenance", purpose="Where each file comes from"),
    )


def text_of(request: FileRequest) -> str | None:
    """The text of a scaffolding file; ``None`` for one that has to be written."""
    plan, path = request.architecture, request.path
    root = f"src/{plan.package}"
    package = SimpleNamespace(
        package=plan.package, distribution=plan.distribution, title=plan.title, entities=()
    )
    facts = {
        "p": package,
        "entry": STACKS[plan.stack].entry_point.file.removesuffix(".py"),
        "summary": one_line(plan.summary)[:200] or plan.title,
    }
    if path == "pyproject.toml":
        return render(
            plan.stack,
            "src/pyproject.toml.j2",
            author=plan.author,
            licence_expression=LICENCE_IDS.get(plan.licence, plan.licence),
            dependencies=plan.dependencies,
            test_dependencies=plan.test_dependencies,
            **facts,
        )
    if path == f"{root}/__init__.py":
        return render(plan.stack, "src/__init__.py.j2", **facts)
    if path == f"{root}/__main__.py":
        return render(plan.stack, "src/__main__.py.j2", **facts)
    if path == f"{root}/py.typed":
        return render(plan.stack, "src/py.typed.j2")
    if path in _BY_TEMPLATE:
        return _document(request, package)
    if any(path == name for name, _ in CI):
        return ci_file(path, plan)
    return None


def _document(request: FileRequest, package: SimpleNamespace) -> str:
    plan = request.architecture
    facts = SimpleNamespace(
        title=plan.title,
        summary=plan.summary,
        licence=plan.licence,
        author=plan.author,
        source_files=[file for file in plan.files if file.kind == "source"],
        planned=request.stories.planned,
        deferred=request.stories.deferred,
    )
    name = "model_api.md" if request.path == "docs/api.md" else request.path
    return render(plan.stack, f"docs/{name}.j2", r=facts, p=package).strip("\n") + "\n"
