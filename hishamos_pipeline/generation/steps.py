"""The steps between the engine's answers and the artifacts: one function for each asset that needs one."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

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
    Archive,
    CodeReview,
    FileKind,
    FileSet,
    Pillar,
    PillarScore,
    RepositoryRecord,
    SprintPlan,
    Stories,
    TestSuite,
    TreeFile,
    VerifiedBuild,
)
from hishamos_pipeline.core.idea import SprintRules
from hishamos_pipeline.core.sprints import plan_sprints
from hishamos_pipeline.delivery import archives, repository
from hishamos_pipeline.delivery.commits import BRANCH, Identity
from hishamos_pipeline.errors import UnbuildableError, VerificationError
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
    files = await make_files(
        run.store,
        run.engine,
        key=run.key,
        kind=KINDS[kind],
        task=FILE_TASKS[kind],
        asks=asks,
        fresh=run.fresh,
        given=_edited_files(run, KINDS[kind]),
    )
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

    reviews = await make_units(
        run.store,
        run.engine,
        key=run.key,
        kind="code_review",
        task=tasks.REVIEW_FILE,
        asks=[ask(file) for file in files],
        fresh=run.fresh,
    )
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


async def build_repository(run: ProjectRun) -> RepositoryRecord:
    """Commit the verified tree: story by story the first time, one commit for each change later.

    Raises:
        VerificationError: the tree has not passed its verification; nothing unverified is delivered.
        ToolMissingError: git is not installed.
    """
    if not run.read("verified_build", VerifiedBuild).passed:
        raise VerificationError(
            f"project {run.key!r} has not passed verification: run `hishamos projects show {run.key}`"
        )
    run.store.deliveries.begin_export(run.key, "git")
    try:
        return await asyncio.to_thread(_build_repository, run)
    except Exception as error:
        run.store.deliveries.fail_export(run.key, "git", str(error))
        raise


def _build_repository(run: ProjectRun) -> RepositoryRecord:
    build = run.read("verified_build", VerifiedBuild)
    architecture = run.read("architecture", Architecture)
    submitted = run.store.projects.idea_revision(run.key, 1).submitted_at
    published = run.folder.path("repository")
    with run.folder.staging("repository") as staging:
        staged = staging / "repository"
        commits = repository.build_repository(
            staged,
            published if (published / ".git").is_dir() else None,
            build,
            run.store.units.texts(file.sha256 for file in build.files),
            stories=run.read("stories", Stories),
            plan=run.read("sprint_plan", SprintPlan),
            title=architecture.title,
            identity=Identity(architecture.author or run.settings.author_name, run.settings.author_email),
            start=run.settings.commit_date or submitted,
            now=run.store.clock.now(),
        )
        head = commits[-1].sha
        repository.require_unchanged(published, staged)
        run.folder.publish_folder("repository", staged, head)
    run.store.deliveries.complete_export(run.key, "git", url=published.as_uri(), checksum=head)
    return RepositoryRecord(
        path="repository",
        branch=BRANCH,
        head=head,
        tree_hash=build.tree_hash,
        commits=commits,
        files=len(build.files),
    )


async def write_archive(run: ProjectRun, kind: str) -> Archive:
    """Write one archive of the repository's head, if the idea asks for it.

    Args:
        run: the project.
        kind: ``zip`` or ``tar``.

    Raises:
        StorageError: disk full or read-only.
    """
    if kind not in run.submitted_idea().exports:
        return Archive(wanted=False)
    return await asyncio.to_thread(_write_archive, run, kind)


def _write_archive(run: ProjectRun, kind: str) -> Archive:
    architecture = run.read("architecture", Architecture)
    name = f"{run.key}.{'zip' if kind == 'zip' else 'tar.gz'}"
    write = archives.write_zip if kind == "zip" else archives.write_tar
    run.store.deliveries.begin_export(run.key, kind)
    try:
        with run.folder.staging(f"{kind}_archive") as staging:
            staged = staging / name
            written = write(run.folder.path("repository"), staged, architecture.distribution)
            run.folder.publish_file(f"{name}.sha256", Path(f"{staged}.sha256"))
            path = run.folder.publish_file(name, staged)
    except Exception as error:
        run.store.deliveries.fail_export(run.key, kind, str(error))
        raise
    run.store.deliveries.complete_export(run.key, kind, url=path.as_uri(), checksum=written.sha256)
    return Archive(
        wanted=True,
        path=name,
        sha256=written.sha256,
        size=written.size,
        files=written.files,
        commit=written.commit,
    )
