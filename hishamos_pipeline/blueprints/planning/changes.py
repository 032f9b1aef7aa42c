"""A change in a sentence, by rules: a feature is added, replaced or removed, and the rest follows."""

from difflib import SequenceMatcher

from hishamos_pipeline.agents.tasks import ChangeAnswer, ChangeRequest
from hishamos_pipeline.blueprints.planning.requirements import write_requirements
from hishamos_pipeline.blueprints.planning.stories import write_stories
from hishamos_pipeline.blueprints.reading.domain import features_in_prose
from hishamos_pipeline.blueprints.reading.text import statement
from hishamos_pipeline.core.artifacts.idea import Idea, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import UnbuildableError

_REMOVE = re.compile(
    r"^(?:please )?(?:remove|drop|delete the (?:story|feature)|without|no longer)\b[: ]*(.*)$", re.I
)
_QUOTED = re.compile(
    r"^(?:please )?(?:change|replace|turn) (?:'(?P<old>.+)'|\"(?P<old2>.+)\") (?:to|by|with|into) "
    r"(?:'(?P<new>.+)'|\"(?P<new2>.+)\")$",
    re.I,
)
_REPLACE = re.compile(
    r"^(?:please )?(?:change|replace|turn) ['\"]?(?P<old>.+?)['\"]? (?:to|into) ['\"]?(?P<new>.+?)['\"]?$"
    r"|^instead of ['\"]?(?P<old2>.+?)['\"]?, ['\"]?(?P<new2>.+?)['\"]?$",
    re.I,
)
_ADD = re.compile(
    r"^(?:please )?(?:add: *|also,? |add that |add (?:an? |the )?(?:story|feature|requirement)[: ]+(?:that )?)(.*)$",
    re.I,
)
_ID = re.compile(r"\bUS-\d+\b")
_ALIKE = 0.6
_CHANGES = "changes"
_EXAMPLES = (
    "such as `User can add a note`, `remove: User can delete a note`, or "
    "`change 'User can list notes' to 'User can list notes by title'`"
)


def change(request: ChangeRequest) -> ChangeAnswer:
    """The brief after a change; requirements and stories are written from it.

    Raises:
        UnbuildableError: the sentence is not understood, or what it asks for cannot be built without a model.
    """
    idea = request.idea
    features = list(idea.features or features_in_prose(idea.vision))
    wants = {story.id: story.want for story in request.stories.stories}
    sentence = _ID.sub(lambda match: wants.get(match[0], match[0]), request.sentence.strip().rstrip("."))
    if match := _QUOTED.match(sentence) or _REPLACE.match(sentence):
        parts = match.groupdict()
        old, new = parts["old"] or parts["old2"], _feature(parts["new"] or parts["new2"])
        place = _find(old, features)
        summary = f"`{features[place]}` becomes `{new}`"
        features[place] = new
    elif match := _REMOVE.match(sentence):
        new = ""
        place = _find(match[1], features)
        summary = f"`{features.pop(place)}` is removed"
    else:
        new = _feature((match[1] if (match := _ADD.match(sentence)) else sentence) or sentence)
        if any(new.casefold() == known.casefold() for known in features):
            raise UnbuildableError(f"there is a story `{new}` already")
        features.append(new)
        summary = f"`{new}` is added"
    if not features:
        raise UnbuildableError("nothing would be left to build")
    changed = idea.model_copy(update={"features": tuple(features), "sections": _noted(idea, summary)})
    if new:
        _require_understood(changed, new)
    return ChangeAnswer(summary=summary, idea=changed)


def _noted(idea: Idea, summary: str) -> tuple[Section, ...]:
    """The brief with the change at its end, so that it says what the features say."""
    before = next((section.text for section in idea.sections if section.id == _CHANGES), "\n## Changes\n\n")
    others = tuple(section for section in idea.whole if section.id != _CHANGES)
    return (
        *others,
        Section(id=_CHANGES, title="Changes", level=2, meaning="background", text=f"{before}- {summary}\n"),
    )


def _feature(text: str) -> str:
    """A wish as a feature: ``archive a note`` is what a user can do."""
    text = text.strip().strip("'\"").rstrip(".")
    says_who = re.match(r"^(?:as an? |(?:the |an? )?[\w ]{1,40}? (?:can|may|should|must)\b)", text, re.I)
    return text[:1].upper() + text[1:] if says_who else f"User can {text[:1].lower()}{text[1:]}"


def _find(text: str, features: list[str]) -> int:
    """The feature that a sentence means."""
    wanted = statement(_feature(text)).want.casefold()
    likeness, place = max(
        (SequenceMatcher(None, wanted, statement(feature).want.casefold()).ratio(), -number)
        for number, feature in enumerate(features)
    )
    if likeness < _ALIKE:
        listed = "; ".join(features[:8]) + ("; …" if len(features) > 8 else "")
        raise UnbuildableError(f"no story is like `{text}`; there are: {listed}")
    return -place


def _require_understood(idea: Idea, feature: str) -> None:
    requirements = write_requirements(idea)
    backlog = write_stories(requirements)
    want = statement(feature).want
    story = next(
        (item for item in backlog.stories if statement(item.want).want == want or item.want == want), None
    )
    reason = story.reason if story is not None and story.status == "deferred" else ""
    if any(item.source == feature and item.kind == "constraint" for item in requirements.requirements):
        reason = "no rule keeps it, and nobody would check it"
    if reason:
        raise UnbuildableError(f"`{feature}`: {reason}; the blueprint engine understands wishes {_EXAMPLES}")
