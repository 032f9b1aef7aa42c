"""Projects of the stack ``python-api``, built and verified with what a real pip installs from an index."""

from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import Architecture, VerifiedBuild
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.settings import Settings
from tests.fakes.index import FakeIndex
from tests.generation.conftest import record
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
STACK = ("fastapi", "sqlalchemy", "uvicorn", "httpx2")
BRIEF = b"""---
stack: python-api
---
# Task board

## Features
- User can add a task with a title and a due date
- User can list tasks
- User can mark a task as done
"""


@pytest.fixture
def own(settings: Settings, index: FakeIndex, tmp_path: Path) -> Settings:
    """Settings whose index offers the stack as it is installed here."""
    index.add_installed(*STACK)
    return settings.model_copy(update={"index_url": index.url, "toolchains": tmp_path / "toolchains"})


async def test_blueprints_write_one_that_passes_every_check(own: Settings) -> None:
    services = Services(own)
    services.store.projects.submit(read_brief(BRIEF), "test")
    run = services.project("task-board")
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed and result.isolated
    figures = {check.name: check.figure for check in result.checks}
    assert figures["dependencies"] > len(STACK)
    assert figures["mistakes_noticed"] > 80
    assert figures["readme_commands"] == 2, "its help, and that it serves"
    assert run.project.store.projects.get("task-board").state == "exported"


async def test_models_write_one_with_a_dependency_of_their_own(
    own: Settings, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    index.add("words-of-tests", "1.0")
    with record("wish-list", own) as recorded:
        run = recorded.run(repair_rounds=0)
        await build(run)
        plan = run.project.read("architecture", Architecture)
        assert plan.dependencies[-1] == "words-of-tests>=1"
        assert "src/wish_list/app.py" in plan.paths("source")
        asked = "\n".join(item.text for item in recorded.server.asked)
        assert "with method, path, JSON body" in asked and "every command of the command line" not in asked
        result = run.project.read("verified_build", VerifiedBuild)
        assert result.passed, [check for check in result.checks if not check.passed]
        assert (result.tests, result.requirements_verified) == (2, 1)


async def test_without_an_index_nothing_is_claimed(settings: Settings, tmp_path: Path) -> None:
    gone = settings.model_copy(
        update={"index_url": "http://127.0.0.1:9/simple", "toolchains": tmp_path / "toolchains"}
    )
    services = Services(gone)
    services.store.projects.submit(read_brief(BRIEF), "test")
    run = services.project("task-board")
    with pytest.raises(Exception, match="cannot be reached"):
        await build(run)
    assert run.project.store.projects.get("task-board").state == "failed"
    assert run.project.store.artifacts.head("task-board", "verified_build") is None
