"""The assembled tree with the report of its verification."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_tree
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization
from hishamos_pipeline.core.documents import VerifiedBuild
from hishamos_pipeline.generation.checking import verify_build
from hishamos_pipeline.generation.project import ProjectRun


@project_asset(kinds={"python"})
async def verified_build(run: ProjectRun) -> dg.MaterializeResult[Any]:
    """The whole tree, compiled, linted and tested, with the report of every check."""
    made = await run.make("verified_build", lambda: verify_build(run))
    build = made.document
    verdict = "passed" if build.passed else "**failed**"
    return materialization(
        made,
        preview=f"Verification {verdict}.\n\n"
        + "\n".join(
            f"- {'ok' if check.passed else '**failed**'} {check.name}: {check.figure:g} {check.unit}"
            for check in build.checks
        ),
        figures={
            "files": len(build.files),
            "tests": build.tests,
            "coverage": build.coverage,
            "requirements_verified": build.requirements_verified,
            "stories_verified": len(build.stories_verified),
            "deferred": len(build.deferred),
        },
        tables={
            "report": (
                ("check", "passed", "figure", "unit", "offending"),
                [
                    (c.name, "yes" if c.passed else "no", c.figure, c.unit, "; ".join(c.offending[:5]))
                    for c in build.checks
                ],
            ),
            "file_tree": file_tree(build.files),
        },
        location=run.folder.path("tree"),
    )


@project_check(kind="verified_build", fix="Read the report; nothing is delivered until every check passes.")
def verification_passed(run: ProjectRun) -> list[str]:
    """The project's own tests ran and passed, fail without its code, and all other checks passed."""
    build = run.read("verified_build", VerifiedBuild)
    failed = [check for check in build.checks if not check.passed]
    problems = [f"{check.name}: {item}" for check in failed for item in check.offending or ("failed",)]
    if not build.passed:
        return problems or ["the build did not pass"]
    return problems
