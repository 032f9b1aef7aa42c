"""Delivery by story: what cannot be verified is left out with what depends on it, and the rest is verified."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hishamos_pipeline.application.projects import summary_of
from hishamos_pipeline.core.artifacts.documents import Stories, VerifiedBuild
from hishamos_pipeline.errors import VerificationError
from hishamos_pipeline.generation.deferral import blame, removable, with_dependents, without
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.traces import traced
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.verification.failures import Failure
from tests.fakes.providers import Reply
from tests.generation.conftest import Recorded, record
from tests.support.answering import answering
from tests.support.building import build
from tests.support.parts import parts_of

TESTS = "tests/test_us_003_see_the_total.py"


def failure(name: str, *files: str, check: str = "tests_pass") -> Failure:
    return Failure(check, name, "assertion", "code", files, "AssertionError: assert 3 == 4\nmore")


def test_a_failure_is_its_tests_storys_or_that_of_the_file_it_is_about() -> None:
    parts = parts_of({"src/p/a.py": ("US-001",), "src/p/all.py": ("US-001", "US-002", "US-003")})
    test = "tests/test_us_002_two.py"
    found = [
        failure(f"{test}::test_a", "src/p/a.py", test),
        failure("src/p/a.py: unplanned", "src/p/a.py", check="signatures"),
        failure("src/p/all.py: unplanned", "src/p/all.py", check="signatures"),
        failure("tests/test_examples.py::test_x", "src/p/a.py"),
    ]
    assert {name: len(items) for name, items in blame(found, parts).items()} == {"US-001": 1, "US-002": 1}


def test_what_depends_on_a_story_goes_with_it() -> None:
    stories = parts_of({}, depends_on={"US-002": ("US-001",), "US-003": ("US-002",)}).stories.planned
    assert with_dependents(stories, {"US-001"}) == ("US-001", "US-002", "US-003")
    assert with_dependents(stories, {"US-003"}) == ("US-003",)


def test_code_goes_only_where_nothing_that_stays_needs_it() -> None:
    parts = parts_of(
        {
            "src/p/one.py": ("US-001",),
            "src/p/two.py": ("US-001",),
            "src/p/three.py": ("US-001",),
            "src/p/all.py": ("US-001", "US-002"),
        },
        texts={"src/p/all.py": "from p import two\n", "src/p/two.py": "from p.three import x\n"},
    )
    assert removable(parts, {"US-001"}, set()) == {"src/p/one.py"}
    assert removable(parts, {"US-001", "US-002"}, set()) == {
        path for path in parts.paths if path.startswith("src/p/") and "__" not in path
    }


async def test_what_stands_after_the_list_of_deferred_stories_stays() -> None:
    readme = "# P\n\n## What it does not do yet\n\n- US-009 x\n\n## What nobody has checked\n\n- A rule\n"
    parts = parts_of({}, texts={"README.md": readme, "old.py": "print 'two'\n"})
    left = await without(parts, {"US-001"}, {"US-001": "r"})
    assert "## What nobody has checked\n\n- A rule" in left.text("README.md")
    assert left.text("README.md").count("## What it does not do yet") == 1 and "US-009" not in left.text(
        "README.md"
    )


async def test_documents_claim_nothing_that_is_left_out() -> None:
    readme = "# P\n\n- US-001: one\n- US-002: two\n- US-001 and US-002 together\n"
    parts = parts_of({"src/p/a.py": ("US-001",)}, texts={"README.md": readme})
    left = await without(parts, {"US-001"}, {"US-001": "could not be verified: `x` *fails*"})
    assert "src/p/a.py" not in left.paths and "tests/test_us_001_one.py" not in left.paths
    assert left.text("README.md") == (
        "# P\n\n- US-002: two\n- US-001 and US-002 together\n\n## What it does not do yet\n\n"
        "- US-001 One: could not be verified: \\`x\\` \\*fails\\*\n"
    )
    again = await without(left, {"US-002"}, {"US-001": "r1", "US-002": "r2"})
    assert again.text("README.md").count("## What it does not do yet") == 1


async def test_a_persons_readme_keeps_its_lines() -> None:
    readme = "# P\n\n- US-001: one\n"
    parts = parts_of({}, texts={"README.md": readme})
    left = await without(parts, {"US-001"}, {"US-001": "r"}, theirs={"README.md"})
    assert left.text("README.md") == readme + "\n## What it does not do yet\n\n- US-001 One: r\n"


@pytest.fixture
def stubborn(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The recorded reading log, whose total is wrong whatever is asked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    with record("reading-log", settings) as made:
        folder = made.model.folder / "coding"
        wrong = {
            name: json.dumps({"text": (folder / f"{name}.txt").read_text().replace("sum(", "1 + sum(")})
            for name in ("report.py",)
        }
        answering(
            made,
            {
                "coding/new for src/reading_log/report.py": [wrong["report.py"]],
                "coding/repair": [wrong["report.py"]],
                "bug_triage/fault": [json.dumps({"side": "code", "reason": "The sum is wrong."})],
            },
        )
        yield made


def delivered(run: ProjectRun) -> dict[str, str]:
    result = run.project.read("verified_build", VerifiedBuild)
    texts = run.project.blobs(file.sha256 for file in result.files)
    return {file.path: texts[file.sha256] for file in result.files}


@pytest.mark.slow
async def test_the_rest_is_delivered_and_everything_says_so(stubborn: Recorded) -> None:
    run = stubborn.run(repair_rounds=1)
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed and run.project.store.projects.get(run.key).state == "exported"
    assert result.stories_verified == ("US-001", "US-002") and result.deferred == ("US-003",)
    (left_out,) = result.deferrals
    assert left_out.rounds == 1 and left_out.calls >= 1 and left_out.failed
    assert "could not be verified: tests_pass" in left_out.reason and "1 rounds of repair" in left_out.reason
    tree = delivered(run)
    assert TESTS not in tree
    assert run.project.blobs([left_out.tests[0].sha256])[left_out.tests[0].sha256].startswith('"""')
    assert "## What it does not do yet" in tree["README.md"] and "US-003" in tree["README.md"]
    assert "US-003" not in tree["CHANGELOG.md"]
    provenance = json.loads(tree["PROVENANCE.json"])["stories"]["US-003"]
    assert provenance["status"] == "deferred" and provenance["reason"] == left_out.reason
    facts = summary_of(run.project)
    assert [item.id for item in facts.not_verified] == ["US-003"] and facts.implemented == 2
    rows = {row.code: row for row in run.project.store.backlog.stories(run.key)}
    assert rows["US-003"].status == "planned" and "could not be verified" in rows["US-003"].reason
    assert "story.deferred" in {event.kind for event in run.project.store.events.after(0, 500)}
    assert {s.id: s.status for s in traced(run.project).stories.stories}["US-003"] == "deferred"
    repository = Path(run.project.folder.path("repository"))
    assert not (repository / TESTS).exists()
    assert run.plan() == ()


@pytest.mark.slow
async def test_deferred_stories_are_tried_again_when_somebody_wants_it(stubborn: Recorded) -> None:
    run = stubborn.run(repair_rounds=1)
    await build(run)
    good = (stubborn.model.folder / "coding" / "report.py.txt").read_text()
    stubborn.server.answer = lambda asked, usual=stubborn.server.answer: (
        Reply(json.dumps({"text": good})) if "# Task coding/repair" in asked.text else usual(asked)
    )
    assert stubborn.run().plan() == ()
    again = stubborn.run(retry_deferred=datetime.now(UTC))
    assert {s.kind: s.reason for s in again.plan()}[
        "verified_build"
    ] == "its deferred stories are tried again"
    await build(again)
    result = again.project.read("verified_build", VerifiedBuild)
    assert result.passed and result.deferrals == () and "US-003" in result.stories_verified
    readme = delivered(again)["README.md"]
    assert "## What it does not do yet" not in readme and "US-003" in readme
    assert again.plan() == () and again.project.store.projects.get(again.key).state == "exported"
    asked = [item.text for item in stubborn.server.asked if "# Task coding/repair" in item.text][-1]
    assert "corrections were tried" not in asked, "the first answer had changed nothing"


@pytest.mark.slow
async def test_all_or_nothing_is_a_setting(stubborn: Recorded) -> None:
    run = stubborn.run(repair_rounds=0, deliver="all")
    with pytest.raises(VerificationError):
        await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert not result.passed and result.deferrals == ()


@pytest.mark.slow
async def test_a_story_without_which_nothing_is_to_be_delivered(stubborn: Recorded) -> None:
    run = stubborn.run(repair_rounds=0)
    idea = run.project.idea().model_copy(update={"required_stories": ("see the total",)})
    run.project.store.projects.submit(idea, "test")
    with pytest.raises(VerificationError):
        await build(run)
    assert run.project.read("stories", Stories).required == ("see the total",)
    assert not run.project.read("verified_build", VerifiedBuild).passed
