"""What a review finds before the repository is made: one round of repair that keeps the tree passing, or told."""

import json

import pytest

from hishamos_pipeline.changing.editing import apply_edits, current_item, file_item
from hishamos_pipeline.core.artifacts.documents import CodeReview, Finding, VerifiedBuild
from hishamos_pipeline.core.artifacts.editing import Edit, item_hash
from hishamos_pipeline.generation.readme_sections import with_section
from tests.fakes.recorded import READING_LOG
from tests.generation.conftest import Recorded
from tests.support.answering import answering
from tests.support.building import build

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
REPORT = "src/reading_log/report.py"
REVIEW = f"code_review/review for {REPORT}"
REPAIR = f"coding/repair for {REPORT}"
GOOD = (READING_LOG / "coding" / "report.py.txt").read_text()
BETTER = GOOD.replace(
    "return sum(book.pages for book in books)", "return sum([book.pages for book in books])"
)
SCORES = json.loads((READING_LOG / "code_review.review.json").read_text())["scores"]
FAVOURABLE = json.dumps({"scores": SCORES, "findings": []})
PROBLEM = "A generator `hides`\n# the pages"


def review(severity: str = "major", line: int = 15) -> str:
    finding = Finding.model_validate(
        {"pillar": "correctness", "severity": severity, "path": REPORT, "line": line, "problem": PROBLEM}
    )
    return json.dumps({"scores": SCORES, "findings": [finding.model_dump(mode="json")]})


def corrected(content: str) -> str:
    return json.dumps({"text": content, "reason": "a list shows them"})


def readme(recorded: Recorded, result: VerifiedBuild) -> str:
    (file,) = (item for item in result.files if item.path == "README.md")
    return recorded.run().project.blobs([file.sha256])[file.sha256]


async def test_a_serious_finding_is_mended_before_the_repository_is_made(recorded: Recorded) -> None:
    asked = answering(recorded, {REVIEW: [review(), FAVOURABLE], REPAIR: [corrected(BETTER)]})
    run = recorded.run()
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    (made,) = result.rounds
    assert (made.side, made.kept, made.failed, made.left) == (
        "code",
        True,
        (f"code_review: {REPORT}:15",),
        (),
    )
    assert made.calls == 1 and "a list shows them" in made.reason
    assert [item.path for item in result.repairs] == [REPORT] and result.passed
    assert BETTER in (run.project.folder.path("repository") / REPORT).read_text()
    assert "Known issues" not in readme(recorded, result)
    assert REPORT not in {item.path for item in run.project.read("code_review", CodeReview).findings}
    assert asked == [REVIEW, REPAIR, REVIEW], "the review of the artifact is the one that was made before"
    prompt = next(a.text for a in recorded.server.asked if "# Task coding/repair" in a.text)
    assert "major (correctness), line 15: A generator `hides`" in prompt
    again = recorded.run(min_coverage=50)
    await build(again)
    assert len(asked) == 3 and again.project.read("verified_build", VerifiedBuild).repairs == result.repairs


async def test_a_correction_that_breaks_a_test_is_not_kept_and_the_finding_is_told(
    recorded: Recorded,
) -> None:
    broken = GOOD.replace("sum(book.pages for book in books)", "len(books)")
    asked = answering(recorded, {REVIEW: [review("critical")], REPAIR: [corrected(broken)]})
    run = recorded.run()
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed and [item.kept for item in result.rounds] == [False] and result.repairs == ()
    assert result.rounds[0].left[0].startswith("tests_pass: ")
    text = readme(recorded, result)
    assert text.endswith(
        f"## Known issues\n\n- `{REPORT}`, line 15, critical: A generator \\`hides\\` \\# the pages\n"
    )
    assert (run.project.folder.path("repository") / REPORT).read_text() == GOOD
    assert asked == [REVIEW, REPAIR]


@pytest.mark.parametrize(
    ("severities", "severity", "line", "rounds", "told"),
    [
        ("none", "critical", 15, 0, False),
        ("critical", "major", 15, 0, False),
        ("critical,major", "minor", 15, 0, False),
        ("critical,major", "critical", 0, 0, True),
    ],
)
async def test_which_findings_count(
    recorded: Recorded, severities: str, severity: str, line: int, rounds: int, told: bool
) -> None:
    asked = answering(recorded, {REVIEW: [review(severity, line)], "coding/repair": [corrected(BETTER)]})
    run = recorded.run(review_repair=severities)
    await build(run, until="code_review")
    result = run.project.read("verified_build", VerifiedBuild)
    assert len(result.rounds) == rounds and result.passed
    assert ("Known issues" in readme(recorded, result)) is told
    assert asked == [REVIEW]


async def test_a_persons_file_is_told_and_not_corrected(recorded: Recorded) -> None:
    asked = answering(recorded, {REVIEW: [review()], REPAIR: [corrected(BETTER)]})
    run = recorded.run(review_repair="none")
    await build(run)
    before = current_item(run.project, "source_code", REPORT)
    mine = GOOD + "\n\n# Mine.\n"
    edit = Edit("source_code", REPORT, file_item(run.project, "source_code", REPORT, mine), item_hash(before))
    apply_edits(run.project, "source_code", [edit], author="ada", reason="r")
    again = recorded.run()
    await build(again)
    result = again.project.read("verified_build", VerifiedBuild)
    assert REPAIR not in asked and result.rounds == () and "## Known issues" in readme(recorded, result)


async def test_a_budget_that_is_used_up_leaves_the_tree_as_it_is(recorded: Recorded) -> None:
    asked = answering(recorded, {REVIEW: [review()], REPAIR: [corrected(BETTER)]})
    run = recorded.run()
    await build(run, until="ci_config")
    spent = run.project.store.calls.spent(run.key).cost_usd
    poor = recorded.run(budget_project_usd=spent + 0.000001)
    await build(poor, until="verified_build")
    result = poor.project.read("verified_build", VerifiedBuild)
    assert result.passed and result.rounds == () and asked == []


async def test_a_section_is_written_once_and_what_follows_it_stays() -> None:
    text = "# P\n\n## Known issues\n\n- old\n\n## More\n\nText.\n"
    made = await with_section(text, "Known issues", ["new"], "p")
    assert made == "# P\n\n## More\n\nText.\n\n## Known issues\n\n- new\n"
    assert await with_section(made, "Known issues", [], "p") == "# P\n\n## More\n\nText.\n"
