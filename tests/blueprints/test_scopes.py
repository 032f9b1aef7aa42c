"""Any part of a backlog can be built alone: every criterion in it has its test."""

from pathlib import Path

import pytest

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.blueprints.engine import BlueprintEngine
from hishamos_pipeline.blueprints.planning.architecture import design
from hishamos_pipeline.blueprints.planning.requirements import write_requirements
from hishamos_pipeline.blueprints.planning.stories import write_stories
from hishamos_pipeline.core.artifacts.criteria import criterion_tests
from hishamos_pipeline.core.artifacts.scope import in_scope, scoped, waiting_requirements
from hishamos_pipeline.core.artifacts.sprints import order
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.intake.brief import read_brief

IDEAS = Path(__file__).parent.parent.parent / "examples" / "ideas"
BRIEFS = Path(__file__).parent / "briefs"


@pytest.mark.parametrize("path", sorted([*IDEAS.iterdir(), *BRIEFS.iterdir()]), ids=lambda path: path.name)
async def test_every_story_alone_has_its_tests(path: Path) -> None:
    wanted = write_requirements(read_brief(path.read_bytes(), path.name))
    backlog, engine = write_stories(wanted), BlueprintEngine()
    for one in backlog.planned:
        part = scoped(backlog, [one.id])
        plan = design(in_scope(wanted, waiting_requirements(part)))
        for story in part.planned:
            test = story_test_path(story.id, story.title)
            request = FileRequest(path=test, architecture=plan, stories=part)
            text = (await engine.answer(tasks.TEST_FILE, request)).text
            assert {item.id for item in story.criteria} <= {
                link.criterion for link in criterion_tests(test, text)
            }


async def test_what_makes_records_comes_before_what_criteria_speak_of() -> None:
    def depends_on(*features: str) -> list[tuple[str, ...]]:
        text = "# Shop\n\n## Entities\n- Book: title\n- Member: name\n- Loan: book, due on\n\n## Features\n"
        brief = text + "".join(f"- User can {feature}\n" for feature in features)
        backlog = write_stories(write_requirements(read_brief(brief.encode(), "shop.md")))
        assert len(order(backlog.stories)) == len(features), "no circle"
        return [story.depends_on for story in backlog.stories]

    each_other = depends_on("list books and add a member", "add a book and list members")
    assert each_other == [("US-002",), ()]
    assert depends_on("add books and delete books", "add a loan", "list loans") == [
        (),
        ("US-001",),
        ("US-002",),
    ]
    assert depends_on("add a book", "delete a book", "add a loan") == [(), ("US-001", "US-003"), ("US-001",)]
