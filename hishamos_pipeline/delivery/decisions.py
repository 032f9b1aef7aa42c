"""What publishing does, decided without a network: whose a repository is, and how commits get there."""

from datetime import datetime, timedelta
from typing import Literal

from hishamos_pipeline.core.artifacts.target import Conflict, Publication

# How the default branch on the host stands to our commit.
Relation = Literal["empty", "same", "behind", "ahead", "equal_files", "diverged", "unrelated"]
Way = Literal["push", "propose", "nothing"]
Claim = Literal["ours", "adopt", "next_name", "taken", "foreign"]

UPDATE_BRANCH = "hishamos/update"
_NAMES = 20
# Clocks of hosts and ours may differ.
_CLOCKS = timedelta(minutes=2)


def way_to_bring(relation: Relation, publish: str) -> Way:
    """How our commit comes to the default branch; other people's history is never pushed over."""
    if relation in ("same", "ahead", "equal_files"):
        return "nothing"
    if relation == "empty":
        return "push"
    if relation == "behind":
        return "push" if publish == "push" else "propose"
    return "propose"


def claim(conflict: Conflict, *, empty: bool, made_by_us: bool, known: bool) -> Claim:
    """What to do about a repository that has the wanted name.

    Args:
        conflict: what the target says.
        empty: whether it holds no commit.
        made_by_us: whether it was created in a try of ours whose answer was lost.
        known: whether its files or history say that this project made it.
    """
    if made_by_us and empty:
        return "ours"
    if conflict == "rename":
        return "next_name"
    if conflict == "reuse":
        return "adopt" if empty or known else "foreign"
    return "taken"


def made_since(record: Publication, created_at: datetime) -> bool:
    """Whether a repository is as young as our try to create it."""
    return bool(record.begun_at) and created_at >= datetime.fromisoformat(record.begun_at) - _CLOCKS


def names(name: str, conflict: Conflict) -> tuple[str, ...]:
    """The names to try, in order."""
    if conflict != "rename":
        return (name,)
    return (name, *(f"{name[:96]}-{number}" for number in range(2, _NAMES + 1)))


def update_branch(commit: str, *, usable: bool) -> str:
    """The branch of a proposal: always the same, unless people have put something else on it."""
    return UPDATE_BRANCH if usable else f"{UPDATE_BRANCH}-{commit[:8]}"
