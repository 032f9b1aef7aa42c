"""The Model Context Protocol, with its official client: over HTTP by a token, and on standard input and output."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from hishamos_pipeline.api import mcp
from hishamos_pipeline.api.caller import KnownCaller
from hishamos_pipeline.api.mcp import create_server
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from tests.support.api import RunningApi, served, token_of
from tests.support.built import BuiltProject
from tests.support.people import OPERATOR

pytestmark = pytest.mark.real_servers
BRIEF = (
    "---\nkey: garden\napprovals: [requirements]\n---\n# Garden\n\n## Features\n\n"
    "- As a user, I want to add a plant with a name.\n"
)
TOOLS = {"submit_idea", "plan", "build", "status", "next_story", "read", "questions", "list_waiting"}


async def said(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    text = "".join(part.text for part in result.content if part.type == "text")
    return f"error: {text}" if result.is_error else text


async def test_a_coding_agent_works_by_a_token(api: RunningApi) -> None:
    with served(api) as (host, port):
        url = f"http://{host}:{port}/mcp"
        shown = {"Authorization": f"Bearer {token_of(api['developer'])}"}
        transport = streamable_http_client(url, http_client=httpx2.AsyncClient(headers=shown))
        async with Client(transport) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            assert json.loads(await said(client, "submit_idea", text=BRIEF))["key"] == "garden"
            assert "garden: submitted" in await said(client, "status") and "bills" not in await said(
                client, "status"
            )
            assert json.loads(await said(client, "status", project="garden"))["title"] == "Garden"
            assert '"asset":"requirements"' in await said(client, "plan", project="garden")
            assert json.loads(await said(client, "build", project="garden"))["project"] == "garden"
            none_yet = "there are no stories yet: a build plans them"
            assert await said(client, "next_story", project="garden") == none_yet
            assert await said(client, "list_waiting") == "nothing waits"
            for wrong in ({"project": "bills"}, {"project": "nowhere"}):
                assert (await said(client, "status", **wrong)).startswith("error: ")
                assert "no project" in await said(client, "read", **wrong)
        async with httpx2.AsyncClient() as http:
            refused = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert refused.status_code == 401 and refused.json()["type"] == "urn:hishamos:problem:login"
            cookie = {"Cookie": f"__Host-hishamos={token_of(api['developer'])}"}
            assert (await http.post(url, headers=cookie, json={})).status_code == 401, (
                "no browser is led here"
            )


async def test_an_agent_that_acts_for_somebody_calls_the_api_and_not_this(api: RunningApi) -> None:
    shown = {"Authorization": f"Bearer {token_of(api.agent('developer'))}"}
    assert api.nobody.post("https://testserver/mcp", headers=shown, json={}).status_code == 403


async def test_whoever_only_reads_builds_nothing(api: RunningApi) -> None:
    with served(api) as (host, port):
        shown = {"Authorization": f"Bearer {token_of(api['viewer'])}"}
        transport = streamable_http_client(
            f"http://{host}:{port}/mcp", http_client=httpx2.AsyncClient(headers=shown)
        )
        async with Client(transport) as client:
            assert "may not do this" in await said(client, "build", project="notes")
            assert "notes: " in await said(client, "status")


async def test_a_coding_agent_works_on_this_machine(tmp_path: Path) -> None:
    given = {"HISHAMOS_HOME": str(tmp_path / "state"), "PATH": os.environ["PATH"]}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "hishamos_pipeline.cli.main", "mcp"], env=given, cwd=tmp_path
    )
    async with Client(command) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        assert json.loads(await said(client, "submit_idea", text=BRIEF))["changed"]
        assert "garden: submitted" in await said(client, "status")
        assert (await said(client, "submit_idea", text=" ")).startswith("error: ")
        assert await said(client, "read", project="garden") == "nothing yet"


async def test_what_is_long_is_read_in_parts_and_what_waits_is_told(
    built_notes: BuiltProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = built_notes.copy_to(tmp_path / "home")
    services = Services(Settings(home=home / "state"), actor=OPERATOR)
    projects = services.store.projects
    async with Client(create_server(lambda _: KnownCaller(services, OPERATOR))) as client:
        listed = await said(client, "read", project="notes")
        assert "artifact stories" in listed and "file README.md" in listed
        monkeypatch.setattr(mcp, "_LONGEST", 500)
        whole, start = "", 0
        while True:
            text = await said(client, "read", project="notes", artifact="architecture", start=start)
            part, _, more = text.partition("\n(to character ")
            whole += part
            if not more:
                break
            start = int(more.rpartition("start=")[2].rstrip(")"))
        assert json.loads(whole)["content_hash"] and start > 0
        assert "# " in await said(client, "read", project="notes", path="README.md")
        assert await said(client, "next_story", project="notes") == "no story is left to verify"
        projects.submit(projects.idea("notes").model_copy(update={"approvals": ("stories",)}), "test")
        projects.set_state("notes", "blocked", reason="the idea asks for approval of stories")
        waiting = json.loads(await said(client, "list_waiting"))
        assert (waiting["project"], waiting["artifact"]) == ("notes", "stories")
        services.store.artifacts.approve("notes", "stories", waiting["content_hash"])
        assert await said(client, "list_waiting") == "nothing waits"
    services.close()
