"""The assembled tree with the report of its verification."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_tree
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown, traceability
from hishamos_pipeline.core.artifacts.documents import CheckOutcome, VerifiedBuild
from hishamos_pipeline.core.artifacts.tracing import orphans, trace
from hishamos_pipeline.generation.outdated_edits import outdated_edits
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.rewritten_files import rewritten_files
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.generation.traces import traced


@project_asset(kinds={"python"})
def verified_build(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """The whole tree, compiled, linted and tested, with the report of every check."""
    build = made.document
    verdict = "passed" if build.passed else "**failed**"
    where = build.sandbox if build.isolated else f"{build.sandbox}, **not protected**"
    left_out = f" Without {', '.join(item.story for item in build.deferrals)}." if build.deferrals else ""
    stopped = f" Repair stopped: {shown(build.stopped)}." if build.stopped else ""
    return materialization(
        made,
        preview=f"Verification {verdict}, in {where}.{left_out}{stopped}\n\n"
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
            "waiting": len(build.waiting),
            "not_verified": len(build.deferrals),
            "repair_rounds": len(build.rounds),
        },
        tables={
            "report": (
                ("check", "passed", "figure", "unit", "offending"),
                [
                    (c.name, "yes" if c.passed else "no", c.figure, c.unit, "; ".join(c.offending[:5]))
                    for c in build.checks
                ],
            ),
            "not_verified": (
                ("story", "title", "reason", "rounds", "calls", "USD"),
                [(d.story, d.title, d.reason, d.rounds, d.calls, d.cost_usd) for d in build.deferrals],
            ),
            "file_tree": file_tree(build.files),
            "traceability": traceability(trace(traced(project))),
            "repairs": (
                ("round", "side", "role", "failed", "changed", "left", "kept", "USD"),
                [
                    (
                        r.number,
                        r.side,
                        r.role,
                        len(r.failed),
                        ", ".join(c.path for c in r.changes),
                        len(r.left),
                        "yes" if r.kept else "no",
                        r.cost_usd,
                    )
                    for r in build.rounds
                ],
            ),
        },
        location=project.folder.path("tree"),
    )


@project_check(
    artifact="verified_build",
    fix="Look at these files again: hishamos edit {key} ARTIFACT PATH, or take an edit back with hishamos revert.",
    severity=dg.AssetCheckSeverity.WARN,
)
def edits_up_to_date(project: Project) -> list[str]:
    """What people have edited is written from what is so still."""
    return [str(item) for item in outdated_edits(project)]


@project_check(
    artifact="verified_build",
    fix="Read what has changed of these files: hishamos diff {key} source_code.",
    severity=dg.AssetCheckSeverity.WARN,
)
def files_changed_little(project: Project) -> list[str]:
    """Files that were changed for a reason are not others beyond it: lines changed, of how many, and what for."""
    return list(rewritten_files(project))


@project_check(
    artifact="verified_build", fix="`hishamos projects show {key}` has the report; all has to pass."
)
def verification_passed(project: Project) -> list[str]:
    """The project's own tests ran and passed, fail without its code, and all other checks passed."""
    build = project.read("verified_build", VerifiedBuild)
    failed = [check for check in build.checks if not check.passed]
    problems = [f"{check.name}: {item}" for check in failed for item in check.offending or (_said(check),)]
    if not build.passed:
        return problems or ["the build did not pass"]
    return problems


def _said(check: CheckOutcome) -> str:
    """The last that a failed command has printed."""
    lines = [line.strip() for line in check.output.splitlines() if line.strip()]
    return lines[-1] if lines else "failed"


@project_check(
    artifact="verified_build",
    fix="Install bubblewrap or podman, and unset HISHAMOS_SANDBOX.",
    severity=dg.AssetCheckSeverity.WARN,
)
def code_ran_isolated(project: Project) -> list[str]:
    """The generated code ran where it could do no harm."""
    build = project.read("verified_build", VerifiedBuild)
    return [] if build.isolated else [f"{build.sandbox}: nothing would have held back hostile code"]


@project_check(
    artifact="verified_build",
    fix="Tie the file to a story, or the test to a criterion, or remove it.",
    severity=dg.AssetCheckSeverity.WARN,
)
def everything_is_traced(project: Project) -> list[str]:
    """Every file of code serves a story, and every test shows a criterion."""
    return orphans(traced(project))
