"""Links for one use: what an admin hands on, and what people ask for themselves."""

from datetime import datetime, timedelta

from hishamos_pipeline.accounts import tokens
from hishamos_pipeline.store.people.records import User
from hishamos_pipeline.store.store import ProjectStore

LINK_LASTS = timedelta(hours=24)


def new_link(
    store: ProjectStore, user: User, purpose: str, *, keeps_others: bool = False
) -> tuple[str, datetime]:
    """The token of a new link, which is told this once, and until when it is good; see ``Logins.add_link``."""
    token, ends = tokens.new_token(tokens.LINK), store.clock.now() + LINK_LASTS
    store.logins.add_link(tokens.digest(token), user.id, purpose, ends, keeps_others=keeps_others)
    return token, ends
