"""The files of a project that need no model: metadata, entry point, licence, API reference, CI, and copies."""

from collections.abc import Iterator
from types import SimpleNamespace

from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.core.artifacts.documents import Architecture, PlannedFile
from hishamos_pipeline.core.text.interfaces import is_whole
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.stacks.python.ci import ci_file
from hishamos_pipeline.stacks.python.examples import EXAMPLES, examples_test
from hishamos_pipeline.stacks.python.layout import CI, CONTAINER, DOCS, LICENCE_IDS, PROVENANCE
from hishamos_pipeline.stacks.python.rendering import render
from hishamos_pipeline.stacks.python.stack import STACKS

_BY_TEMPLATE = ("docs/api.md", "CHANGELOG.md", "LICENSE")
_METADATA = "pyproject.toml"
_LONGEST_SUMMARY = 160


def planned(plan: Architecture) -> tuple[PlannedFile, ...]:
    """What every project has beside the files of its plan, as far as that does not have them."""
    there = {file.path for file in plan.files}
    made = [
        PlannedFile(path=_METADATA, kind="source", purpose="Package metadata and tool settings."),
        *_package(plan),
    ]
    made += [PlannedFile(path=path, kind="docs", purpose=purpose) for path, purpose in DOCS]
    made += [PlannedFile(path=path, kind="ci", purpose=purpose) for path, purpose in _ci(plan)]
    if plan.prescriptions.examples:
        made.append(
            PlannedFile(path=EXAMPLES, kind="test", purpose="The examples of the brief, as they stand there.")
        )
    made.append(PlannedFile(path=PROVENANCE, kind="provenance", purpose="Where each file comes from"))
    return tuple(file for file in made if file.path not in there)


def is_made_elsewhere(plan: Architecture, path: str) -> bool:
    """Whether a file is one that nobody has to plan: what every project has, and tests."""
    fixed = {_METADATA, PROVENANCE, *(name for name, _ in (*DOCS, *CI))}
    is_test = path.startswith("tests/test_") or path == "tests/conftest.py"
    return path in fixed or is_test or path == f"{plan.root}{plan.package}/py.typed"


def text_of(request: FileRequest) -> str | None:
    """The text of a file that follows from the plan; ``None`` for one that has to be written."""
    plan, path = request.architecture, request.path
    facts = _facts(plan)
    if path == _METADATA:
        return render(
            plan.stack,
            "src/pyproject.toml.j2",
            author=plan.author,
            licence_expression=LICENCE_IDS.get(plan.licence, plan.licence),
            dependencies=plan.dependencies,
            test_dependencies=plan.test_dependencies,
            **facts,
        )
    if path in _BY_TEMPLATE:
        return _document(request)
    if path == EXAMPLES:
        return examples_test(plan)
    if any(path == name for name, _ in CI):
        return ci_file(path, plan)
    if path.endswith("/py.typed"):
        return render(plan.stack, "src/py.typed.j2")
    file = request.planned
    if file is None or not path.endswith(".py"):
        return None
    if file.interface and is_whole(file.interface):
        return (
            f'"""{facts["title"]}"""\n\n{file.interface}'
            if not file.interface.startswith('"""')
            else file.interface
        )
    if file.interface or file.requirements:
        return None
    if path.endswith("/__main__.py") and plan.entry:
        return render(plan.stack, "src/__main__.py.j2", **facts)
    return render(plan.stack, "src/__init__.py.j2", **facts) if path.endswith("/__init__.py") else None


def metadata(plan: Architecture) -> dict[str, object]:
    """What the metadata of a package says of where things are, and what is started."""
    root, package = plan.root, plan.package
    is_folder = any(path.startswith(f"{root}{package}/") for path in plan.code)
    return {
        "program": plan.entry,
        "in_wheel": f"{root}{package}" if is_folder else f"{root}{package}.py",
        "is_folder": is_folder,
        "python_path": ["src", "tests"] if root else [".", "tests"],
        "lint": plan.lint,
        "starts_by_template": not any(
            file.path.endswith("/__main__.py") and (file.interface or file.requirements)
            for file in plan.files
        ),
        "requires_python": plan.requires_python,
    }


def _facts(plan: Architecture) -> dict[str, object]:
    package = SimpleNamespace(
        package=plan.package, distribution=plan.distribution, title=plan.title, entities=()
    )
    module, _, function = plan.entry.partition(":")
    point = STACKS[plan.stack].entry_point
    if point is not None and point.starting:
        module, function = f"{plan.package}.{point.file.removesuffix('.py')}", point.function
    started = next((file for file in plan.files if plan.module_of(file.path) == module), None)
    return {
        "p": package,
        "title": one_line(plan.title).replace("\\", "/").replace('"', "'").rstrip(".") + ".",
        "entry_module": module,
        "entry_function": function,
        "takes_database": started is not None and any("database" in text for text in started.signatures),
        "summary": _first_sentence(plan.summary) or plan.title,
        **metadata(plan),
    }


def _first_sentence(text: str) -> str:
    """The first sentence of a text, cut between words where it is long."""
    sentence = one_line(text).partition(". ")[0].rstrip(".")
    if len(sentence) > _LONGEST_SUMMARY:
        sentence = sentence[:_LONGEST_SUMMARY].rpartition(" ")[0] + " …"
    return sentence


def _package(plan: Architecture) -> Iterator[PlannedFile]:
    own = f"{plan.root}{plan.package}"
    folders = sorted({path.rpartition("/")[0] for path in plan.code if path.startswith(f"{own}/")})
    if not folders:
        return
    above = {
        "/".join(folder.split("/")[:depth]) for folder in folders for depth in range(1, folder.count("/") + 2)
    }
    for folder in sorted(item for item in above if item == own or item.startswith(f"{own}/")):
        purpose = "The package." if folder == own else "A part of the package."
        yield PlannedFile(path=f"{folder}/__init__.py", kind="source", purpose=purpose)
    yield PlannedFile(path=f"{own}/py.typed", kind="source", purpose="Marks the package as typed.")
    point = STACKS[plan.stack].entry_point
    if plan.entry and point is not None:
        yield PlannedFile(
            path=f"{own}/__main__.py",
            kind="source",
            purpose="Entry point of `python -m`.",
            signatures=point.starting,
        )


def _ci(plan: Architecture) -> Iterator[tuple[str, str]]:
    """The files of the CI configuration; nothing runs in a container that is only imported."""
    return (item for item in CI if plan.entry or item[0] not in CONTAINER)


def _document(request: FileRequest) -> str:
    plan = request.architecture
    facts = SimpleNamespace(
        title=plan.title,
        summary=plan.summary,
        licence=plan.licence,
        author=plan.author,
        modules=[
            (plan.module_of(file.path), file.purpose, file.interface.strip())
            for file in plan.files
            if file.interface and plan.in_package(file.path)
        ],
        planned=request.stories.planned,
        deferred=request.stories.deferred,
    )
    name = "model_api.md" if request.path == "docs/api.md" else request.path
    return render(plan.stack, f"docs/{name}.j2", r=facts).strip("\n") + "\n"
