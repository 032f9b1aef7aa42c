"""The verified build: assembled, checked, repaired where that can be done, and published with its report."""

import asyncio

from hishamos_pipeline.agents.tasks import REVISE_ARCHITECTURE
from hishamos_pipeline.core.artifacts.documents import (
    Deferral,
    FileChange,
    RepairRound,
    Stories,
    VerifiedBuild,
)
from hishamos_pipeline.generation.assembling import KINDS, Parts, assemble, differences, gather, with_repairs
from hishamos_pipeline.generation.context import BuildContext
from hishamos_pipeline.generation.deferral import (
    telling_what_it_lacks,
    tells_what_it_lacks,
    without_what_fails,
)
from hishamos_pipeline.generation.readme_sections import README
from hishamos_pipeline.generation.repair import Repaired, repair
from hishamos_pipeline.generation.review_repair import after_review
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.verify import Verdict, verify


async def verify_build(step: BuildContext) -> VerifiedBuild:
    """Assemble the tree, verify and repair it, and publish the best that was reached with its report.

    Raises:
        PathError, TreeLimitError: the tree may not be written.
        StorageError: disk full or read-only.
        SandboxError, ToolchainError: nothing can be run; nothing is published.
    """
    sandbox = await asyncio.to_thread(step.sandbox)
    first = gather(step)
    # What people write of it is left to them.
    if README not in step.edited_items(KINDS) and not tells_what_it_lacks(first):
        first = await telling_what_it_lacks(first)
    with step.staging() as staging:

        async def judge(parts: Parts, number: int) -> Verdict:
            tree = assemble(step, parts)
            prepared = await step.toolchains().prepare(declared_requirements(parts.text("pyproject.toml")))
            return await verify(tree, staging / f"round-{number}", sandbox, prepared, step.settings)

        done = await repair(
            step, with_repairs(step, first, _earlier_repairs(step)), judge, _rounds_in_vain(step)
        )
        repaired, deferrals = done.parts, tuple[Deferral, ...]()
        plan_faults = done.plan_faults if _may_be_revised(step, done) else ()
        if not done.verdict.build.passed and step.settings.deliver == "verified" and not plan_faults:
            delivered = await without_what_fails(done, judge, step.edited_items(KINDS))
            if not _lacking(delivered.done.verdict.build, first.stories):
                done, deferrals = delivered.done, delivered.deferrals
        reviewed = await after_review(step, done, judge)
        done, repaired = reviewed.done, repaired.changed(reviewed.texts)
        build = done.verdict.build.model_copy(
            update={
                "repairs": differences(first, repaired),
                "rounds": (*done.rounds, *reviewed.rounds),
                "stopped": done.stopped,
                "deferrals": deferrals,
                "plan_faults": plan_faults,
            }
        )
        tree = assemble(step, done.parts)
        await asyncio.to_thread(step.publish, build, {**first.texts, **tree.texts}, staging)
    return build


def _may_be_revised(step: BuildContext, done: Repaired) -> bool:
    """Whether an architect is to revise the plan before anything is left out: once, and only where that is a model."""
    was_revised = bool(done.parts.architecture.faults_found)
    return not done.verdict.build.passed and not was_revised and step.asks_models(REVISE_ARCHITECTURE)


def _lacking(build: VerifiedBuild, stories: Stories) -> set[str]:
    """Stories without which nothing is to be delivered, and that are not verified."""
    verified = {story.id for story in stories.stories if story.id in build.stories_verified}
    there = {name.casefold() for s in stories.stories if s.id in verified for name in (s.id, s.title)}
    return {name for name in stories.required if name.casefold() not in there}


def _rounds_in_vain(step: BuildContext) -> tuple[RepairRound, ...]:
    """What was tried for stories that are to be tried again: the same would not help a second time."""
    earlier = step.before(VerifiedBuild) if step.settings.retry_deferred else None
    return earlier.rounds if earlier else ()


def _earlier_repairs(step: BuildContext) -> tuple[FileChange, ...]:
    earlier = step.before(VerifiedBuild)
    return earlier.repairs if earlier else ()
