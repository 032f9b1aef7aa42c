"""Whose projects a session sees: those of its actor's organization, or the only one that its actor is about."""

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from hishamos_pipeline.core.actor import DEFAULT_ORGANIZATION, EVERY_ORGANIZATION, INSTALLATION, Actor
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.projects.tables import ProjectRow

ACTOR = "actor"


def actor_of(session: Session) -> Actor:
    """Whoever the session works for."""
    found: Actor = session.info.get(ACTOR, INSTALLATION)
    return found


def visible(session: Session) -> ColumnElement[bool]:
    """The condition that holds for the projects that the actor sees."""
    only = actor_of(session).project
    mine = in_organization(session, ProjectRow.organization_id)
    return mine & (ProjectRow.key == only) if only else mine


def in_organization(session: Session, column: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition that holds for what belongs to the actor's organization."""
    key = actor_of(session).organization
    if key == EVERY_ORGANIZATION:
        return true()
    mine = select(OrganizationRow.id).where(OrganizationRow.key == key).scalar_subquery()
    return column == mine


def organization_id(session: Session) -> int:
    """The organization that a new project belongs to."""
    key = actor_of(session).organization or DEFAULT_ORGANIZATION
    return session.scalars(select(OrganizationRow.id).where(OrganizationRow.key == key)).one()
