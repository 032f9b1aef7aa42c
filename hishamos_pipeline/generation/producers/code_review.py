"""The review of the verified code."""

from collections.abc import Sequence

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FileReview, ReviewRequest
from hishamos_pipeline.core.artifacts.documents import (
    PILLARS,
    Architecture,
    CodeReview,
    Pillar,
    PillarScore,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.units import Ask


async def review_code(step: StepContext) -> CodeReview:
    """Review the verified tree file by file, and add the reviews up by plain code.

    A file is reviewed again only when it, or the interface of something it depends on, has changed.
    """
    build = step.read("verified_build", VerifiedBuild)
    plan = {file.path: file for file in step.read("architecture", Architecture).files}
    files = [file for file in build.files if file.path in plan and plan[file.path].signatures]
    texts = step.blobs(file.sha256 for file in files)

    def ask(file: TreeFile) -> Ask[ReviewRequest]:
        planned = plan[file.path]
        interfaces = "\n\n".join(plan[name].interface for name in planned.depends_on if name in plan)
        request = ReviewRequest(
            path=file.path, text=texts[file.sha256], purpose=planned.purpose, interfaces=interfaces.strip()
        )
        return Ask(file.path, request)

    reviews = await step.units.make(tasks.REVIEW_FILE, [ask(file) for file in files])
    return add_up([(texts[file.sha256].count("\n") + 1, reviews[file.path]) for file in files])


def add_up(reviews: Sequence[tuple[int, FileReview]]) -> CodeReview:
    """One review of many: pillars weighted by lines, findings with the worst first.

    Args:
        reviews: each file's number of lines, and its review.
    """
    weights: dict[Pillar, float] = dict.fromkeys(PILLARS, 0.0)
    for lines, review in reviews:
        for item in review.scores:
            weights[item.pillar] += lines * item.score
    total = sum(lines for lines, _ in reviews) or 1
    rank = {"critical": 0, "major": 1, "minor": 2}
    found = [finding for _, review in reviews for finding in review.findings]
    return CodeReview(
        scores=tuple(
            PillarScore(pillar=name, score=round(sum_ / total, 1)) for name, sum_ in weights.items()
        ),
        findings=tuple(sorted(found, key=lambda item: (rank[item.severity], item.path, item.line))),
        files=len(reviews),
    )
