"""The projects that come out: tested, typed, formatted, and free of what the brief tries to inject."""

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.blueprints.engine import BlueprintEngine
from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.core.artifacts.documents import Stories
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.sprints import plan_sprints
from hishamos_pipeline.intake.brief import read_brief
from tests.conftest import EXAMPLES
from tests.support.projects import write

RUFF = str(Path(sysconfig.get_path("scripts")) / "ruff")

# "everything" has every operation, every type, references, and names that clash with Python and SQL.
BRIEFS = Path(__file__).parent / "briefs"


def run(root: Path, *command: str) -> str:
    """Run a command in a project and expect success."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def verify(root: Path) -> str:
    """Lint, format, type-check and test a project."""
    run(root, RUFF, "check", ".")
    run(root, RUFF, "format", "--check", ".")
    # What mypy knows of FastAPI and SQLAlchemy is the same for all projects, and takes it half a minute to find out.
    cache = root.parent / "mypy-cache"
    run(root, sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "src")
    return run(root, sys.executable, "-m", "pytest", "-q")


def on(stack: str, path: Path) -> Idea:
    """A brief for another stack than it names."""
    return read_brief(path.read_bytes(), path.name).model_copy(update={"stack": stack})


def examples() -> Iterator[Any]:
    """Each example on each stack; the one that it does not name itself is tried at night."""
    for path in sorted(EXAMPLES.iterdir()):
        named = read_brief(path.read_bytes(), path.name).stack
        for stack in BLUEPRINTS:
            marks = () if stack == named else pytest.mark.nightly
            yield pytest.param(path, stack, id=f"{path.stem}-{stack}", marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "stack"), list(examples()))
async def test_the_examples_come_out_clean(path: Path, stack: str, tmp_path: Path) -> None:
    _, backlog = await write(on(stack, path), tmp_path)
    assert backlog.planned
    assert "passed" in verify(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["everything.md", "clearing.md", "limits.md", "optional.md", "clashes.md"]
)  # all there is, little that others bring along, no more than one of what others make several of, names that meet
@pytest.mark.parametrize("stack", BLUEPRINTS)
async def test_every_operation_and_type_comes_out_clean(stack: str, name: str, tmp_path: Path) -> None:
    _, backlog = await write(on(stack, BRIEFS / name), tmp_path)
    assert [story.title for story in backlog.deferred] == []
    assert "passed" in verify(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("stack", BLUEPRINTS)
async def test_names_that_the_code_itself_uses_come_out_clean(stack: str, tmp_path: Path) -> None:
    plan, backlog = await write(on(stack, BRIEFS / "names.md"), tmp_path)
    assert [story.title for story in backlog.deferred] == []
    assert "passed" in verify(tmp_path)
    metadata = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert "50 %" in metadata["project"]["description"]
    run(
        tmp_path,
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, 'src'); import {plan.package}.__main__",
    )
    if stack == "python-api":
        (tmp_path / "page.py").write_text(
            "from pathlib import Path\nfrom fastapi.testclient import TestClient\n"
            f"from {plan.package}.api.app import create_app\n"
            "with TestClient(create_app(Path('page.db'))) as client: print(client.get('/docs').text)\n"
        )
        page = run(tmp_path, sys.executable, "-c", "import sys; sys.path.insert(0, 'src'); import page")
        assert "🎉" in page and "<script>alert" not in page


@pytest.mark.slow
async def test_no_request_ends_in_an_error_of_the_server(tmp_path: Path) -> None:
    """Whatever is sent is answered: done, or refused with the reason."""
    await write(on("python-api", BRIEFS / "everything.md"), tmp_path)
    (tmp_path / "send.py").write_text((BRIEFS.parent / "nonsense.py").read_text())
    told = json.loads(run(tmp_path, sys.executable, "send.py", "src", "group_order"))
    assert told["failed"] == []
    assert {"200", "201", "404", "422"} <= told["answered"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("stack", BLUEPRINTS)
async def test_a_hostile_brief_stays_text(stack: str, tmp_path: Path) -> None:
    _, backlog = await write(on(stack, BRIEFS / "hostile.md"), tmp_path)
    assert len(backlog.planned) == 2
    assert "passed" in run(tmp_path, sys.executable, "-m", "pytest", "-q")
    run(tmp_path, RUFF, "check", ".")
    everything = "".join(
        path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".md", ".py", ".toml")
    )
    assert "49" not in everything
    assert "7\\*7" in (tmp_path / "README.md").read_text()
    assert not Path("/tmp/pwned").exists()


async def test_five_hundred_stories_are_planned(tmp_path: Path) -> None:
    things = ["apple", "banana", "carrot", "fern", "grape"]
    wishes = ["add a {}", "list {}s", "search {}s by title", "edit a {}", "delete a {}"]
    lines = [f"- User can {wishes[n // 5 % 5].format(things[n % 5])}" for n in range(500)]
    engine = BlueprintEngine()
    idea = read_brief(("# Big\n\n## Features\n" + "\n".join(lines)).encode())
    requirements = await engine.answer(tasks.REQUIREMENTS, idea)
    backlog = await engine.answer(tasks.STORIES, PlanningRequest(requirements=requirements))
    assert len(backlog.planned) == 500
    plan = plan_sprints(backlog, date(2026, 3, 2))
    assert sum(len(sprint.stories) for sprint in plan.sprints) == 500


@pytest.mark.parametrize(
    "text",
    [
        "# مكتبة\n\n## Features\n- يمكن للمستخدم إضافة كتاب\n",
        "# 图书馆\n\n## Features\n- 用户可以添加一本书\n",
    ],
)
async def test_a_brief_in_another_script_is_deferred_with_the_reason(text: str) -> None:
    engine = BlueprintEngine()
    requirements = await engine.answer(tasks.REQUIREMENTS, read_brief(text.encode()))
    backlog = await engine.answer(tasks.STORIES, PlanningRequest(requirements=requirements))
    (story,) = backlog.deferred
    assert "reads English only" in story.reason and backlog.planned == ()


async def test_the_same_brief_gives_the_same_files(library_idea: Idea, tmp_path: Path) -> None:
    for name in ("one", "two"):
        await write(library_idea, tmp_path / name)
    first = {
        path.relative_to(tmp_path / "one"): path.read_bytes()
        for path in (tmp_path / "one").rglob("*")
        if path.is_file()
    }
    assert first == {
        path.relative_to(tmp_path / "two"): path.read_bytes()
        for path in (tmp_path / "two").rglob("*")
        if path.is_file()
    }


async def test_what_is_deferred_is_named_and_not_implemented(notes_idea: Idea, tmp_path: Path) -> None:
    _, backlog = await write(notes_idea, tmp_path)
    (deferred,) = backlog.deferred
    assert deferred.criteria == () and deferred.reason.startswith("needs a language model")
    readme = (tmp_path / "README.md").read_text()
    assert deferred.id in readme.split("## What it does not do yet")[1]
    code = "".join(path.read_text() for path in tmp_path.rglob("*.py"))
    assert "parrot" not in code and deferred.id not in code


async def test_an_edited_story_changes_the_code(notes_idea: Idea, tmp_path: Path) -> None:
    """The engine reads the stories, not the brief: an edit of a story reaches the code."""
    engine = BlueprintEngine()
    requirements = await engine.answer(tasks.REQUIREMENTS, notes_idea)
    plan = await engine.answer(tasks.ARCHITECTURE, PlanningRequest(requirements=requirements))
    backlog = await engine.answer(tasks.STORIES, PlanningRequest(requirements=requirements))
    without = backlog.model_copy(
        update={"stories": tuple(s for s in backlog.stories if "delete" not in s.want)}
    )
    path = f"src/{plan.package}/services/notes.py"
    texts = [
        (
            await engine.answer(tasks.SOURCE_FILE, FileRequest(path=path, architecture=plan, stories=stories))
        ).text
        for stories in (backlog, without)
    ]
    assert "def delete_note" in texts[0] and "def delete_note" not in texts[1]


def test_a_fingerprint_follows_what_the_file_is_made_from(library_idea: Idea) -> None:
    from hishamos_pipeline.blueprints.planning.architecture import design
    from hishamos_pipeline.blueprints.planning.requirements import write_requirements
    from hishamos_pipeline.blueprints.planning.stories import write_stories

    engine = BlueprintEngine()
    requirements = write_requirements(library_idea)
    plan, backlog = design(requirements), write_stories(requirements)
    fewer = backlog.model_copy(update={"stories": backlog.stories[:-1]})

    def fingerprint(path: str, stories: Stories) -> str:
        return engine.fingerprint(
            tasks.SOURCE_FILE, FileRequest(path=path, architecture=plan, stories=stories)
        )

    assert fingerprint("src/lending_library/services/members.py", backlog) == fingerprint(
        "src/lending_library/services/members.py", fewer
    )
    assert engine.version(tasks.SOURCE_FILE) != engine.version(tasks.TEST_FILE)
