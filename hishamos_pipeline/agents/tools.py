"""The tools that agents may use: registered by decorator, offered by role, counted and audited.

A tool is a function of ``Desktop`` and typed arguments. They read the project store, run a project's checks in the
sandbox, call the API for whoever has given the task, and reach what the operator has named of the web and of databases.
"""

import asyncio
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
from hishamos_pipeline.prompts.library import as_data
from hishamos_pipeline.store.conversations.repository import UsedTool
from hishamos_pipeline.web.reading import WebAccess

_RESULT_CHARACTERS = 20_000
_AUDIT_CHARACTERS = 2000
_MOST_MATCHES = 50


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


@tool
def list_artifacts(desktop: Desktop) -> str:
    """List the documents that the project has so far."""
    return "\n".join(sorted(desktop.reads.artifacts())) or "none yet"


@tool
def read_artifact(desktop: Desktop, kind: str) -> str:
    """Read one of the project's documents as JSON.

    Args:
        desktop: the project.
        kind: its name, as `list_artifacts` gives it.
    """
    found = desktop.reads.artifacts()
    if kind not in found:
        raise ValueError(f"there is no {kind!r}; there are {', '.join(sorted(found)) or 'none yet'}")
    return found[kind]


@tool
def list_files(desktop: Desktop) -> str:
    """List the paths of the project's generated files with their sizes in bytes."""
    files = desktop.reads.files()
    return "\n".join(f"{path} {len(text.encode())}" for path, text in sorted(files.items())) or "none yet"


@tool
def read_file(desktop: Desktop, path: str) -> str:
    """Read one of the project's generated files.

    Args:
        desktop: the project.
        path: as `list_files` gives it.
    """
    files = desktop.reads.files()
    if path not in files:
        raise ValueError(f"there is no file {path!r}: `list_files` names those that there are")
    return files[path]


@tool
def run_checks(desktop: Desktop) -> str:
    """Run the project's linter and tests in a sandbox, and read what they say."""
    return desktop.reads.run_checks()


@tool
def search_files(desktop: Desktop, text: str) -> str:
    """Find the lines of the project's files that contain a text, whatever its case.

    Args:
        desktop: the project.
        text: what to look for.
    """
    wanted = text.casefold()
    matches = [
        f"{path}:{number}: {line.strip()[:200]}"
        for path, content in sorted(desktop.reads.files().items())
        for number, line in enumerate(content.splitlines(), start=1)
        if wanted and wanted in line.casefold()
    ]
    more = f"\n(and {len(matches) - _MOST_MATCHES} more)" if len(matches) > _MOST_MATCHES else ""
    return "\n".join(matches[:_MOST_MATCHES]) + more or "no match"


@tool
def git_log(desktop: Desktop, path: str = "") -> str:
    """List the newest commits of the project's repository: hash, date and subject.

    Args:
        desktop: the project.
        path: of this file alone; empty for all.
    """
    return desktop.reads.history.log(path) or "none"


@tool
def git_diff(desktop: Desktop, since: str, until: str = "HEAD", path: str = "") -> str:
    """Show what differs between two commits of the project's repository.

    Args:
        desktop: the project.
        since: the earlier commit, such as a hash of `git_log`, or HEAD~1.
        until: the later commit.
        path: of this file alone; empty for all.
    """
    return desktop.reads.history.diff(since, until, path) or "nothing"


@tool
def git_blame(desktop: Desktop, path: str) -> str:
    """Show the lines of a file of the project's repository, each with the commit that it is of.

    Args:
        desktop: the project.
        path: the file.
    """
    return desktop.reads.history.blame(path)


@tool_with(lambda desktop: desktop.web and desktop.web.search_url)
def search_web(desktop: Desktop, query: str) -> str:
    """Search the web: titles, addresses and a few words of what is found.

    Args:
        desktop: reaches it.
        query: what to look for.
    """
    return as_data(_web(desktop).search(query), "web")


@tool_with(lambda desktop: desktop.web and desktop.web.readable)
def read_page(desktop: Desktop, url: str) -> str:
    """Read a page of the web as text; only some hosts may be read.

    Args:
        desktop: reaches it.
        url: its address.
    """
    return as_data(_web(desktop).fetch(url), url)


@tool_with(lambda desktop: desktop.web and desktop.web.callable)
def call_http(desktop: Desktop, method: str, url: str, body: str = "") -> str:
    """Send an HTTP request, and read its status and answer; only some hosts may be called.

    Args:
        desktop: sends it.
        method: GET, POST, PUT, PATCH or DELETE.
        url: where to.
        body: JSON; empty for none.
    """
    return as_data(_web(desktop).call(method, url, body), url)


@tool_with(lambda desktop: desktop.databases and desktop.databases.names)
def query_database(desktop: Desktop, database: str, statement: str) -> str:
    """Ask a database with one SELECT statement; its rows come as CSV.

    Args:
        desktop: reaches it.
        database: its name; a name that there is not tells those that there are.
        statement: the SELECT.
    """
    assert desktop.databases is not None  # it is not offered otherwise
    return as_data(desktop.databases.query(database, statement), database)


@tool_with(lambda desktop: desktop.api)
def find_operations(desktop: Desktop, query: str) -> str:
    """Find operations of the HishamOS API that may be called, with their arguments.

    Args:
        desktop: calls it.
        query: some words of what is wanted, such as `export project`; empty for any.
    """
    return asyncio.run(_api(desktop).find(query))


@tool_with(lambda desktop: desktop.api)
def call_operation(desktop: Desktop, operation: str, arguments: dict[str, Any], start: int = 0) -> str:
    """Call an operation of the HishamOS API.

    Args:
        desktop: calls it.
        operation: its name, as `find_operations` gives it.
        arguments: its arguments by name.
        start: the character of the answer to go on from, where it was too long.
    """
    return asyncio.run(_api(desktop).call(operation, arguments, max(0, start)))


# What a task is offered that may call the API.
API_TOOLS = (find_operations.__name__, call_operation.__name__)


def _api(desktop: Desktop) -> AgentAPICaller:
    assert desktop.api is not None  # they are not offered otherwise
    return desktop.api


def _web(desktop: Desktop) -> WebAccess:
    assert desktop.web is not None
    return desktop.web
