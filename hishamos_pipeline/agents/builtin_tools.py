"""The tools of HishamOS: they read the project store, run a project's checks in the sandbox, call the API for whoever
has given the task, and reach what the operator has named of the web and of databases.
"""

import asyncio
from typing import Any

from hishamos_pipeline.agents.api_caller import AgentAPICaller
from hishamos_pipeline.agents.tools import Desktop, tool, tool_with
from hishamos_pipeline.prompts.library import as_data
from hishamos_pipeline.web.reading import WebAccess

_MOST_MATCHES = 50


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
