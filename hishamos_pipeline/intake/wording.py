"""How wishes are worded: numbers before them, the form of a story, and what is said of a wish below it."""

from collections.abc import Iterable, Sequence

from hishamos_pipeline.core.text import linear_re as re

STORY = re.compile(
    r"^as an? (?P<actor>[^,]{1,60}?),? (?:i|we) (?:want|need|would like|wish|can|should be able)"
    r"(?: to be able)?(?: to)? (?P<want>.+?)(?:,? (?:so that|in order to|so i can) (?P<benefit>.+))?$",
    re.IGNORECASE,
)
# The same with the benefit first, as Gherkin once had it.
_IN_ORDER = re.compile(
    r"(?i)^in order to (?P<benefit>.{1,300}?),? as an? (?P<actor>[^,]{1,60}?),? i (?:want|need)(?: to)? (?P<want>.+)$"
)
_LABEL = re.compile(r"^[A-Z][\w -]{1,30}: (?P<rest>.+)$")
# Marks of a state before a wish, and a priority behind it.
_MARK = re.compile(r"^[^\p{L}\p{N}\s(\[\"'`~*_<-]+\s+")
_NOTE = r"[(\[](?:priority:? *)?(?P<priority>p\d|(?:must|should|could)(?: have)?|nice to have|high|medium|low|mvp)[)\]]"
PRIORITY_NOTE = re.compile(rf"(?i){_NOTE}")
_NOTE_AT_END = re.compile(rf"(?i)\s*{_NOTE}\.?$")
_STORY_LABEL = re.compile(r"^(?:user )?story:? +", re.IGNORECASE)
# A number of the author's before a wish, and the mark of a list of tasks: "FR-001:", "[US-05]", "1.2", "[x]".
_LEADING = re.compile(
    r"^(?:(?P<task>\[[ xX]\]) +|\[(?P<bracketed>[A-Za-z]{1,8}[- ]?\d{1,4}(?:\.\d{1,4}){0,3})\][:.)]? *(?:[–—-] +)?"
    r"|\(?(?P<named>[A-Za-z]{1,8}-?\d{1,4}(?:\.\d{1,4}){0,3})\)?(?:[:.)] +| +[–—-] +)"
    r"|(?P<bare>(?:[A-Z]{1,8}-)+\d{1,4}(?:\.\d{1,4}){0,3}) +"
    r"|(?P<chapter>\d{1,4}(?:\.\d{1,4}){1,4})[:.)]? +|\d{1,4}[.)] +)"
)
_MOST_LEADING = 3
_EMPHASIS = [
    re.compile(rf"{mark}(\S|\S.*?\S){mark}(\W|$)") for mark in (r"\*\*\*", r"\*\*", r"\*", "___", "__", "_")
]
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,40}\]")
# What is said of a wish below it that is no rule of it.
_FACT = re.compile(
    r"^(?P<name>id|priority|prio|moscow|actor|role|story points|points|estimate|effort|size|epic|labels?|tags|sprint|"
    r"status|type|owner|assignee|dependencies|depends on|notes?|risk|business value|source|reporter|due(?: date)?|"
    r"why this priority|independent test|rationale)\s*: *(?P<value>.+)$",
    re.IGNORECASE,
)
_ABILITY_SENTENCE = re.compile(
    r"^(?:the |an? |every |all )?(?P<who>[a-z]+)(?: [a-z]+)? "
    r"(?:can|(?:must|shall|should|will) (?:be able to|allow|let|enable)|is able to|are able to) (?P<what>[a-z]+)",
    re.IGNORECASE,
)
_HOLDS = re.compile(
    r"(?i)\b(?:must(?: not)? be|(?:must|shall|may) not|cannot|(?:is|are) required|must have|no two|at most|at least)\b"
)
# Who is nobody in particular, and what tells how things are instead of how they shall be.
_NOBODY = re.compile(
    r"(?i)^(?:this|that|it|these|those|there|which|what|they|nobody|today|currently|competitors?)\b"
)
_AS_IT_IS = re.compile(
    r"(?i)^(?:currently|today|already|still|only|often|sometimes|never|get|lose|be|feel|become|lead)\b"
)
_STRUCK = re.compile(r"^~~.+~~\.?$")
_UNDECIDED = re.compile(r"(?i)^(?:tbd|to ?do|n/?a|none|to be (?:defined|decided)|\.\.\.|…|-+)\.?$")


def plain(text: str) -> str:
    """Text without Markdown emphasis, code marks, links and footnotes, on one line, without a final stop."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", _FOOTNOTE.sub("", text))
    for pattern in _EMPHASIS:
        text = pattern.sub(r"\1\2", text)
    text = text.replace("`", "")
    return " ".join(text.split()).strip().rstrip(".!").strip()


def external_id(text: str) -> str:
    """The id that the author of a line has put before it, such as ``FR-001``; empty where there is none."""
    return _parted(plain(text.partition("\n")[0]))[0]


def _parted(text: str) -> tuple[str, str]:
    """A line's own id, and what comes after it."""
    found = ""
    for _ in range(_MOST_LEADING):
        match = _LEADING.match(text)
        if match is None or not text[match.end() :].strip():
            break
        own = match["bracketed"] or match["named"] or match["bare"] or match["chapter"] or ""
        found = found or own
        text = text[match.end() :]
    return found, text


def wording(text: str) -> str:
    """The words of a wish: its first line without markup, number and label."""
    line = _MARK.sub("", _parted(_MARK.sub("", plain(text.partition("\n")[0])))[1])
    line = _NOTE_AT_END.sub("", _STORY_LABEL.sub("", line)).rstrip(".! ")
    if order := _IN_ORDER.match(line):
        return f"As a {order['actor']}, I want to {order['want']}, so that {order['benefit']}"
    label = _LABEL.match(line)
    if label and (STORY.match(label["rest"]) or _ABILITY_SENTENCE.match(label["rest"])):
        return label["rest"]
    return re.sub(r"(?i)^it (?:should|must|shall) be possible to ", "Users can ", line)


def is_story(text: str) -> bool:
    """Whether a line says who wants what: "As a …, I want …"."""
    return STORY.match(wording(text)) is not None


def says_what_somebody_can_do(sentence: str) -> bool:
    """Whether a sentence of prose is a wish in one of its usual forms."""
    if is_story(sentence):
        return True
    match = _ABILITY_SENTENCE.match(wording(sentence))
    return match is not None and not (_NOBODY.match(match["who"]) or _AS_IT_IS.match(match["what"]))


def says_what_holds(sentence: str) -> bool:
    """Whether a sentence of prose restricts something, instead of saying what somebody can do."""
    return _HOLDS.search(wording(sentence)) is not None


def is_undecided(text: str) -> bool:
    """Whether a line is a question, struck out, or a place for something to come."""
    said = plain(text.partition("\n")[0])
    return text.rstrip().endswith("?") or bool(_STRUCK.match(text.strip()) or _UNDECIDED.match(said))


def points_below(text: str) -> tuple[str, ...]:
    """What stands below a wish as points of its own: rules and criteria of it, without facts such as its priority."""
    return tuple(point for point in _below(text) if _FACT.match(plain(point)) is None)


def facts_below(text: str) -> dict[str, str]:
    """What is said of a wish below it, by name in lower case: its priority, who wishes it."""
    found = (_FACT.match(plain(point)) for point in _below(text))
    return {match["name"].lower(): match["value"].strip() for match in found if match}


def is_fact(text: str) -> bool:
    """Whether a line says something about a wish that is no part of it, such as its priority."""
    return _FACT.match(plain(text)) is not None


def wish(head: str, points: Sequence[str]) -> str:
    """A wish with what stands below it, each point on a line of its own; see ``points_below``."""
    lines = (" ".join(point.replace("\n- ", "; ").split()) for point in points)
    return "\n- ".join([head, *filter(None, lines)])


def sentences(texts: Iterable[str]) -> list[str]:
    """The sentences of prose, without Markdown."""
    found: list[str] = []
    for text in texts:
        for block in re.split(r"\n\s*\n", text.replace("\n- ", "\n\n- ")):
            found.extend(
                plain(part.removeprefix("- "))
                for part in re.sub(r"([.!?;]) ", "\\1\n", " ".join(block.split())).split("\n")
                if part.strip()
            )
    return found


def _below(text: str) -> list[str]:
    return [line.removeprefix("- ") for line in text.split("\n")[1:]]
