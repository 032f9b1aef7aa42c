"""A change that somebody has proposed, and that was not taken over yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hishamos_pipeline.agents.tasks import ChangeAnswer
from hishamos_pipeline.changing.revisions import ItemChange
from hishamos_pipeline.core.artifacts.editing import Edit


@dataclass(frozen=True, slots=True)
class ChangeProposal:
    """What a sentence would change; nothing has been changed yet.

    ``edits`` are based on the documents as they were, and ``idea_hash`` is the brief's: what somebody else has changed
    meanwhile is not undone.
    """

    sentence: str
    answer: ChangeAnswer
    items: tuple[ItemChange, ...]
    idea_hash: str = ""
    edits: Mapping[str, Sequence[Edit]] = field(default_factory=dict)
