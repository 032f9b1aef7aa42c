"""Plans of many modules: made in two levels, and no prompt grows with the project."""

from collections.abc import Iterator

import pytest

from hishamos_pipeline.application import changes
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.core.artifacts.documents import Architecture, FileSet, VerifiedBuild
from hishamos_pipeline.errors import AnswerError, EditError
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.settings import Settings
from tests.fakes.large_project import LargeProject
from tests.fakes.providers import Asked, Reply, provider
from tests.generation.conftest import MODEL
from tests.support.building import build

pytestmark = pytest.mark.slow
MODULES, PACKAGES = 40, 5
PERSON = Actor("ann", "user", EVERY_ORGANIZATION, "test", role="developer")


@pytest.fixture
def model() -> LargeProject:
    """A library of forty modules in five packages."""
    return LargeProject(MODULES, PACKAGES)


@pytest.fixture
def large(settings: Settings, model: LargeProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProjectRun]:
    """The project, submitted."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    with provider(model) as server:
        given = settings.model_copy(
            update={"llm": MODEL, "llm_urls": server.urls, "llm_per_minute": 10_000, "llm_retries": 1}
        )
        services = Services(given)
        services.store.projects.submit(read_brief(model.brief().encode()), "test")
        yield services.project("many-numbers")


async def test_forty_modules_in_five_packages_are_planned_in_two_levels_and_built(
    large: ProjectRun, model: LargeProject
) -> None:
    await build(large)
    plan = large.project.read("architecture", Architecture)
    assert len([path for path in plan.code if "number_" in path]) == MODULES
    assert {f"src/many/part_{p}/__init__.py" for p in range(PACKAGES)} <= plan.code
    assert sum(task.startswith("architect/component") for task in model.tasks) == PACKAGES
    result = large.project.read("verified_build", VerifiedBuild)
    assert result.passed, [check for check in result.checks if not check.passed]
    assert len(result.stories_verified) == MODULES
    assert large.project.store.projects.get(large.key).state == "exported"
    # A module's prompt has its own interface, its stories and sections; of the others, their names.
    prompts = [size for task, size in model.prompts.items() if task.startswith("coding/new")]
    names = sum(len(path) + 5 for path in plan.code)
    assert max(prompts) < 5_000 + names


async def test_components_that_do_not_keep_what_was_agreed_go_back(
    large: ProjectRun, model: LargeProject
) -> None:
    usual, spoiled = model._answer, list[str]()

    def answer(task: str, unit: str) -> dict[str, object]:
        made = usual(task, unit)
        if task == "architect/component" and unit not in spoiled:
            spoiled.append(unit)
            made["files"] = [
                {**item, "path": item["path"].replace("part_0", "part_9")} for item in made["files"][:2]
            ]
        return made

    model._answer = answer  # type: ignore[method-assign]
    await build(large, until="architecture")
    assert len(large.project.read("architecture", Architecture).components) == PACKAGES
    assert sum(task.startswith("architect/component") for task in model.tasks) == 2 * PACKAGES


async def test_components_in_a_circle_or_without_a_requirement_are_refused(
    large: ProjectRun, model: LargeProject
) -> None:
    usual = model._plan

    def plan() -> dict[str, object]:
        made = usual()
        made["components"][0]["depends_on"] = ["part_4"]
        made["components"][1]["requirements"] = []
        return made

    model._plan = plan  # type: ignore[method-assign]
    with pytest.raises(AnswerError) as caught:
        await build(large, until="architecture")
    assert "in a circle" in str(caught.value) and "no component serves REQ-009" in str(caught.value)


async def test_a_file_that_a_person_plans_is_asked_for_alone_and_goes_when_it_is_taken_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    model, path = LargeProject(3), "src/many/number_9.py"
    with provider(model) as server:
        given = settings.model_copy(
            update={"llm": MODEL, "llm_urls": server.urls, "llm_per_minute": 10_000, "llm_retries": 1}
        )
        services = Services(given)
        services.store.projects.submit(read_brief(model.brief().encode()), "test")
        run = services.project("many-numbers")
        await build(run)

        def edited(item: str, **wanted: object) -> None:
            command = {"key": run.key, "artifact": "architecture", "item": item, **wanted}
            changes.edit(services, PERSON, changes.EditArtifact.model_validate(command))

        asked = len(model.tasks)
        edited(path, values=(("purpose", "Nine."), ("interface", "def number_9()->int: ...")))
        planned = next(
            file for file in run.project.read("architecture", Architecture).files if file.path == path
        )
        assert planned.signatures == ("def number_9() -> int",)
        await build(run, until="source_code")
        assert model.tasks[asked:] == [f"coding/new {path}"]
        edited(path, remove=True)
        asked = len(model.tasks)
        await build(run)
        assert model.tasks[asked:] == []
        assert path not in {file.path for file in run.project.read("source_code", FileSet).files}
        with pytest.raises(EditError) as caught:
            edited("../a.py", text="{interface: 'x: int', depends_on: [b.py], requirements: [REQ-099]}")
        assert "purpose" in str(caught.value)
        with pytest.raises(EditError) as caught:
            edited(
                "../a.py",
                text="{purpose: A, interface: 'x: int', depends_on: [b.py], requirements: [REQ-099]}",
            )
        for said in (
            "'..' part",
            "names REQ-099, which is no requirement",
            "depends on b.py, which is not planned",
        ):
            assert said in str(caught.value)
        with pytest.raises(EditError, match="interface: its interface is no Python"):
            edited("src/many/a.py", text="{purpose: A, interface: 'def ('}")
        with pytest.raises(EditError, match=r"a\.py offers nothing"):
            edited("src/many/a.py", text="{purpose: A}")


def test_the_fake_answers_only_what_it_knows(model: LargeProject) -> None:
    with pytest.raises(AssertionError):
        model(Asked("/v1", {}, {"messages": [{"content": "hello"}]}))
    reply = model(
        Asked("/v1", {}, {"messages": [{"content": "# Task coding/new for src/many/part_0/number_3.py"}]})
    )
    assert isinstance(reply, Reply) and "number_3" in reply.text
