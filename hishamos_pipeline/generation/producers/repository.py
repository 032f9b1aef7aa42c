"""The local Git repository of the verified build."""

import asyncio
import logging

from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    RepositoryRecord,
    SprintPlan,
    Stories,
    VerifiedBuild,
)
from hishamos_pipeline.delivery import repository
from hishamos_pipeline.delivery.commits import BRANCH, Identity
from hishamos_pipeline.errors import DeliveryError, VerificationError
from hishamos_pipeline.generation.artifact_storage import keep_repository, restore_repository
from hishamos_pipeline.generation.context import DeliveryContext
from hishamos_pipeline.generation.producers.exporting import recorded

log = logging.getLogger("hishamos.delivery")


async def build_repository(step: DeliveryContext) -> RepositoryRecord:
    """Commit the verified tree: story by story the first time, one commit for each change later.

    Raises:
        VerificationError: the tree has not passed its verification; nothing unverified is delivered.
        ToolMissingError: git is not installed.
    """
    if not step.read("verified_build", VerifiedBuild).passed:
        raise VerificationError(
            f"project {step.key!r} has not passed verification: run `hishamos projects show {step.key}`"
        )
    return await asyncio.to_thread(recorded, step, "git", lambda: _build_repository(step))


def _build_repository(step: DeliveryContext) -> RepositoryRecord:
    build = step.read("verified_build", VerifiedBuild)
    architecture = step.read("architecture", Architecture)
    folder, settings = step.folder, step.settings
    published = folder.path("repository")
    if former := step.before(RepositoryRecord):
        # The history goes on from where another machine has brought it.
        restore_repository(step.storage, folder, former)
        _set_aside_damaged(step, former)
    with folder.staging("repository") as staging:
        staged = staging / "repository"
        commits = repository.build_repository(
            staged,
            # What was never recorded is left from an earlier project of the same key.
            published if (published / ".git").is_dir() and not step.is_first else None,
            build,
            step.blobs(file.sha256 for file in build.files),
            stories=step.read("stories", Stories),
            before=step.input_before("stories", Stories),
            plan=step.read("sprint_plan", SprintPlan),
            title=architecture.title,
            identity=Identity(architecture.author or settings.author_name, settings.author_email),
            start=settings.commit_date or step.first_submitted_at,
            now=step.now(),
        )
        head = commits[-1].sha
        if not step.is_first:
            repository.require_unchanged(published, staged)
        keep_repository(step.storage, folder, staged, head)
        folder.publish_folder("repository", staged, head)
    step.deliveries.complete_export(step.key, "git", url=published.as_uri(), checksum=head)
    return RepositoryRecord(
        path="repository",
        branch=BRANCH,
        head=head,
        tree_hash=build.tree_hash,
        commits=commits,
        files=len(build.files),
    )


def _set_aside_damaged(step: DeliveryContext, former: RepositoryRecord) -> None:
    """Nothing is built on a repository that is not whole: it is kept for people, and one is made anew."""
    published = step.folder.path("repository")
    if not (published / ".git").is_dir():
        return
    try:
        repository.require_whole(published, former.head)
    except DeliveryError as error:
        aside = step.folder.set_aside("repository")
        log.warning("%s: %s; it is kept as %s, and made anew", step.key, error, aside)
