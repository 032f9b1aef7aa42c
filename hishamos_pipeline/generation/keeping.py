"""What a file was written from, piece by piece: whether it can stay as it is, and else what has changed of it.

A file that exists is asked for again only where one of its pieces is another. A change of prose elsewhere, of another
story or of a module that it does not use leaves it as it is; verification runs it with the new code, and repair is
asked where it fails.
"""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from hishamos_pipeline.agents.file_questions import FileRequest, InputChange
from hishamos_pipeline.core.artifacts.documents import Architecture, Criterion, PlannedFile, Story
from hishamos_pipeline.core.text import calls
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.differing import differing
from hishamos_pipeline.core.text.interfaces import signatures
from hishamos_pipeline.core.text.lines import diff
from hishamos_pipeline.core.text.parsing import parse_python

# Pieces by name: "criterion US-001-AC1", "signature notes.store.read".
Pieces = Mapping[str, str]
# What a document shows as code: names in prose are words.
_CODE = re.compile(r"(?s)```.*?```|`[^`\n]+`")
# So many words in a row are no chance.
_RUN = 4
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def pieces(question: FileRequest, text: str) -> Pieces:
    """What a file is written from, as far as another of it asks for another file.

    Args:
        question: asks for the file.
        text: the file as it is: tests and documents are bound to the names that they use.
    """
    planned = question.planned
    if planned is None or planned.kind == "test":
        made = _of_test(question, text)
    elif planned.kind == "source":
        made = _of_source(question, planned)
    else:
        made = _of_document(question, text)
    return dict([*_of_project(question.architecture), *made])


def changes(before: Pieces, now: Pieces) -> tuple[InputChange, ...]:
    """The pieces that are others now, each as a diff."""
    return tuple(
        InputChange(name=name, diff=diff(before.get(name, ""), now.get(name, "")))
        for name in differing(before, now)
    )


def _of_project(plan: Architecture) -> Iterator[tuple[str, str]]:
    yield "package", f"{plan.distribution} {plan.root}{plan.package} {plan.stack}"
    yield "dependencies", "\n".join(sorted(plan.dependencies))


def _of_source(question: FileRequest, planned: PlannedFile) -> Iterator[tuple[str, str]]:
    """A module: its interface, the criteria that it serves, the signatures of what it imports."""
    plan = question.architecture
    yield f"purpose of {planned.path}", planned.purpose
    yield f"interface of {planned.path}", planned.interface
    # One that serves all is changed where its interface is, or where it fails.
    if question.shows_criteria and (planned.requirements or len(plan.code) == 1):
        yield from _criteria(question.served)
    for name in planned.depends_on:
        other = next((file for file in plan.files if file.path == name), None)
        yield f"import {name}", _signatures(plan, other) if other else ""
    if plan.module_of(planned.path) == plan.called_module:
        yield "commands", plan.usage
    yield from ((f"file {item.path}", item.text) for item in question.edited)


def _of_test(question: FileRequest, text: str) -> Iterator[tuple[str, str]]:
    """The tests of a story: its criteria, and the signatures that they use."""
    if question.story:
        yield from _criteria([question.story])
    plan = question.architecture
    yield from _signatures_used(plan, _used(text, plan.package))


def _signatures_used(plan: Architecture, used: Collection[str] | None) -> Iterator[tuple[str, str]]:
    """The signatures of names of the package, and of what these name in turn; of all where none are given."""
    known = {
        (plan.module_of(file.path), name): signature
        for file in plan.files
        if file.interface and file.path.endswith(".py")
        for name, signature in _own(plan, file).items()
    }
    names, size = set(used or ()), -1
    while len(names) != size:
        size = len(names)
        for (_, name), signature in known.items():
            if name in names:
                names |= set(_WORD.findall(signature))
    for (module, name), signature in known.items():
        if used is None or name in names:
            yield f"signature {module}.{name}", signature


def _of_document(question: FileRequest, text: str) -> Iterator[tuple[str, str]]:
    """A document: the stories, files and names that it speaks of, and the commands."""
    plan = question.architecture
    for story in question.stories.planned:
        if question.path == "README.md" or story.id in text:
            yield f"story {story.id}", story.title
    code = "\n".join(_CODE.findall(text))
    yield from _commands(plan, code)
    yield from _told(question.stories.planned, text)
    for file in plan.files:
        if file.path in text:
            yield f"file {file.path}", "planned"
    yield from _signatures_used(plan, set(_WORD.findall(code)))
    modules = [path for path in sorted(plan.code) if plan.in_package(path)]
    if 2 * sum(path in text or path.rsplit("/", 1)[-1] in text for path in modules) > len(modules):
        yield "modules", "\n".join(modules)
    if any(decision.title in text for decision in plan.decisions):
        yield from ((f"decision {item.title}", item.reason) for item in plan.decisions)


def _commands(plan: Architecture, code: str) -> Iterator[tuple[str, str]]:
    """What users call of what a document shows; where it shows most of it, which calls there are, too."""
    if not plan.usage:  # nothing says what is called but what the files offer
        yield "commands", "\n".join(sorted({s for file in plan.files for s in file.signatures}))
        return
    known = calls.calls(plan.usage)
    found = calls.shown(list(known), code)
    if set(found) <= {calls.EVERY}:  # it may speak of them in another way
        yield "commands", plan.usage
        return
    yield from ((f"command {name}", known[name]) for name in found)
    if 2 * len(found) >= len(known):
        yield "commands", "\n".join(sorted(known))


def _told(stories: Iterable[Story], text: str) -> Iterator[tuple[str, str]]:
    """Criteria of whose words a document has some, one after the other."""
    said = " ".join(_WORD.findall(text.casefold()))
    for story in stories:
        for item in story.criteria:
            words = _WORD.findall(f"{item.given} {item.when} {item.then}".casefold())
            runs = (" ".join(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1))
            if any(f" {run} " in f" {said} " for run in runs):
                yield _criterion(item)


def _criteria(stories: Iterable[Story]) -> Iterator[tuple[str, str]]:
    for story in stories:
        for item in story.criteria:
            yield _criterion(item)


def _criterion(item: Criterion) -> tuple[str, str]:
    return f"criterion {item.id}", f"Given {item.given}\nWhen {item.when}\nThen {item.then}"


def _signatures(plan: Architecture, file: PlannedFile) -> str:
    # A statement that brings several names stands once.
    return "\n".join(dict.fromkeys(_own(plan, file).values())) if file.path.endswith(".py") else file.purpose


def _own(plan: Architecture, file: PlannedFile) -> Mapping[str, str]:
    """What a file offers by name; what it takes from other packages is none of it."""
    return {
        name: text
        for name, text in _known(file.interface).items()
        if not text.startswith("from ")
        or text.startswith((f"from {plan.package}.", f"from {plan.package} ", "from ."))
    }


@lru_cache(maxsize=4096)
def _known(interface: str) -> Mapping[str, str]:
    try:
        return signatures(interface)
    except SyntaxError:
        return {"": interface}


def _used(text: str, package: str) -> set[str] | None:
    """Names of the package that a test file uses; ``None`` where it may use all."""
    try:
        tree = parse_python(text)
    except SyntaxError:
        return None
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package
        for alias in node.names
    }
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return None if "*" in imported else imported | used
