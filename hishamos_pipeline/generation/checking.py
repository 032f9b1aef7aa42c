"""The verified build: assembled, checked, repaired where that can be done, and published with its report."""

import asyncio
from pathlib import Path

from hishamos_pipeline.core.documents import FileChange, VerifiedBuild
from hishamos_pipeline.generation.assembling import Parts, assemble, differences, gather, with_repairs
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.repair import repair
from hishamos_pipeline.generation.safekeeping import keep_tree
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.verify import Assembled, Verdict, verify
from hishamos_pipeline.workspace.tree import limits_of, write_tree


async def verify_build(run: ProjectRun) -> VerifiedBuild:
    """Assemble the tree, verify and repair it, and publish the best that was reached with its report.

    Raises:
        PathError, TreeLimitError: the tree may not be written.
        StorageError: disk full or read-only.
        SandboxError, ToolchainError: nothing can be run; nothing is published.
    """
    sandbox = await asyncio.to_thread(run.sandbox)
    first = gather(run)
    with run.folder.staging("verified_build") as staging:

        async def judge(parts: Parts, number: int) -> Verdict:
            tree = assemble(run, parts)
            prepared = await run.toolchains().prepare(declared_requirements(parts.text("pyproject.toml")))
            return await verify(tree, staging / f"round-{number}", sandbox, prepared, run.settings)

        done = await repair(run, with_repairs(run, first, _earlier_repairs(run)), judge)
        build = done.verdict.build.model_copy(
            update={"repairs": differences(first, done.parts), "rounds": done.rounds, "stopped": done.stopped}
        )
        await asyncio.to_thread(_publish, run, assemble(run, done.parts), build, staging)
    return build


def _earlier_repairs(run: ProjectRun) -> tuple[FileChange, ...]:
    earlier = run.store.artifacts.before(run.key, "verified_build", VerifiedBuild)
    return earlier.repairs if earlier else ()


def _publish(run: ProjectRun, tree: Assembled, build: VerifiedBuild, staging: Path) -> None:
    final = staging / "final"
    write_tree(final, build.files, tree.texts, limits_of(run.settings))
    keep_tree(run.storage, run.folder, final, build)
    path = run.folder.publish_folder("tree", final, build.tree_hash)
    run.store.units.add_texts(tree.texts[file.sha256] for file in build.files)
    run.store.deliveries.record_tree(run.key, str(path), build.files, passed=build.passed)
    run.store.backlog.mark_verified(run.key, build.stories_verified)
