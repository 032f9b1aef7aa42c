"""Whether what is recorded of projects can be read, and whether their files are as they were made."""

from collections.abc import Iterator

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.generation.artifact_storage import damage
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from hishamos_pipeline.store.artifacts.repository import decoded


def damages(services: Services, key: str = "") -> Iterator[tuple[ProjectRun, ArtifactRevision, str]]:
    """Everything of one project, or of all, that cannot be read or is not as it was recorded, byte by byte."""
    keys = [key] if key else [record.key for record in services.store.projects.all()]
    for each in keys:
        run = services.project(each)
        for row in services.store.artifacts.heads(each).values():
            try:
                said = damage(run.project, decoded(row, STEPS[row.kind].document))
            except HishamosError as error:
                said = str(error)
            if said:
                yield run, row, said
