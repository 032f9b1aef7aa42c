"""Which files a project consists of, and the raw text of each."""

from collections.abc import Iterator, Sequence

from hishamos_pipeline.blueprints.python.blueprint import SourceFile, folder_file
from hishamos_pipeline.blueprints.python.context import entity_context, needed_values, needs_conflict
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.core.artifacts.documents import PlannedFile
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.stacks.python.layout import CI, DOCS, LICENCE_IDS, LINT, PROVENANCE


def source_files(model: PackageModel, *, summary: str, author: str, licence: str) -> dict[str, SourceFile]:
    """The source files of a package by path."""
    return {item.path: item for item in _source_files(model, summary=summary, author=author, licence=licence)}


def _source_files(model: PackageModel, *, summary: str, author: str, licence: str) -> Iterator[SourceFile]:
    root = f"src/{model.package}"
    blueprint = BLUEPRINTS[model.stack]
    line = one_line(summary)[:200] or model.title
    shared: dict[str, object] = {
        "p": model,
        "entry_module": f"{model.package}.{blueprint.entry}",
        "entry_function": "main",
        "takes_database": True,
        "summary": line,
        "conflicts": needs_conflict(model),
        "invalid": bool(model.rules)
        or any(needed_values(model).values())
        or model.any("import", "tag", "page"),
    }
    project = {
        **shared,
        "author": author,
        "licence_expression": LICENCE_IDS.get(licence, licence),
        "dependencies": blueprint.stack.dependencies,
        "test_dependencies": blueprint.stack.test_dependencies,
        "program": f"{model.package}.{blueprint.program}:main",
        "in_wheel": root,
        "is_folder": True,
        "python_path": ["src", "tests"],
        "lint": LINT,
        "starts_by_template": True,
        "requires_python": ">=3.11",
    }
    yield SourceFile(
        "pyproject.toml", "pyproject.toml.j2", "Package metadata and tool settings", context=project
    )
    yield SourceFile(f"{root}/__init__.py", "__init__.py.j2", "The package", context=shared)
    yield SourceFile(f"{root}/__main__.py", "__main__.py.j2", "Entry point of `python -m`", context=shared)
    yield SourceFile(f"{root}/py.typed", "py.typed.j2", "Marks the package as typed")
    yield SourceFile(f"{root}/errors.py", "errors.py.j2", "What can go wrong", context=shared)
    if model.rules:
        yield SourceFile(f"{root}/rules.py", "rules.py.j2", "The rules of values", context=shared)
    for folder, purpose in (
        ("domain", "The things that records are kept of."),
        ("storage", "Records in an SQLite database."),
        ("services", "What can be done with the records."),
    ):
        yield folder_file(root, folder, purpose)
    for entity in model.entities:
        context = entity_context(model, entity)
        names = (entity.entity.name,)
        domain = f"{root}/domain/{entity.var}.py"
        storage = f"{root}/storage/{entity.vars}.py"
        services = f"{root}/services/{entity.vars}.py"
        yield SourceFile(domain, "domain.py.j2", f"{entity.article} and its rules", names, context=context)
        yield SourceFile(
            storage, "storage.py.j2", f"{entity.labels} in the database", names, (domain,), context
        )
        yield SourceFile(
            services,
            "services.py.j2",
            f"what is done with {entity.labels}",
            names,
            (storage, domain),
            context,
        )
    if model.any("history"):
        yield SourceFile(
            f"{root}/domain/history_entry.py", "history_entry.py.j2", "an entry of a record's history"
        )
        yield SourceFile(
            f"{root}/storage/history.py", "history.py.j2", "the history of records", context=shared
        )
    yield SourceFile(
        f"{root}/storage/database.py", "database.py.j2", "The database and its schema", context=shared
    )
    yield from blueprint.source_files(model, shared)


TESTS = (
    ("tests/conftest.py", "What the tests share"),
    ("tests/factories.py", "Records for tests"),
)


def planned_files(
    sources: Sequence[SourceFile], requirements_of: dict[str, tuple[str, ...]], stack: str
) -> tuple[PlannedFile, ...]:
    """The plan of a project: source files with their signatures, documents, CI and provenance.

    Without a source file there is nothing to test or describe; only CI is planned then.

    Args:
        sources: the source files.
        requirements_of: ids of the requirements about each entity.
        stack: name of the project's stack.
    """
    if not sources:
        return tuple(PlannedFile(path=path, kind="ci", purpose=purpose) for path, purpose in CI)
    everything = tuple(dict.fromkeys(name for names in requirements_of.values() for name in names))
    plan = [
        PlannedFile(
            path=item.path,
            kind="source",
            purpose=_sentence(item.purpose),
            signatures=public_signatures(item.render(stack)) if item.path.endswith(".py") else (),
            depends_on=item.depends_on,
            entities=item.entities,
            requirements=tuple(
                dict.fromkeys(name for entity in item.entities for name in requirements_of[entity])
            )
            if item.entities
            else everything,
        )
        for item in sources
    ]
    plan += [PlannedFile(path=path, kind="test", purpose=purpose) for path, purpose in TESTS]
    plan += [PlannedFile(path=path, kind="docs", purpose=purpose) for path, purpose in DOCS]
    plan += [PlannedFile(path=path, kind="ci", purpose=purpose) for path, purpose in CI]
    plan.append(PlannedFile(path=PROVENANCE, kind="provenance", purpose="Where each file comes from"))
    return tuple(plan)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
