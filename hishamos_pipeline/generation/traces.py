"""A project as its trace is read off: from what the store has of it so far."""

from hishamos_pipeline.core.criteria import without_parameters
from hishamos_pipeline.core.documents import RepositoryRecord, Requirements, Stories, VerifiedBuild
from hishamos_pipeline.core.tracing import Project
from hishamos_pipeline.generation.assembling import gather, with_repairs
from hishamos_pipeline.generation.project import ProjectRun


def traced(run: ProjectRun) -> Project:
    """What there is of a project.

    Raises:
        ArtifactMissingError: it has not even been planned.
    """
    heads = run.store.artifacts.heads(run.key)
    planned = Project(run.read("requirements", Requirements), run.read("stories", Stories))
    if "verified_build" not in heads:
        return planned
    build = run.read("verified_build", VerifiedBuild)
    parts = with_repairs(run, gather(run), build.repairs)
    commits = run.read("repository", RepositoryRecord).commits if "repository" in heads else ()
    costs = run.store.calls.unit_costs(run.key)
    return Project(
        requirements=planned.requirements,
        stories=planned.stories,
        architecture=parts.architecture,
        suite=parts.suite,
        files=build.files,
        texts=run.store.units.texts(file.sha256 for file in build.files),
        passed=frozenset(without_parameters(name) for name in build.passed_tests),
        commits=commits,
        costs={unit: cost.cost_usd for (_, unit), cost in costs.items() if unit},
    )
