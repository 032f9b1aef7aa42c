"""Projects as files: what the blueprint engine writes, without a store."""

from pathlib import Path

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.blueprints.engine import BlueprintEngine
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.text.ids import story_test_path

KINDS = {"source": tasks.SOURCE_FILE, "test": tasks.TEST_FILE, "docs": tasks.DOCUMENT, "ci": tasks.CI_FILE}


async def write(idea: Idea, root: Path) -> tuple[Architecture, Stories]:
    """Write every file of a project, as the build group's assets would."""
    engine = BlueprintEngine()
    requirements = await engine.answer(tasks.REQUIREMENTS, idea)
    plan = await engine.answer(tasks.ARCHITECTURE, PlanningRequest(requirements=requirements))
    backlog = await engine.answer(tasks.STORIES, PlanningRequest(requirements=requirements))
    wanted = [(file.path, KINDS[file.kind]) for file in plan.files if file.kind != "provenance"]
    wanted += [(story_test_path(story.id, story.title), tasks.TEST_FILE) for story in backlog.planned]
    for path, task in wanted:
        answer = await engine.answer(task, FileRequest(path=path, architecture=plan, stories=backlog))
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(answer.text)
    return plan, backlog
