"""What a heading says that its section holds."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import cast, get_args

from hishamos_pipeline.core.artifacts.documents import Priority
from hishamos_pipeline.core.artifacts.idea import Meaning
from hishamos_pipeline.core.text import linear_re as re

# The author's own numbering: "2.", "3.2", "IV)", "B.".
NUMBER = re.compile(
    r"(?P<arabic>\d{1,4}(?:\.\d{1,4}){0,5})[.):]? +|(?:[IVXLC]{1,7}|[A-Z])[.)] +|[一二三四五六七八九十]{1,3}、"
)
_MARKUP = re.compile(r"[*_`#]")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|【[^【】]*】")
# Emoji, arrows, bars and whatever else decorates a heading.
_DECORATION = re.compile(r"[^\p{L}\p{M}\p{N}\s&/,.'’:)、-]")
_MODIFIER = re.compile(
    r"(?:key|main|core|product|project|system|detailed|high level|proposed|initial|basic|essential|primary|additional|"
    r"other|general|specific|top|planned|required|our|the) "
)
_JOINED = re.compile(r" */ *| *& *| *, *| and ")
_NOT_ASKED = re.compile(
    r"(?:what[’']?s |what is )?(?:explicitly )?(?:out of|not in|outside(?: of)?(?: the)?) scope"
    r"(?: (?:for|in|of|now|here)\b.*| (?:features?|items?|requirements?|stories|functionality))?"
    r"|things (?:we|it) (?:won[’']?t|will not) (?:build|do|cover)|(?:later|next|future) phases?|phase [2-9]|post mvp"
    r"|deferred(?: (?:features?|items?|work|stories))?|ice ?box|stretch goals?|maybe(?: later)?|parking lot|someday"
    r"|(?:completed|existing|implemented|current|done|finished|shipped) (?:features?|functionality|stories|work|items?)"
    r"|(?:scope )?exclusions?|(?:explicitly )?excluded|(?:non|anti) ?goals?|non ?objectives?"
    r"|not (?:included|planned|supported|needed|now)|won[’']?t(?: have| do)?|will not have|already (?:done|there|built)"
    r"|what (?:it|this|we|they) "
    r"(?:is not|(?:do(?:es)?|will|shall|are) not (?:do(?:ing)?|build(?:ing)?|cover|include)|won[’']?t do)"
    r"|(?:possible |potential )?future(?: (?:work|enhancements?|improvements?|plans?|ideas?|features?|versions?"
    r"|releases?|considerations?|extensions?|scope|development|directions?))?"
    r"|later(?: (?:versions?|releases?))?|removed requirements?"
    r"|competitors?(?: \w+)?|competition|compet\w+ (?:analysis|landscape)|competing products"
    r"|alternatives(?: considered)?"
    r"|open (?:questions?|issues|points)|risks?|mitigations?|risk assessment"
)
_DOUBTFUL = re.compile(
    r"competit.*|alternatives.*|open (?:issues|points)|risks?.*|mitigations?|later|existing .*|current .*"
)
_PRIORITIES: Mapping[Priority, re.Pattern] = {
    "must": re.compile(
        r"(?i)\b(?:must(?: have)?s?|p[01]|critical|blocker|highest|high|mvp|essential|required)\b"
    ),
    "should": re.compile(r"(?i)\b(?:should(?: have)?s?|p2|medium|normal|major)\b"),
    "could": re.compile(
        r"(?i)\b(?:could(?: have)?s?|nice to haves?|p[3-5]|low|lowest|minor|trivial|optional)\b"
    ),
}
_PRIORITY_HEADING = re.compile(
    r"(?i)(?:must|should|could|nice to) ?(?:haves?)?|(?:p\d|critical|high|medium|low)(?: priority)?|"
    r"mvp|priority:? \w+|(?:must|should|could|nice to) have (?:features|stories|requirements)"
)
_ACTOR_HEADING = re.compile(r"(?i)(?:as an?|for (?:an?|every|each|all)) (?P<actor>[a-z][a-z -]{1,40})")
_NO_ACTORS = re.compile(
    r"(?i)\b(?:release|version|launch|phase|future|example|project|app|system|sprint|whole|time|now)s?\b"
)


def words_of(title: str) -> str:
    """A heading's words in lower case: without number, markup, decoration, colon and what stands in brackets."""
    bare = _MARKUP.sub("", title)
    plain = _DECORATION.sub(" ", _BRACKETS.sub(" ", bare).strip() or bare).strip(" -–—:：.")
    match = NUMBER.match(plain)
    plain = plain[match.end() :] if match else plain
    for _ in range(2):  # a hyphen that follows another shares a letter with it
        plain = re.sub(r"(\w)-(\w)", r"\1 \2", plain)
    return " ".join(plain.split()).strip(" :：.-)").lower()


def meaning_of(name: str) -> Meaning:
    """What a section of this name holds, as far as names tell: whole, or without such words as "key" and "main"."""
    known, kind = _names(), name.partition(":")[0].strip()  # "Scenario: a lent book"
    for candidate in dict.fromkeys((name, _MODIFIER.sub("", name), kind)):
        if found := known.get(candidate) or known.get(_singular(candidate)):
            return cast("Meaning", found) if found in get_args(Meaning) else ""
    return ""


def excludes_by_name(name: str) -> bool:
    """Whether sections of this name say what is not asked for: "Out of scope", "Non-goals / Future work"."""
    parts = [part for part in _JOINED.split(name) if part]
    return bool(parts) and all(
        _NOT_ASKED.fullmatch(part) or _names().get(part) == "excluded" for part in parts
    )


def excludes(name: str, inherited: Meaning) -> bool:
    """Whether a section is not asked for; below what is, only a name that leaves no doubt says so."""
    if inherited not in ("", "background") and _DOUBTFUL.fullmatch(name):
        return False
    return excludes_by_name(name)


def priority_in(text: str) -> Priority | None:
    """The priority that a word of a backlog stands for: MoSCoW, P0 to P5, or high, medium and low."""
    return next((name for name, pattern in _PRIORITIES.items() if pattern.search(text)), None)


def priority_of(title: str) -> Priority | None:
    """The priority that a heading gives to what stands below it."""
    return priority_in(title) if _PRIORITY_HEADING.fullmatch(words_of(title)) else None


def actor_of(title: str) -> str:
    """The person that a heading such as "As a librarian" speaks of; empty where it speaks of none."""
    match = _ACTOR_HEADING.fullmatch(words_of(title))
    return match["actor"] if match and not _NO_ACTORS.search(match["actor"]) else ""


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name.removesuffix("s")


@cache
def _names() -> Mapping[str, str]:
    """What each known name stands for; the first meaning counts where languages disagree."""
    table = tomllib.loads((resources.files(__package__) / "headings.toml").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for meaning, languages in table.items():
        for names in languages.values():
            for name in names:
                found.setdefault(name, meaning)
                found.setdefault(_singular(name), meaning)
    return found
