"""The documents that files are written from, as the store has them: those of now, and those of an earlier revision."""

from hishamos_pipeline.core.artifacts.documents import Architecture, Requirements, Stories
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.generation.file_asks import Plans
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.store.artifacts.records import ArtifactRevision


def plans_now(project: Project) -> Plans | None:
    """The newest documents; ``None`` where one was never made."""
    try:
        return Plans(
            project.read("architecture", Architecture),
            project.read("stories", Stories),
            project.read("requirements", Requirements),
        )
    except ArtifactMissingError:
        return None


def plans_of(project: Project, row: ArtifactRevision) -> Plans | None:
    """The documents that a revision of files was made from; ``None`` where they cannot be read any more."""
    architecture = project.input_of(row, "architecture", Architecture)
    stories = project.input_of(row, "stories", Stories)
    if architecture is None or stories is None:
        return None
    return Plans(architecture, stories, project.input_of(row, "requirements", Requirements))
