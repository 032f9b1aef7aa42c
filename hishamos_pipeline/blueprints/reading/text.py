"""From a feature line to who wants what, and to single clauses."""

from dataclasses import dataclass, replace

from hishamos_pipeline.blueprints.reading.words import CREATE, MANAGE, base_verb
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.wording import STORY, facts_below, wording

_ABILITY = re.compile(
    r"^(?:the |an? |any |every |all )?(?P<actor>[a-z][a-z-]*(?: [a-z-]+){0,2}?) "
    r"(?:(?:should|must|will|shall) be able to|can|may|could|should|must|will|is able to|are able to"
    r"|needs? to|wants? to) (?:also |then |be able to )?(?P<want>.+?)"
    r"(?:,? so that (?P<benefit>.+))?$",
    re.IGNORECASE,
)
# Words that say of whom a sentence speaks rather than what somebody can do, and wishes that are none.
_RELATIVE = re.compile(r"\b(?:that|which|who|when)\b.* (?:can|may|will)", re.IGNORECASE)
_NO_WISH = re.compile(r"(?:be|not|have)\b", re.IGNORECASE)
# Who speaks of the product itself; what it is to let people do is their wish.
_PRODUCT = (
    r"^(?:the |this |our )?(?:system|app|application|product|program|tool|platform|website|site|software"
    r"|service) "
)
_MODAL = r"(?:(?:can|may|must|shall|should|will|has to|needs to) )?(?:be able to )?"
_ALLOWS = re.compile(
    rf"{_PRODUCT}{_MODAL}(?:allows?|enables?|permits?|lets?)(?: for)? "
    r"(?:the |an? |any |every |each |all )?(?P<actor>[a-z][a-z-]*(?: [a-z-]+){0,2}?) to (?P<want>.+)$",
    re.IGNORECASE,
)
_LETS = re.compile(
    rf"{_PRODUCT}{_MODAL}lets? (?:the |an? |any |every |each |all )?(?P<actor>[a-z][a-z-]*) (?P<want>.+)$",
    re.IGNORECASE,
)
_SHOWS = re.compile(
    rf"{_PRODUCT}{_MODAL}(?:provides?|shows?|displays?|presents?|offers?) (?:an? |the )?(?:list|overview) of "
    r"(?:all )?(?:the )?(?P<things>[a-z][a-z -]*)$",
    re.IGNORECASE,
)
_DOES = re.compile(
    rf"{_PRODUCT}(?:can|may|must|shall|should|will) (?:be able to )?(?P<want>.+)$", re.IGNORECASE
)
# What nobody is to do, and what something is to be, is a rule that nobody wishes to be able to do.
_FORBIDS = re.compile(
    r"^(?P<of>[^,.;:]{1,80}?)\b(?:(?:must|shall|should|will|can|may|does|do) not|cannot|can[’']t|won[’']t|mustn[’']t|"
    r"shouldn[’']t|never)\b",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"^(?P<of>[^,.;:]{1,60}?) (?:(?:must|shall|should|will|can|may) (?:be|remain|stay)|(?:must|shall|will) have) "
    r"(?P<next>\w+)",
    re.IGNORECASE,
)
# Who the main verb is said of has no verb of its own: "users can list books that must not be lent" forbids nothing.
_HAS_VERB = re.compile(r"(?i)\b(?:can|may|must|shall|should|will|that|which|who|they|able|to|want|wants)\b")
_MODAL_END = re.compile(r"(?i) (?:can|may|must|shall|should|will)\s*$")
_PARTICIPLES = {
    "added": "add", "created": "create", "recorded": "record", "listed": "list", "viewed": "view", "shown": "show",
    "seen": "see", "edited": "edit", "updated": "update", "changed": "change", "deleted": "delete",
    "removed": "remove", "searched": "search", "sorted": "sort", "filtered": "filter", "exported": "export",
    "imported": "import", "counted": "count", "archived": "archive", "tagged": "tag", "marked": "mark",
    "assigned": "assign",
}  # fmt: skip
_PASSIVE = re.compile(
    r"(?i)^(?:all |the |an? )?(?P<things>[a-z][a-z -]{1,40}?) (?:can|may) be "
    rf"(?P<verb>{'|'.join(_PARTICIPLES)})(?P<rest> .*)?$"
)
_BY = re.compile(r"(?i) by (?:the |an? |every |any )?(?P<actor>[a-z]+)$")
# "By" tells the attribute here, and not who does it.
_BY_WHAT = ("sort", "filter", "search", "list", "count", "show", "see", "view")
# How a screen would be used; on the command line a command takes the place of it.
_GESTURE = re.compile(
    r"\s*(?:\((?:e\.g\.|or on|or by|optional)[^)]*\)|,?\s*by (?:pressing|clicking|tapping|hitting)(?: on)? .*|"
    r"\b(?:from|in|on) the (?:command line|terminal|console))$",
    re.IGNORECASE,
)
_LEADING_GESTURE = re.compile(r"^by (?:pressing|clicking|tapping|hitting) [^,]{1,80},\s*", re.IGNORECASE)


_MOST_GESTURES = 5


@dataclass(frozen=True, slots=True)
class Statement:
    """Who wants what, and why; ``assumption`` tells what was read differently from how it was said.

    ``is_wish`` is false for what says how something is to be, or what nobody is to do.
    """

    actor: str
    want: str
    benefit: str = ""
    assumption: str = ""
    is_wish: bool = True


def statement(text: str) -> Statement:
    """Split a feature line into actor, wish and benefit; of what stands below it only the actor counts."""
    said = _statement(wording(text))
    actor = facts_below(text).get("actor", "")
    return replace(said, actor=actor.lower()) if actor and said.actor == "user" else said


def _statement(line: str) -> Statement:
    assumption = ""
    stripped = _LEADING_GESTURE.sub("", line)
    for _ in range(_MOST_GESTURES):
        stripped = _GESTURE.sub("", stripped)
    if re.search(r"press|click|tap|hit", line[len(stripped) :] + line[: -len(stripped) or None]):
        assumption = "a command takes the place of the button or key that the brief names"
    if passive := _passive(stripped):
        return replace(passive, assumption=assumption)
    if not STORY.match(stripped) and (_forbids(stripped) or _states(stripped)):
        return Statement(actor="user", want=stripped, assumption=assumption, is_wish=False)
    if shows := _SHOWS.match(stripped):
        return Statement(actor="user", want=f"list {shows['things'].strip()}", assumption=assumption)
    for pattern in (STORY, _ALLOWS, _LETS, _DOES, _ABILITY):
        match = pattern.match(stripped)
        if match and not (pattern is _ABILITY and _is_no_ability(stripped, match)):
            groups = match.groupdict()
            return Statement(
                actor=(groups.get("actor") or "user").strip().lower(),
                want=groups["want"].strip(),
                benefit=(groups.get("benefit") or "").strip(),
                assumption=assumption,
            )
    words = stripped.split()
    for index in (1, 2, 3):  # "The librarian records a loan"
        if len(words) > index and words[index].endswith("s") and base_verb(words[index].lower()):
            actor = " ".join(words[:index]).lower()
            if re.match(r"(?:the|an?|every|each)\b", actor):
                actor = re.sub(r"^(?:the|an?|every|each) ", "", actor)
                want = " ".join([base_verb(words[index].lower()), *words[index + 1 :]])
                return Statement(actor=actor, want=want, assumption=assumption)
    return Statement(actor="user", want=stripped, assumption=assumption)


def _passive(text: str) -> Statement | None:
    """A wish that says what can be done with something: "tools can be sorted by name"; ``None`` if it is none."""
    match = _PASSIVE.match(text)
    if match is None:
        return None
    verb, rest, actor = _PARTICIPLES[match["verb"].lower()], match["rest"] or "", "user"
    by = _BY.search(rest)
    if by and verb not in _BY_WHAT:
        actor, rest = by["actor"].lower(), rest[: by.start()]
    return Statement(actor=actor, want=f"{verb} {match['things'].strip().lower()}{rest}")


def _states(text: str) -> bool:
    match = _STATES.match(text)
    return (
        match is not None
        and match["next"].lower() not in ("able", "to")
        and not _HAS_VERB.search(match["of"])
    )


def _forbids(text: str) -> bool:
    match = _FORBIDS.match(text)
    return match is not None and not _HAS_VERB.search(_MODAL_END.sub("", match["of"]))


def _is_no_ability(text: str, match: re.Match) -> bool:
    return bool(_RELATIVE.search(text) or _NO_WISH.match(match["want"]))


def clauses(want: str) -> list[str]:
    """Split a wish into clauses with one verb each; verbs that share an object each get it.

    ``create, edit and delete notes`` gives three clauses about notes.
    """
    text = want.lower().replace("'s ", " ").replace("’s ", " ").strip()
    text = re.sub(r"^(?:also|then|be able to|to) ", "", text)
    shared = re.match(r"^((?:[a-z]+(?:, (?:and |or )?| and | or |/))+)([a-z]+) (.+)$", text)
    if shared:
        verbs = [verb for verb in re.split(r", (?:and |or )?| and | or |/", shared[1]) if verb]
        if all(base_verb(verb) for verb in [*verbs, shared[2]]):
            others = clauses(f"{shared[2]} {shared[3]}")
            target = re.sub(r"^[a-z]+ ", "", others[0])
            return [_shared(base_verb(verb), target) for verb in verbs] + [
                _shared(shared[2], target),
                *others[1:],
            ]
    pieces = re.split(r"(,? (?:and then|and also|and can|and|then) |, )", text)
    result = [pieces[0]]
    for joint, part in zip(pieces[1::2], pieces[2::2], strict=True):
        first, _, rest = part.partition(" ")
        if base_verb(first) and rest:
            result.append(part)
        else:
            result[-1] += joint + part
    return [_with_base_verb(part) for part in result]


def _shared(verb: str, target: str) -> str:
    """A clause of verbs with one object; what it is added with is of no interest to the other verbs."""
    verb = base_verb(verb)
    keeps = verb in CREATE or verb in MANAGE
    return f"{verb} {target if keeps else re.sub(r' (?:with|including) .*$', '', target)}"


def _with_base_verb(clause: str) -> str:
    first, _, rest = clause.partition(" ")
    return f"{base_verb(first) or first} {rest}".strip()
