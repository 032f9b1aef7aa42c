"""The quality that verification shows of every Python project."""

from hishamos_pipeline.core.artifacts.documents import Requirement

_QUALITY = (
    ("Tests", "Every acceptance criterion of an implemented story is shown by a test.", "criteria_tested"),
    ("Code quality", "The code is formatted and free of linter findings.", "lint"),
    ("Dependencies", "It imports nothing that it does not declare.", "declared_dependencies"),
)


def quality_requirements() -> tuple[Requirement, ...]:
    """The requirements that every project has besides its own; without ids."""
    return tuple(
        Requirement(
            id="",
            kind="quality",
            title=title,
            statement=text,
            acceptance=(f"The verification check `{check}` passes.",),
            verified_by=check,
        )
        for title, text, check in _QUALITY
    )
