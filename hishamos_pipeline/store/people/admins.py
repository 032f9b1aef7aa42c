"""An organization keeps an admin who can log in."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import AccountError
from hishamos_pipeline.store.organizations.tables import OrganizationRow
from hishamos_pipeline.store.people.tables import MembershipRow, UserRow


def require_other_admin(session: Session, user: UserRow, organizations: Sequence[int] | None = None) -> None:
    """Make sure that organizations have an active admin besides a user, where that user is one.

    Args:
        session: writes what would take the user's place away; others wait until it has ended.
        user: the user.
        organizations: the numbers of the organizations; ``None`` for all that the user is an admin of.

    Raises:
        AccountError: one would be left without.
    """
    if not user.is_active or user.kind != "person":
        return
    mine = select(MembershipRow.organization_id).where(
        MembershipRow.user_id == user.id, MembershipRow.role == "admin"
    )
    there = set(session.scalars(mine))
    keys = sorted(there if organizations is None else there & set(organizations))
    for number in keys:
        query = select(OrganizationRow).where(OrganizationRow.id == number)
        organization = session.scalars(query.with_for_update()).one()
        others = (
            select(func.count())
            .select_from(MembershipRow)
            .join(UserRow, UserRow.id == MembershipRow.user_id)
            .where(
                MembershipRow.organization_id == number,
                MembershipRow.role == "admin",
                UserRow.is_active,
                UserRow.kind == "person",
                UserRow.id != user.id,
            )
        )
        if not session.scalar(others):
            raise AccountError(
                f"{user.email} is the only admin of {organization.key}: make somebody else one first"
            )
