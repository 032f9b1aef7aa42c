"""What a tool of agents is: a function of ``Desktop`` and typed arguments, registered by decorator, offered by role,
counted and audited. Those that there are from the start are in ``builtin_tools``.
"""

import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Protocol

from hishamos_pipeline.agents.api_caller import AgentAPICaller
from hishamos_pipeline.agents.databases import QueriedDatabases
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import RoleError
from hishamos_pipeline.store.conversations.repository import UsedTool
from hishamos_pipeline.web.reading import WebAccess

_RESULT_CHARACTERS = 20_000
_AUDIT_CHARACTERS = 2000


class Files(Protocol):
    """A project's artifacts and files, for reading."""

    def artifacts(self) -> dict[str, str]:
        """The newest revision of each artifact as JSON, by kind."""
        ...

    def files(self) -> dict[str, str]:
        """The texts of the newest generated files, by path."""
        ...

    def run_checks(self) -> str:
        """What the commands of the CI files say of these files, run in the sandbox.

        Raises:
            HishamosError: nothing can be run.
        """
        ...

    @property
    def history(self) -> "History":
        """The history of the project's repository."""
        ...


class History(Protocol):
    """The history of a project's repository; where something is not there, a ``HishamosError`` says so."""

    def log(self, path: str = "") -> str:
        """The newest commits, of one file if it is named."""
        ...

    def diff(self, since: str, until: str = "HEAD", path: str = "") -> str:
        """What differs between two commits, of one file if it is named."""
        ...

    def blame(self, path: str) -> str:
        """The lines of a file, each with the commit that it is of."""
        ...


@dataclass
class Desktop:
    """What an agent's tools work with: one project, and the audit.

    Args:
        project: the project's key; empty where an agent works without one.
        role: who uses the tools.
        task: what for.
        reads: the project's files.
        audit: keeps a row for each use.
        most: how many uses one task has in all.
        api: calls the API on account of whoever has given the task; ``None`` where the task does not.
        web: searches, reads pages and sends requests; ``None`` for nothing of that.
        databases: answers statements that read; ``None`` for none.
    """

    project: str
    role: str
    task: str
    reads: Files
    audit: Callable[[UsedTool], None]
    most: int
    api: AgentAPICaller | None = None
    web: WebAccess | None = None
    databases: QueriedDatabases | None = None
    used: int = field(default=0, init=False)


Tool = Callable[..., str]
_TOOLS: dict[str, Tool] = {}
_NEEDS: dict[str, Callable[[Desktop], object]] = {}


def tool(function: Tool) -> Tool:
    """Register a tool of projects under its function's name; the docstring tells the model what it does."""
    return tool_with(lambda desktop: desktop.project)(function)


def tool_with(needed: Callable[[Desktop], object]) -> Callable[[Tool], Tool]:
    """Register a tool that is offered only where something is there; ``needed`` gives it, or something empty."""

    def register(function: Tool) -> Tool:
        _TOOLS[function.__name__], _NEEDS[function.__name__] = function, needed
        return function

    return register


def tool_names() -> list[str]:
    """All registered tools."""
    return sorted(_TOOLS)


def offered(names: Iterable[str], desktop: Desktop) -> list[Callable[..., str]]:
    """Tools bound to a desktop, with limits and audit: those that there is something for.

    Raises:
        RoleError: a role names a tool that is not registered.
    """
    bound = []
    for name in names:
        if name not in _TOOLS:
            raise RoleError(
                f"the role {desktop.role} names the tool {name!r}; there are {', '.join(tool_names())}"
            )
        if _NEEDS[name](desktop):
            bound.append(_bound(name, _TOOLS[name], desktop))
    return bound


def _bound(name: str, function: Tool, desktop: Desktop) -> Callable[..., str]:
    @wraps(function)
    def run(**arguments: Any) -> str:
        shown = mask(json.dumps(arguments, ensure_ascii=False, default=str))[:_AUDIT_CHARACTERS]
        desktop.used += 1
        result, error = "", ""
        try:
            if desktop.used > desktop.most:
                error = (
                    f"no more than {desktop.most} tools may be used in one task: answer with what you know"
                )
            else:
                result = function(desktop, **arguments)
        except Exception as failure:  # whatever a tool does wrong, the agent is told and the audit knows
            error = mask(f"{failure}")[:_AUDIT_CHARACTERS]
        row = UsedTool(
            desktop.project, desktop.role, desktop.task, name, shown, mask(result)[:_AUDIT_CHARACTERS], error
        )
        desktop.audit(row)
        text = result or f"error: {error}" if error else result
        return text[:_RESULT_CHARACTERS] + ("\n(cut off)" if len(text) > _RESULT_CHARACTERS else "")

    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]  # the desktop is ours, not the model's
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != "desktop"}
    return run
