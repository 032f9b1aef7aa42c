"""The scope of a project's builds, as the settings say it, laid over what is planned."""

from typing import TypeVar

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.artifacts.scope import scoped, waiting_requirements
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.settings import listed

D = TypeVar("D", bound=Document)
OTHER_SCOPE = "the scope of the build is another"


def with_scope(project: Project, document: D) -> D:
    """A document with the scope of this build: the backlog, and with it the requirements; any other is as it is.

    Stories that are verified already never wait.
    """
    if isinstance(document, Stories):
        return _scoped(project, document)  # type: ignore[return-value]
    if isinstance(document, Requirements):
        backlog = project.store.artifacts.before(project.key, "stories", Stories)
        if backlog is not None:
            return waiting_requirements(document, _scoped(project, backlog))  # type: ignore[return-value]
    return document


def _scoped(project: Project, backlog: Stories) -> Stories:
    scope, store = listed(project.settings.scope), project.store
    there = {s.code for s in store.backlog.stories(project.key) if s.status == "verified"} if scope else ()
    return scoped(backlog, scope, there)
