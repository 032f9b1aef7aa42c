"""The scope of a project's builds, laid over its backlog."""

from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.artifacts.scope import scoped, waiting_requirements
from hishamos_pipeline.generation.project import Project

OTHER_SCOPE = "the scope of the builds is another"


def scope_of(project: Project) -> tuple[str, ...]:
    """Ids of the stories that builds of a project are about; none for all."""
    scope = project.store.projects.get(project.key).scope
    return tuple(scope.split(",")) if scope else ()


def waiting_of(project: Project, backlog: Stories | None = None) -> tuple[str, ...]:
    """The requirements, by id, that wait for a later build, in the newest backlog or in the one that is given."""
    scope = scope_of(project)
    if backlog is None and scope:
        backlog = project.store.artifacts.before(project.key, "stories", Stories)
    return waiting_requirements(scoped(backlog, scope)) if backlog else ()


def is_of_other_scope(project: Project, document: object) -> bool:
    """Whether a backlog or a plan was made for another scope than builds have now."""
    if isinstance(document, Stories):
        return document != scoped(document, scope_of(project))
    return isinstance(document, Architecture) and document.waiting != waiting_of(project)
