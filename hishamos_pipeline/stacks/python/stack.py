"""What a kind of Python project has of its own, whoever writes its code."""

from collections.abc import Mapping
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.idea import StackName


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What users of a model's package call, by stack.

    Attributes:
        file: its module.
        purpose: what it is.
        signature: its only public function, and ``summary`` the first line of that one's docstring.
        starting: the public functions of the module that starts it.
    """

    file: str
    purpose: str
    signature: str
    summary: str
    starting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """A kind of project.

    Attributes:
        dependencies: what the package needs to run, as requirements.
        test_dependencies: what its tests need besides.
        interface: what users call it through, as people say it.
        entry_point: that interface's module, where a model writes the code.
    """

    name: StackName
    dependencies: tuple[str, ...]
    test_dependencies: tuple[str, ...]
    interface: str
    entry_point: EntryPoint


CLI = Stack(
    name="python-cli",
    dependencies=(),
    test_dependencies=(),
    interface="the command line",
    entry_point=EntryPoint(
        "cli.py",
        "The command line.",
        "def main(argv: Sequence[str] | None = None) -> int:",
        "Run a command.",
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
        "def create_app(database: Path) -> FastAPI:",
        "The application on a database file.",
        ("def main() -> None",),
    ),
)
STACKS: Mapping[StackName, Stack] = {stack.name: stack for stack in (CLI, API)}
