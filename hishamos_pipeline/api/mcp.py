"""The Model Context Protocol: a few tools for coding agents, each one call of a use case.

None of them decides: what waits for a person is listed, and decided elsewhere. Long work returns a number to ask for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from fastapi import Request
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from hishamos_pipeline import __version__
from hishamos_pipeline.api.caller import KnownCaller, authenticate
from hishamos_pipeline.application import approvals, artifacts, backlog, builds, forecasts, ideas, projects
from hishamos_pipeline.application.ideas import AnswerQuestion, SubmitIdea
from hishamos_pipeline.application.view import View
from hishamos_pipeline.errors import ForbiddenError, HishamosError, LoginError
from hishamos_pipeline.store.pages import PageQuery

P = ParamSpec("P")
R = TypeVar("R")
Known = Callable[[Context[Any, Any]], KnownCaller]
PATH = "/mcp"
_LONGEST = 12_000
_INSTRUCTIONS = (
    "HishamOS turns a brief into a verified repository. Submit an idea, read the plan, ask for a build, and look at "
    "its status until the project is verified or blocked. Read artifacts and files a part at a time. Approvals and "
    "other decisions are made by people: list what waits, and ask them."
)


def create_server(known: Known) -> MCPServer[Any]:
    """A server with the tools.

    Args:
        known: says for whom a call is made, and with which services.
    """
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    server: MCPServer[Any] = MCPServer("HishamOS", version=__version__, instructions=_INSTRUCTIONS)
    # It sets the logging of its process up, which is not its own here.
    root.handlers[:] = handlers
    root.setLevel(level)
    tool = server.tool(structured_output=False)

    @tool
    @_told
    def submit_idea(text: str, ctx: Context[Any, Any], project: str = "") -> str:
        """Submit a brief (Markdown, YAML or JSON) as a project, or as the next revision of one; its build is requested.

        `project` is its key, where the brief does not say that.
        """
        caller = known(ctx)
        command = SubmitIdea(raw=text.encode(), source="mcp", key=project)
        return _json(ideas.submit(caller.services, caller.actor, command))

    @tool
    @_told
    def plan(project: str, ctx: Context[Any, Any]) -> str:
        """What a build of a project would make, why, and what it would cost; nothing is made."""
        caller = known(ctx)
        found = asyncio.run(forecasts.plan(caller.services, caller.actor, project))
        return "\n".join(_json(step) for step in found) or "nothing is left to make"

    @tool
    @_told
    def build(project: str, ctx: Context[Any, Any]) -> str:
        """Ask for a build of a project; the daemon of the installation begins it, and `status` tells of it."""
        caller = known(ctx)
        return _json(builds.request(caller.services, caller.actor, builds.RequestBuild(key=project)))

    @tool
    @_told
    def status(ctx: Context[Any, Any], project: str = "") -> str:
        """How a project stands: its state, stories, files, and why it is stuck; without one, all projects in short."""
        caller = known(ctx)
        if project:
            return _json(projects.summary(caller.services, caller.actor, project))
        found = projects.list_projects(caller.services, caller.actor, PageQuery(200)).items
        return (
            "\n".join(f"{p.key}: {p.state}{f' ({p.reason})' if p.reason else ''}" for p in found)
            or "none yet"
        )

    @tool
    @_told
    def next_story(project: str, ctx: Context[Any, Any]) -> str:
        """The first story that is not verified and depends on no other such story, with its criteria."""
        caller = known(ctx)
        if story := backlog.next_story(caller.services, caller.actor, project):
            return _json(story)
        planned = backlog.list_stories(caller.services, caller.actor, project)
        return "no story is left to verify" if planned else "there are no stories yet: a build plans them"

    @tool
    @_told
    def read(project: str, ctx: Context[Any, Any], artifact: str = "", path: str = "", start: int = 0) -> str:
        """Read an artifact, such as `requirements`, or a generated file by its `path`; without either, list both.

        `start` is the character to go on from, where it was too long.
        """
        caller = known(ctx)
        if path:
            return _part(artifacts.read_file(caller.services, caller.actor, project, path).text, start)
        if artifact:
            return _part(
                _json(artifacts.read_artifact(caller.services, caller.actor, project, artifact)), start
            )
        made = artifacts.list_artifacts(caller.services, caller.actor, project)
        files = artifacts.list_files(caller.services, caller.actor, project, PageQuery(200))
        listed = [f"artifact {item.artifact}" for item in made] + [
            f"file {item.path}" for item in files.items
        ]
        return _part("\n".join(listed) or "nothing yet", start)

    @tool
    @_told
    def questions(project: str, ctx: Context[Any, Any], number: int = 0, answer: str = "") -> str:
        """The open questions of a project's requirements; with an `answer`, answer the one of a `number`, from 1 on."""
        caller = known(ctx)
        if answer:
            command = AnswerQuestion(key=project, number=number or 1, text=answer)
            return _json(ideas.answer(caller.services, caller.actor, command))
        return _json(ideas.questions(caller.services, caller.actor, project))

    @tool
    @_told
    def list_waiting(ctx: Context[Any, Any]) -> str:
        """What waits for the approval of a person; no tool approves."""
        caller = known(ctx)
        found = approvals.list_waiting(caller.services, caller.actor)
        return "\n".join(_json(item) for item in found) or "nothing waits"

    return server


class McpEndpoint:
    """The server over streamable HTTP: whoever calls shows a token, as for the API, and nothing is kept between calls.

    The services and limits of the API hold here, too: it is one of its routes.
    """

    def __init__(self) -> None:
        self._inner: ASGIApp | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What has to be entered while it serves."""
        server = create_server(_caller_of)
        # Nothing hangs on a browser's cookie here, so that a name which leads elsewhere gains nothing.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._inner = server.streamable_http_app(
            streamable_http_path=PATH, json_response=True, stateless_http=True, transport_security=security
        )
        async with server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of whoever is known.

        Raises:
            LoginError: nobody is logged in by what it shows.
            ForbiddenError: it is an agent that acts for somebody.
            ApiError: there are too many requests.
        """
        request = Request(scope, receive)
        if "authorization" not in request.headers:
            raise LoginError("log in, and show the token as `Authorization: Bearer …`")
        known = await authenticate(request)
        if known.actor.kind == "agent":  # each of its calls is noted there
            raise ForbiddenError(f"{known.actor.label} calls the REST API, and not this")
        assert self._inner is not None  # it is running
        await self._inner(scope, receive, send)


def _caller_of(ctx: Context[Any, Any]) -> KnownCaller:
    request = ctx.request_context.request
    assert request is not None  # over HTTP there always is one
    found: KnownCaller = request.state.caller
    return found


def _told(use: Callable[P, R]) -> Callable[P, R]:
    """A tool whose errors are told in their own words."""

    @wraps(use)
    def told(*given: P.args, **named: P.kwargs) -> R:
        try:
            return use(*given, **named)
        except HishamosError as error:
            raise ToolError(str(error)) from None

    return told


def _json(view: View) -> str:
    return view.model_dump_json(exclude_defaults=True)


def _part(text: str, start: int) -> str:
    start = max(0, start)
    end = min(len(text), start + _LONGEST)
    part = text[start:end]
    return part + (
        f"\n(to character {end} of {len(text)}: go on with start={end})" if end < len(text) else ""
    )
