"""What the product must do and be."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.assets.metadata import materialization, shown
from hishamos_pipeline.core.artifacts.brief import not_taken_up
from hishamos_pipeline.core.artifacts.documents import Requirements
from hishamos_pipeline.core.artifacts.prescriptions import conflicts
from hishamos_pipeline.core.artifacts.traceability import duplicates, requirements_without_acceptance
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.intake.languages import foreign_language, reads_english_only


@project_asset(kinds={"pydantic"})
def requirements(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Functional and quality requirements, each with acceptance statements, and the domain's terms."""
    listed = made.document.requirements
    assumed = [f"- assumed: {shown(text)}" for text in made.document.assumptions]
    open_ = [
        f"- **open question** {shown(item.question)} Assumed: {shown(item.assumption)}"
        for item in made.document.questions
    ]
    return materialization(
        made,
        preview="\n".join(
            [*open_, *(f"- **{item.id}** {shown(item.statement)}" for item in listed), *assumed]
        ),
        figures={
            "items": len(listed),
            "functional": sum(item.kind == "functional" for item in listed),
            "entities": len(made.document.entities),
            "assumptions": len(made.document.assumptions),
            "open_questions": len(made.document.questions),
        },
        tables={
            "entities": (
                ("entity", "attributes"),
                [(e.name, ", ".join(a.name for a in e.attributes)) for e in made.document.entities],
            )
        },
    )


@project_check(artifact="requirements", fix="Say in the brief what a user can do, one feature a line.")
def requirements_are_there(project: Project) -> list[str]:
    """At least one functional requirement was found in the brief."""
    made = project.read("requirements", Requirements)
    listed = made.requirements
    if any(item.kind == "functional" for item in listed):
        return []
    language = foreign_language(" ".join(section.text for section in made.brief))
    return [f"no functional requirement{'; ' + reads_english_only(language) if language else ''}"]


@project_check(
    artifact="requirements",
    fix="Say in the brief which of them holds, or correct the prescription: hishamos edit {key} requirements.",
)
def prescriptions_agree(project: Project) -> list[str]:
    """What the brief prescribes can be kept together."""
    return conflicts(project.read("requirements", Requirements).prescriptions)


@project_check(
    artifact="requirements",
    fix="Add a requirement, or say in the brief that the section is out of scope.",
    severity=dg.AssetCheckSeverity.WARN,
)
def brief_is_taken_up(project: Project) -> list[str]:
    """Every section of the brief that asks for something is cited by a requirement."""
    missed = not_taken_up(project.read("requirements", Requirements))
    return [f"not taken up: {title}" for title in missed]


@project_check(
    artifact="requirements", fix="Give each requirement an acceptance statement and an id of its own."
)
def requirements_are_testable(project: Project) -> list[str]:
    """Every requirement has an acceptance statement, and no id occurs twice."""
    document = project.read("requirements", Requirements)
    twice = duplicates(item.id for item in document.requirements)
    return [
        *(f"{name}: no acceptance statement" for name in requirements_without_acceptance(document)),
        *(f"{name}: used twice" for name in twice),
    ]
