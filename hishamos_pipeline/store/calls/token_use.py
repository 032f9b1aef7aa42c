"""How many tokens models have taken for each person, and the limit of a month."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import BudgetError
from hishamos_pipeline.store.calls.tables import LlmCallRow
from hishamos_pipeline.store.people.records import User
from hishamos_pipeline.store.people.tables import UserRow
from hishamos_pipeline.store.sessions import Sessions


class TokenUse:
    """Counts tokens by person."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def require_within(self, session: Session, reserved: int) -> None:
        """Refuse a call that could take its person over the tokens of a month.

        Raises:
            BudgetError: it could.
        """
        label = self._sessions.actor.responsible
        kind, _, email = label.partition(":")
        query = select(UserRow.monthly_tokens, UserRow.tokens_from).where(UserRow.email == email)
        found = session.execute(query).one_or_none() if kind == "user" else None
        if found is None or not found.monthly_tokens:
            return
        used = _tokens(session, label, self.month_of(found.tokens_from))
        if used + reserved > found.monthly_tokens:
            raise BudgetError(
                f"{email} has used {used:,} of {found.monthly_tokens:,} tokens of this month, and this call could take "
                f"{reserved:,}: an admin can raise the limit, or begin to count anew (`hishamos users`)"
            )

    def month_of(self, tokens_from: datetime | None) -> datetime:
        """Since when a person's tokens are counted: the first of the month, or a later time that an admin has set."""
        first = self._sessions.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return max(first, tokens_from) if tokens_from else first

    def of(self, email: str, since: datetime) -> int:
        """How many tokens models have taken for a person since a time."""
        with self._sessions.read() as session:
            return _tokens(session, f"user:{email}", since)

    def of_all(self, users: Collection[User]) -> dict[int, int]:
        """How many tokens models have taken for some people this month, by the people's numbers; each is there."""
        own = and_(LlmCallRow.asked_by == "user:" + UserRow.email, LlmCallRow.outcome != "cached")
        since = func.coalesce(UserRow.tokens_from, self.month_of(None))
        begun = LlmCallRow.started_at >= case((since > self.month_of(None), since), else_=self.month_of(None))
        query = (
            select(UserRow.id, func.coalesce(func.sum(_counted()), 0))
            .join(LlmCallRow, and_(own, begun))
            .where(UserRow.id.in_([user.id for user in users]))
            .group_by(UserRow.id)
        )
        with self._sessions.read() as session:
            found = {user_id: int(tokens) for user_id, tokens in session.execute(query)}
        return {user.id: found.get(user.id, 0) for user in users}


def _tokens(session: Session, asked_by: str, since: datetime) -> int:
    query = select(func.coalesce(func.sum(_counted()), 0)).where(
        LlmCallRow.asked_by == asked_by, LlmCallRow.started_at >= since, LlmCallRow.outcome != "cached"
    )
    return int(session.scalar(query) or 0)


def _counted() -> ColumnElement[int]:
    """Tokens of a call; of one that is being made, as many as it could take."""
    taken = LlmCallRow.input_tokens + LlmCallRow.output_tokens
    return case((LlmCallRow.outcome == "running", LlmCallRow.reserved_tokens), else_=taken)
