"""Which documents the revisions of a project's brief came from."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.store.projects.tables import IdeaRow, ProjectRow

# Where briefs come from that no file is: of two such nobody knows that they are the same document.
# What changes a brief without being another document.
_ASIDE = ("answer to question ", "settings", "change by ")
_NAMELESS = ("standard input", "api", "mcp")


def refuse_other_document(session: Session, project: ProjectRow, source: str) -> None:
    """Refuse a brief that comes from none of the documents that the project's revisions came from.

    Raises:
        IdeaError: names the document that it would replace.
    """
    query = select(IdeaRow.source).where(IdeaRow.project_id == project.id).order_by(IdeaRow.revision)
    earlier = [item for item in session.scalars(query) if not item.startswith(_ASIDE)]
    if earlier and (source in _NAMELESS or source != earlier[-1]):
        raise IdeaError(
            "key",
            f"{project.key} is the key of {project.title!r}, which comes from {earlier[-1]} and would be replaced",
            "Give the brief a `key:` of its own; or say that it replaces that project, by --replace, by `replace` in "
            "the API, or by that project's `key:`.",
        )
