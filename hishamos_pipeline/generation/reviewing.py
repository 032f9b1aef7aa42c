"""Reviews of code, file by file, and what they come to."""

from collections.abc import Iterable, Mapping, Sequence

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import FileReview, ReviewRequest
from hishamos_pipeline.core.artifacts.documents import (
    PILLARS,
    Architecture,
    CodeReview,
    Pillar,
    PillarScore,
    Severity,
    TreeFile,
)
from hishamos_pipeline.generation.units import Ask, UnitMaker

_RANK: Mapping[Severity, int] = {"critical": 0, "major": 1, "minor": 2}


async def reviews(
    units: UnitMaker, architecture: Architecture, files: Iterable[TreeFile], texts: Mapping[str, str]
) -> dict[str, FileReview]:
    """The review of each file that has a planned interface, by path.

    Args:
        units: makes the reviews, or finds those that were made.
        architecture: the plan.
        files: the tree.
        texts: the files' texts by SHA-256.
    """
    plan = {file.path: file for file in architecture.files}

    def ask(file: TreeFile) -> Ask[ReviewRequest]:
        planned = plan[file.path]
        needed = (plan[name] for name in (file.path, *planned.depends_on) if name in plan)
        interfaces = "\n\n".join(f"# {item.path}\n{item.interface}" for item in needed if item.interface)
        request = ReviewRequest(
            path=file.path, text=texts[file.sha256], purpose=planned.purpose, interfaces=interfaces.strip()
        )
        return Ask(file.path, request)

    reviewed = [ask(file) for file in files if file.path in plan and plan[file.path].signatures]
    return await units.make(tasks.REVIEW_FILE, reviewed)


def add_up(reviewed: Sequence[tuple[int, FileReview]]) -> CodeReview:
    """One review of many: pillars weighted by lines, findings with the worst first.

    Args:
        reviewed: each file's number of lines, and its review.
    """
    weights: dict[Pillar, float] = dict.fromkeys(PILLARS, 0.0)
    for lines, review in reviewed:
        for item in review.scores:
            weights[item.pillar] += lines * item.score
    total = sum(lines for lines, _ in reviewed) or 1
    found = [finding for _, review in reviewed for finding in review.findings]
    return CodeReview(
        scores=tuple(
            PillarScore(pillar=name, score=round(sum_ / total, 1)) for name, sum_ in weights.items()
        ),
        findings=tuple(sorted(found, key=lambda item: (_RANK[item.severity], item.path, item.line))),
        files=len(reviewed),
    )
