"""Tasks outside the chain: conversations, tools with limits and audit, and costs."""

import json

import pytest

from hishamos_pipeline.errors import ModelSetupError, ProjectNotFoundError, RoleError
from hishamos_pipeline.generation.assignments import assign
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from tests.fakes.providers import Asked, FakeProvider, Reply, provider, script
from tests.support.building import build

pytestmark = pytest.mark.real_servers
REPLY = json.dumps({"answer": "Use add.", "sources": ["README.md"], "escalate": False})


def services(settings: Settings, fake: FakeProvider, **changed: object) -> Services:
    given = {"llm": "compatible:m", "llm_urls": fake.urls, "llm_free": "compatible:*", "llm_per_minute": 1000}
    return Services(settings.model_copy(update={**given, **changed}))


async def test_a_role_does_a_task(settings: Settings) -> None:
    with provider(script(Reply(REPLY))) as fake:
        result = await assign(services(settings, fake), "support", "answer", {"text": "How do I add a book?"})
    assert result.output.answer == "Use add."
    assert "How do I add a book?" in fake.asked[0].text


async def test_a_conversation_goes_on_where_it_was_left(settings: Settings) -> None:
    with provider(script(Reply(REPLY))) as fake:
        for text in ("First question", "Second question"):
            opened = services(settings, fake)
            await assign(opened, "support", "answer", {"text": text}, conversation="c1")
        assert "First question" in fake.asked[1].text
        assert "Use add." in fake.asked[1].text
        other = services(settings, fake)
        await assign(other, "support", "answer", {"text": "Third"}, conversation="c2")
        assert "First question" not in fake.asked[2].text
        with pytest.raises(RoleError, match="one turn"):
            await assign(other, "qa", "test_plan", {"text": "x"}, conversation="c1")


async def test_google_is_offered_tools_too(
    notes: ProjectRun, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "key-0123456789")
    with provider(script(Reply(tool=("list_artifacts", {})), Reply(REPLY))) as fake:
        given = {"llm": "google:gemini-3-pro-preview", "llm_tool_calls": 3}
        opened = services(settings, fake, **given)
        answered = await assign(opened, "support", "answer", {"text": "What is there?"}, key="notes")
        offered = [item["name"] for item in fake.asked[0].body["tools"][0]["functionDeclarations"]]
        assert "read_file" in offered
        assert fake.asked[1].body["contents"][-1]["parts"][0]["functionResponse"]["name"] == "list_artifacts"
    assert answered.output.answer == "Use add."
    assert [row.tool for row in opened.store.conversations.tool_calls("notes")] == ["list_artifacts"]


async def test_tools_are_offered_used_counted_and_audited(notes: ProjectRun, settings: Settings) -> None:
    notes.project.store.projects.get("notes")
    left = [
        Reply(tool=("list_artifacts", {})),
        Reply(tool=("read_file", {"path": "../../etc/passwd"})),
        Reply(tool=("read_artifact", {"kind": "idea"})),
        Reply(tool=("search_files", {"text": "x"})),
        Reply(REPLY),
    ]
    with provider(script(*left)) as fake:
        opened = services(settings, fake, llm_tool_calls=3)
        await assign(opened, "support", "answer", {"text": "What is there?"}, key="notes")
        offered = [tool["function"]["name"] for tool in fake.asked[0].body["tools"]]
        assert "read_file" in offered
        assert all("desktop" not in json.dumps(tool) for tool in fake.asked[0].body["tools"])
        rows = opened.store.conversations.tool_calls("notes")
    assert [row.tool for row in rows] == ["list_artifacts", "read_file", "read_artifact", "search_files"]
    assert "there is no file" in rows[1].error
    assert "there is no 'idea'" in rows[2].error
    assert "no more than 3 tools" in rows[3].error
    assert opened.store.calls.spent("notes").calls == 5


@pytest.mark.slow
async def test_an_agent_may_run_the_checks_in_the_sandbox(notes: ProjectRun, settings: Settings) -> None:
    await build(notes, until="ci_config")
    with provider(script(Reply(tool=("run_checks", {})), Reply(REPLY))) as fake:
        await assign(services(settings, fake), "support", "answer", {"text": "Does it work?"}, key="notes")
    said = json.dumps(fake.asked[1].body)
    assert "$ python -m pytest" in said and "passed" in said and "(exit code 0)" in said


async def test_what_cannot_be_asked_is_refused_before_it_is_paid(settings: Settings) -> None:
    def answer(_: Asked) -> Reply:
        raise AssertionError("nobody may be asked")

    with provider(answer) as fake:
        opened = services(settings, fake)
        with pytest.raises(RoleError, match="no role 'baker'"):
            await assign(opened, "baker", "bake", {"text": "x"})
        with pytest.raises(RoleError, match="it has audit, threat_model"):
            await assign(opened, "security", "bake", {"text": "x"})
        with pytest.raises(RoleError, match="text: String should have at least 1"):
            await assign(opened, "security", "audit", {"text": ""})
        with pytest.raises(ProjectNotFoundError):
            await assign(opened, "security", "audit", {"text": "x"}, key="nowhere")
        with pytest.raises(ModelSetupError, match="needs a model"):
            await assign(services(settings, fake, llm="blueprint"), "security", "audit", {"text": "x"})
        assert not fake.asked


async def test_a_task_of_the_chain_works_without_a_key(settings: Settings, notes: ProjectRun) -> None:
    idea = notes.project.store.projects.idea("notes").model_dump(mode="json")
    result = await assign(Services(settings), "business_analyst", "requirements", idea)
    assert result.output.requirements
    assert result.cost_usd == 0
