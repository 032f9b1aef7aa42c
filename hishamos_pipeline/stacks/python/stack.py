"""What a kind of Python project has of its own, whoever writes its code."""

from collections.abc import Mapping
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.idea import StackName


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What users of a model's package call, where the plan does not say it otherwise.

    Attributes:
        file: its module.
        purpose: what it is.
        function: the name of its only public function, ``signature`` that with parameters, and ``summary`` the first
            line of its docstring.
        imports: what the signature's types are imported with.
        starting: the public functions of the module that starts it.
    """

    file: str
    purpose: str
    function: str
    signature: str
    summary: str
    imports: str
    starting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """A kind of project.

    Attributes:
        dependencies: what the package needs to run, as requirements.
        test_dependencies: what its tests need besides.
        interface: what users call it through, as people say it.
        entry_point: that interface's module, where a model writes the code; ``None`` where others import the package.
    """

    name: StackName
    dependencies: tuple[str, ...]
    test_dependencies: tuple[str, ...]
    interface: str
    entry_point: EntryPoint | None


LIBRARY = Stack(
    name="python-library",
    dependencies=(),
    test_dependencies=(),
    interface="its public functions and classes",
    entry_point=None,
)
CLI = Stack(
    name="python-cli",
    dependencies=(),
    test_dependencies=(),
    interface="the command line",
    entry_point=EntryPoint(
        "cli.py",
        "The command line.",
        "main",
        "def main(argv: Sequence[str] | None = None) -> int:",
        "Run a command.",
        "from collections.abc import Sequence",
    ),
)
API = Stack(
    name="python-api",
    dependencies=("fastapi>=0.115", "sqlalchemy>=2.0", "uvicorn>=0.30"),
    test_dependencies=("httpx2>=2",),
    interface="the HTTP interface",
    entry_point=EntryPoint(
        "app.py",
        "The HTTP interface.",
        "create_app",
        "def create_app(database: Path) -> FastAPI:",
        "The application on a database file.",
        "from pathlib import Path\n\nfrom fastapi import FastAPI",
        ("def main() -> None",),
    ),
)
STACKS: Mapping[StackName, Stack] = {stack.name: stack for stack in (LIBRARY, CLI, API)}
