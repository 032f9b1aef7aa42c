"""The pipeline's graph: every artifact, what it is made from, and who makes it.

The Dagster assets are built from this table, the staleness plan is computed from it, and a producer may read the inputs
that it declares here and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hishamos_pipeline.core.artifacts import documents, idea, target
from hishamos_pipeline.core.artifacts.document import Document


@dataclass(frozen=True, slots=True)
class Step:
    """An artifact and how it comes about; ``role`` is empty where no engine is asked."""

    kind: str
    group: str
    document: type[Document]
    inputs: tuple[str, ...] = ()
    role: str = ""


_PUBLISHED_FROM = ("idea", "architecture", "stories", "verified_build", "repository")
# The requirements hand on the brief's own words.
_WRITTEN_FROM = ("requirements", "architecture", "stories")
_STEPS = (
    Step("idea", "planning", idea.Idea),
    Step("requirements", "planning", documents.Requirements, ("idea",), "business_analyst"),
    Step("architecture", "planning", documents.Architecture, ("requirements",), "architect"),
    Step("stories", "planning", documents.Stories, ("requirements",), "business_analyst"),
    Step("sprint_plan", "planning", documents.SprintPlan, ("stories",), "scrum_master"),
    Step("source_code", "build", documents.FileSet, _WRITTEN_FROM, "coding"),
    Step("test_suite", "build", documents.TestSuite, _WRITTEN_FROM, "qa"),
    Step("documentation", "build", documents.FileSet, _WRITTEN_FROM, "documentation"),
    Step("ci_config", "build", documents.FileSet, ("architecture",), "devops"),
    Step(
        "verified_build",
        "quality",
        documents.VerifiedBuild,
        (*_WRITTEN_FROM, "source_code", "test_suite", "documentation", "ci_config"),
    ),
    Step(
        "code_review",
        "quality",
        documents.CodeReview,
        ("verified_build", "architecture"),
        "code_review",
    ),
    Step(
        "repository",
        "delivery",
        documents.RepositoryRecord,
        ("verified_build", "architecture", "stories", "sprint_plan"),
    ),
    Step("zip_archive", "delivery", documents.Archive, ("idea", "architecture", "repository")),
    Step("tar_archive", "delivery", documents.Archive, ("idea", "architecture", "repository")),
    Step("github_repository", "delivery", target.Publication, _PUBLISHED_FROM),
    Step("gitlab_project", "delivery", target.Publication, _PUBLISHED_FROM),
)

# What a brief or a request calls them, and the artifacts that they are.
EXPORTS: Mapping[str, str] = MappingProxyType(
    {
        "zip": "zip_archive",
        "tar": "tar_archive",
        "github": "github_repository",
        "gitlab": "gitlab_project",
    }
)

ARCHIVES = tuple(export for export in EXPORTS if export not in target.HOSTS)

STEPS: Mapping[str, Step] = MappingProxyType({step.kind: step for step in _STEPS})


def file_set_of(artifact: str) -> type[documents.FileSet]:
    """The document of an artifact that is a set of files."""
    document = STEPS[artifact].document
    assert issubclass(document, documents.FileSet), artifact
    return document


def topological() -> tuple[str, ...]:
    """All kinds in the table's order, in which each comes after its inputs."""
    return tuple(STEPS)
