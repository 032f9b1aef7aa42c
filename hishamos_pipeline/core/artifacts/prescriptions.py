"""What an author has prescribed, as data: code holds plan and tree to paths, names, dependencies and examples.

Commands, messages and formats reach those who write code and tests in the brief's own words.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from pydantic import Field

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.idea import Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.parsing import parse_python


class PrescribedName(Document):
    """A public name: ``stub`` is its class, function or constant as stub text, importable from ``module``."""

    module: str
    stub: str


class GivenFile(Document):
    """A file that is there before an example begins."""

    path: str
    text: str


class ExampleStep(Document):
    """A command with what it is given and what it answers, or a request to an HTTP interface.

    ``command`` is an argv; ``request`` a method and a path such as ``POST /books``, with ``headers``, and with
    ``body`` and ``answer`` as JSON text. What is ``None``, and a status of 0, is not prescribed.
    """

    command: tuple[str, ...] = ()
    stdin: str = ""
    stdout: str | None = None
    stderr: str | None = None
    exit_code: int | None = 0
    request: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    status: int = 0
    answer: str | None = None


class Example(Document):
    """Commands or requests one after the other, as the brief shows them, in a folder with some files."""

    title: str
    section: str = ""
    files: tuple[GivenFile, ...] = ()
    steps: tuple[ExampleStep, ...] = Field(min_length=1)


class Prescriptions(Document):
    """What the author has prescribed: paths from the root of the repository, names, protocol, formats, and examples.

    ``commands``, ``messages`` and ``formats`` quote the brief; ``dependencies`` are requirements (PEP 508), ``python``
    is a version specifier such as ``>=3.11``.
    """

    paths: tuple[str, ...] = ()
    names: tuple[PrescribedName, ...] = ()
    commands: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    python: str = ""
    examples: tuple[Example, ...] = ()


def not_in_brief(given: Prescriptions, sections: Iterable[Section]) -> list[str]:
    """What is claimed to be prescribed although no section has it: a path, a name, a line that an example answers."""
    text = "\n".join(section.text for section in sections)
    words, lines = set(re.findall(r"\w+", text)), {_squeezed(line) for line in text.splitlines()}
    whole = _squeezed(text)
    missing = [f"the path {path}" for path in given.paths if PurePosixPath(path).name not in text]
    missing += [
        f"the name {name}"
        for item in given.names
        for name in defined_names(item.stub)
        if not {name, name.strip("_")} & words
    ]
    for example in given.examples:
        for said in (text for step in example.steps for text in (step.stdout, step.stderr) if text):
            missing += [
                f"the line {line!r} of the example {example.title!r}"
                for line in said.splitlines()
                if _squeezed(line) and _squeezed(line) not in lines and _squeezed(line) not in whole
            ]
    return missing


def conflicts(given: Prescriptions) -> list[str]:
    """Prescriptions that cannot be kept together."""
    found = list(_twice("the name", _names_by_place(given.names)))
    files = set(given.paths)
    for path in given.paths:
        found += [
            f"{parent} is prescribed as a file, and {path} needs it as a folder"
            for parent in map(str, PurePosixPath(path).parents)
            if parent in files
        ]
    expected: dict[str, dict[str, str]] = {}
    for example in given.examples:
        plain = example.model_copy(update={"title": "", "section": ""})
        asked = plain.model_copy(update={"steps": tuple(map(_asked, example.steps))})
        expected.setdefault(asked.model_dump_json(), {})[plain.model_dump_json()] = example.title
    found += [
        f"the examples {' and '.join(map(repr, titles.values()))} do the same and expect different answers"
        for titles in expected.values()
        if len(titles) > 1
    ]
    return list(dict.fromkeys(found))


def is_written_later(path: str) -> bool:
    """Whether a prescribed file is a test, which no plan has."""
    return path.startswith("tests/test_") or path == "tests/conftest.py"


def defined_names(stub: str) -> tuple[str, ...]:
    """The names that a stub's statements define; none if it is no Python."""
    try:
        body = parse_python(stub).body
    except (SyntaxError, ValueError):
        return ()
    found: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
            ]
    return tuple(dict.fromkeys(found))


def _names_by_place(names: Iterable[PrescribedName]) -> Mapping[str, set[str]]:
    places: dict[str, set[str]] = {}
    for item in names:
        for name in defined_names(item.stub):
            places.setdefault(f"{item.module}.{name}", set()).add(" ".join(item.stub.split()))
    return places


def _twice(what: str, places: Mapping[str, set[str]]) -> Iterator[str]:
    for place, said in places.items():
        if len(said) > 1:
            yield f"{what} {place} is prescribed in {len(said)} ways: {'; '.join(sorted(said))[:300]}"


def _asked(step: ExampleStep) -> ExampleStep:
    return step.model_copy(
        update={"stdout": None, "stderr": None, "exit_code": 0, "status": 0, "answer": None}
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())
