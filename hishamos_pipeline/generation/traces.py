"""A project as its trace is read off: from what the store has of it so far."""

from hishamos_pipeline.core.artifacts.criteria import without_parameters
from hishamos_pipeline.core.artifacts.documents import RepositoryRecord, Requirements, Stories, VerifiedBuild
from hishamos_pipeline.core.artifacts.tracing import TracedProject
from hishamos_pipeline.generation.assembling import gather, with_repairs
from hishamos_pipeline.generation.project import Project


def traced(project: Project) -> TracedProject:
    """What there is of a project.

    Raises:
        ArtifactMissingError: it has not even been planned.
    """
    heads = project.store.artifacts.heads(project.key)
    planned = TracedProject(project.read("requirements", Requirements), project.read("stories", Stories))
    if "verified_build" not in heads:
        return planned
    build = project.read("verified_build", VerifiedBuild)
    parts = with_repairs(project, gather(project), build.repairs)
    repository = project.store.artifacts.before(project.key, "repository", RepositoryRecord)
    costs = project.store.calls.unit_costs(project.key)
    return TracedProject(
        requirements=planned.requirements,
        stories=planned.stories.deferring({item.story: item.reason for item in build.deferrals}),
        architecture=parts.architecture,
        suite=parts.suite,
        files=build.files,
        texts=project.blobs(file.sha256 for file in build.files),
        passed=frozenset(without_parameters(name) for name in build.passed_tests),
        commits=repository.commits if repository else (),
        costs={unit: cost.cost_usd for (_, unit), cost in costs.items() if unit},
    )
