"""Which files a ``python-cli`` project consists of, and the raw text of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hishamos_pipeline.blueprints.python_cli.context import (
    entity_context,
    needed_values,
    needs_conflict,
    render,
)
from hishamos_pipeline.blueprints.python_cli.model import PackageModel
from hishamos_pipeline.core.documents import PlannedFile
from hishamos_pipeline.core.signatures import public_signatures

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("python", "-m", "pytest", "--cov", "--cov-report=term-missing"),
)
LICENCE_IDS = {"Proprietary": "LicenseRef-Proprietary"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file before it is rendered; ``entities`` names what it is about, none for all."""

    path: str
    template: str
    purpose: str
    entities: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    context: dict[str, object] = field(default_factory=dict)

    def render(self) -> str:
        """The raw text, not formatted yet."""
        return render(f"src/{self.template}", **self.context)


def source_files(model: PackageModel, *, summary: str, author: str, licence: str) -> dict[str, SourceFile]:
    """The source files of a package by path."""
    return {item.path: item for item in _source_files(model, summary=summary, author=author, licence=licence)}


def _source_files(model: PackageModel, *, summary: str, author: str, licence: str) -> Iterator[SourceFile]:
    root = f"src/{model.package}"
    needs = needed_values(model)
    invalid = bool(model.rules) or any(needs.values()) or model.any("import")
    shared: dict[str, object] = {
        "p": model,
        "entry": "cli.main",
        "conflicts": needs_conflict(model),
        "invalid": invalid,
    }
    line = " ".join(summary.split())[:200] or model.title
    project = {
        **shared,
        "summary": line,
        "author": author,
        "licence_expression": LICENCE_IDS.get(licence, licence),
    }
    yield SourceFile(
        "pyproject.toml", "pyproject.toml.j2", "Package metadata and tool settings", context=project
    )
    yield SourceFile(f"{root}/__init__.py", "__init__.py.j2", "The package", context=shared)
    yield SourceFile(f"{root}/__main__.py", "__main__.py.j2", "Entry point of `python -m`", context=shared)
    yield SourceFile(f"{root}/py.typed", "py.typed.j2", "Marks the package as typed")
    yield SourceFile(f"{root}/errors.py", "errors.py.j2", "What can go wrong", context=shared)
    yield SourceFile(
        f"{root}/values.py",
        "values.py.j2",
        "Values to text and back",
        context={**shared, "needs": needs},
    )
    if model.rules:
        yield SourceFile(f"{root}/rules.py", "rules.py.j2", "The rules of values", context=shared)
    for folder, purpose in (
        ("domain", "The things that records are kept of."),
        ("storage", "Records in an SQLite database."),
        ("services", "What can be done with the records."),
        ("cli", "The command line."),
    ):
        yield SourceFile(
            f"{root}/{folder}/__init__.py",
            "package.py.j2",
            purpose.rstrip("."),
            context={"purpose": purpose},
        )
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
        yield SourceFile(
            f"{root}/cli/{entity.var}_commands.py",
            "commands.py.j2",
            f"commands about {entity.labels}",
            names,
            (services,),
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
    if any(item.has("view", "search", "group", "history") or item.lists for item in model.entities) or any(
        by for item in model.entities for _, by in item.totals
    ):
        yield SourceFile(
            f"{root}/cli/output.py", "output.py.j2", "Records as text for the terminal", context=shared
        )
    yield SourceFile(
        f"{root}/cli/main.py",
        "main.py.j2",
        "The command line",
        depends_on=tuple(f"{root}/cli/{item.var}_commands.py" for item in model.entities),
        context={**shared, "summary": line},
    )


DOCS = (
    ("README.md", "What the project is, how to install, use and test it"),
    ("docs/usage.md", "Every command, with an example"),
    ("docs/api.md", "The public functions and classes"),
    ("docs/architecture.md", "Layers, data model and decisions"),
    ("CHANGELOG.md", "What changed, release by release"),
    ("LICENSE", "The licence"),
)
CI = (
    (".github/workflows/ci.yml", "Continuous integration on GitHub"),
    (".gitlab-ci.yml", "Continuous integration on GitLab"),
    ("Dockerfile", "A container image of the command line"),
    (".dockerignore", "What the image does not need"),
    (".pre-commit-config.yaml", "Checks before each commit"),
    (".gitignore", "What Git does not keep"),
)
TESTS = (
    ("tests/conftest.py", "What the tests share"),
    ("tests/factories.py", "Records for tests"),
)
PROVENANCE = "PROVENANCE.json"


def planned_files(
    sources: Sequence[SourceFile], requirements_of: dict[str, tuple[str, ...]]
) -> tuple[PlannedFile, ...]:
    """The plan of a project: source files with their signatures, documents, CI and provenance.

    Without a source file there is nothing to test or describe; only CI is planned then.

    Args:
        sources: the source files.
        requirements_of: ids of the requirements about each entity.
    """
    if not sources:
        return tuple(PlannedFile(path=path, kind="ci", purpose=purpose) for path, purpose in CI)
    everything = tuple(dict.fromkeys(name for names in requirements_of.values() for name in names))
    plan = [
        PlannedFile(
            path=item.path,
            kind="source",
            purpose=_sentence(item.purpose),
            signatures=public_signatures(item.render()) if item.path.endswith(".py") else (),
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
