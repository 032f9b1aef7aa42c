"""The steps between the engine's answers and the artifacts: one function for each asset that needs one."""

from collections.abc import Sequence

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import (
    FileRequest,
    FileReview,
    FileText,
    GoalRequest,
    ReviewRequest,
    Task,
)
from hishamos_pipeline.core.criteria import suite_of
from hishamos_pipeline.core.documents import (
    PILLARS,
    Architecture,
    CodeReview,
    FileKind,
    FileSet,
    Pillar,
    PillarScore,
    SprintPlan,
    Stories,
    TestSuite,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.core.idea import SprintRules
from hishamos_pipeline.core.sprints import plan_sprints
from hishamos_pipeline.errors import UnbuildableError
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.units import (
    Ask,
    FileAsk,
    make_files,
    make_units,
    planned_asks,
    story_test_asks,
)

NO_STORIES = Stories(epics=(), stories=(), sprint=SprintRules())
FILE_TASKS: dict[FileKind, Task[FileRequest, FileText]] = {
    "source": tasks.SOURCE_FILE,
    "test": tasks.TEST_FILE,
    "docs": tasks.DOCUMENT,
    "ci": tasks.CI_FILE,
}
KINDS: dict[FileKind, str] = {
    "source": "source_code",
    "test": "test_suite",
    "docs": "documentation",
    "ci": "ci_config",
}


async def cut_sprints(run: ProjectRun) -> SprintPlan:
    """Plan the sprints by code, and let the scrum master word their goals.

    Raises:
        PlanningError: a cycle, or a story larger than a sprint.
    """
    stories = run.read("stories", Stories)
    first_day = run.store.projects.idea_revision(run.key, 1).submitted_at.date()
    plan = plan_sprints(stories, first_day)
    goals = await run.ask("sprint_plan", tasks.SPRINT_GOALS, GoalRequest(plan=plan, stories=stories))
    sprints = tuple(
        sprint.model_copy(update={"goal": goal})
        for sprint, goal in zip(plan.sprints, goals.goals, strict=True)
    )
    return plan.model_copy(update={"sprints": sprints})


def file_asks(architecture: Architecture, stories: Stories, kind: FileKind) -> list[FileAsk]:
    """The questions for the files of one kind; those of CI are the same whatever the stories are."""
    if kind == "test":
        return story_test_asks(architecture, stories)
    return planned_asks(architecture, stories if kind != "ci" else NO_STORIES, kind)


async def write_files(run: ProjectRun, kind: FileKind) -> FileSet:
    """Make the planned files of one kind.

    Raises:
        UnbuildableError: no story can be implemented, so that there is nothing to make.
    """
    architecture = run.read("architecture", Architecture)
    stories = run.read("stories", Stories) if kind != "ci" else NO_STORIES
    if kind != "ci" and not stories.planned:
        raise UnbuildableError(nothing_to_build(stories))
    asks = file_asks(architecture, stories, kind)
    if not asks:
        raise UnbuildableError(f"the architecture plans no {kind} files, because no story can be implemented")
    files = await make_files(run, KINDS[kind], FILE_TASKS[kind], asks, _edited_files(run, KINDS[kind]))
    return FileSet(files=files)


def _edited_files(run: ProjectRun, kind: str) -> dict[str, FileText]:
    """The texts of the files that people have edited, by path."""
    hashes = {
        edit.item: edit.content["sha256"] for edit in run.store.edits.active(run.key, kind) if edit.content
    }
    texts = run.store.units.texts(hashes.values())
    return {path: FileText(text=texts[digest]) for path, digest in hashes.items()}


async def write_tests(run: ProjectRun) -> TestSuite:
    """Make the test files, and read off which test shows which criterion."""
    files = (await write_files(run, "test")).files
    return suite_of(files, run.store.units.texts(file.sha256 for file in files))


def nothing_to_build(stories: Stories) -> str:
    """Why a backlog without a planned story stops the pipeline."""
    reasons = "; ".join(f"{story.id} {story.reason}" for story in stories.deferred[:3])
    more = f" (and {len(stories.deferred) - 3} more)" if len(stories.deferred) > 3 else ""
    return f"none of the {len(stories.stories)} stories can be implemented: {reasons or 'there is no story'}{more}"


async def review_code(run: ProjectRun) -> CodeReview:
    """Review the verified tree file by file, and add the reviews up by plain code.

    A file is reviewed again only when it, or the interface of something it depends on, has changed.
    """
    build = run.read("verified_build", VerifiedBuild)
    plan = {file.path: file for file in run.read("architecture", Architecture).files}
    files = [file for file in build.files if file.path in plan and plan[file.path].signatures]
    texts = run.store.units.texts(file.sha256 for file in files)

    def ask(file: TreeFile) -> Ask[ReviewRequest, FileReview]:
        planned = plan[file.path]
        interfaces = "\n\n".join(plan[name].interface for name in planned.depends_on if name in plan)
        request = ReviewRequest(
            path=file.path, text=texts[file.sha256], purpose=planned.purpose, interfaces=interfaces.strip()
        )
        return Ask(file.path, lambda _: request)

    reviews = await make_units(run, "code_review", tasks.REVIEW_FILE, [ask(file) for file in files])
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
