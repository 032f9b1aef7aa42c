"""How the code of a stack is written without a model: its interface, and where its records are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.rendering import render
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.documents import Decision
from hishamos_pipeline.stacks.python.stack import Stack


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file before it is rendered; ``entities`` names what it is about, none for all."""

    path: str
    template: str
    purpose: str
    entities: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    context: Mapping[str, object] = field(default_factory=dict)

    def render(self, stack: str) -> str:
        """The raw text, not formatted yet."""
        return render(stack, f"src/{self.template}", **self.context)


def folder_file(root: str, folder: str, purpose: str) -> SourceFile:
    """The ``__init__.py`` of a subpackage."""
    return SourceFile(
        f"{root}/{folder}/__init__.py",
        "package.py.j2",
        purpose.rstrip("."),
        context={"purpose": purpose},
    )


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How the code of a stack is written; records, rules and services are the same in all of them.

    Attributes:
        stack: the stack.
        entry: the module below the package that ``__main__`` starts.
        program: the module below the package whose ``main`` is the installed program.
        decisions: why it is built like that.
        source_files: the files of the interface and of the storage, given the context that all files share.
        wording: what a user does for an operation, and what comes of it; ``None`` where nothing is called.
        usage: for an entity, each way of calling the interface, with what it does.
    """

    stack: Stack
    entry: str
    program: str
    decisions: tuple[Decision, ...]
    source_files: Callable[[PackageModel, Mapping[str, object]], Iterator[SourceFile]]
    wording: Callable[[Operation, EntityModel], tuple[str, str] | None]
    usage: Callable[[EntityModel, PackageModel], list[tuple[str, str]]]
