"""The tree of sections of a Markdown brief: every character of it stands in exactly one section."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.intake.limits import check_markdown

# The author's own numbering: "2.", "3.2", "IV)", "B.".
_NUMBER = re.compile(r"(?P<arabic>\d{1,4}(?:\.\d{1,4}){0,5})[.):]? +|(?:[IVXLC]{1,7}|[A-Z])[.)] +")
_WORD_BULLET = re.compile(r"(?m)^([ \t]*)[•‣▪●◦·–]([ \t]+\S)")
_JOINED = re.compile(r" */ *| *& *| *, *| and ")
_NOT_ASKED = re.compile(
    r"(?:explicitly )?(?:out of|not in|outside(?: of)?(?: the)?) scope(?: (?:for|in|of|now|here)\b.*)?"
    r"|(?:scope )?exclusions?|(?:explicitly )?excluded|(?:non|anti) ?goals?|non ?objectives?"
    r"|not (?:included|planned|supported|needed|now)|won[’']?t(?: have| do)?|will not have"
    r"|what (?:it|this|we|they) "
    r"(?:is not|(?:do(?:es)?|will|shall|are) not (?:do(?:ing)?|build(?:ing)?|cover|include)|won[’']?t do)"
    r"|(?:possible |potential )?future(?: (?:work|enhancements?|improvements?|plans?|ideas?|features?|versions?"
    r"|releases?|considerations?|extensions?|scope|development|directions?))?"
    r"|later(?: (?:versions?|releases?))?"
    r"|competitors?|competition|competitive (?:analysis|landscape)|competing products|alternatives(?: considered)?"
    r"|open (?:questions?|issues|points)|risks?|mitigations?|risk assessment"
)
_DOUBTFUL = re.compile(r"competit.*|alternatives.*|open .*|risks?.*|mitigations?|later.*|future features?")
_MEANINGS: Mapping[Meaning, re.Pattern] = {
    "features": re.compile(
        r"(?:user )?stories|features?|functions|functional requirements|requirements|scope"
    ),
    "users": re.compile(
        r"users|(?:user )?personas?|roles|actors|(?:target )?audience|who uses it|stakeholders"
    ),
    "entities": re.compile(r"(?:key )?entities|data|data model|domain|records|things it keeps"),
    "constraints": re.compile(r"constraints|rules|business rules|limits|requirements (?:and|&) constraints"),
    "background": re.compile(
        r"introduction|overview|background|purpose|(?:executive )?summary|about|vision|motivation|context|glossary|"
        r"definitions|terminology|references|(?:table of )?contents|(?:revision|document) history|changelog|"
        r"problem(?: statement)?|milestones|timeline"
    ),
}
_PSEUDO_LEVEL = 7
_LONGEST_ID = 40


@dataclass(frozen=True, slots=True)
class Block:
    """A section with the nodes of its own text, its heading not among them."""

    section: Section
    nodes: tuple[SyntaxTreeNode, ...]


def read_blocks(text: str) -> list[Block]:
    """The sections of a text in order; joined, their texts are the text.

    A heading is one of Markdown's at any level, or a line of its own that is bold, or that ends with a colon and names
    what is usually a heading.

    Raises:
        IdeaError: there are more parts than may be.
    """
    check_markdown(text)
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # as Markdown counts them: other line ends are characters
    starts = [_Start(0, "", 0, ())]
    nodes: list[SyntaxTreeNode] = []
    # Bullets of word processors are lists, too; the text itself stays as it was written.
    parsed = MarkdownIt("commonmark").parse(_WORD_BULLET.sub(r"\1-\2", text))
    for node in SyntaxTreeNode(parsed).children:
        heading = _heading(node)
        if heading and node.map:
            starts[-1].nodes = tuple(nodes)
            nodes = []
            starts.append(_Start(node.map[0], *heading, ()))
        else:
            nodes.append(node)
    starts[-1].nodes = tuple(nodes)
    ends = [start.line for start in starts[1:]] + [len(lines)]
    texts = ["".join(lines[start.line : end]) for start, end in zip(starts, ends, strict=True)]
    if not texts[0].strip() and len(texts) > 1:  # blank lines before the first heading belong to it
        texts[1] = texts[0] + texts[1]
        del starts[0], texts[0]
    return list(_blocks(starts, texts))


@dataclass(slots=True)
class _Start:
    line: int
    title: str
    level: int
    nodes: tuple[SyntaxTreeNode, ...]


def _blocks(starts: Sequence[_Start], texts: Sequence[str]) -> Iterator[Block]:
    ids: dict[str, int] = {}
    above: list[Section] = []
    for number, (start, text) in enumerate(zip(starts, texts, strict=True)):
        above = [section for section in above if section.level < start.level]
        name = words_of(start.title)
        is_title = start.level == 1 and number == 0
        inherited: Meaning = above[-1].meaning if above and above[-1].level != 1 else ""
        section = Section(
            id=_unique(_id(start.title), ids),
            title=start.title,
            level=start.level,
            text=text,
            meaning="background" if is_title else meaning_of(name) or inherited,
            excludes=not is_title
            and (_excludes(name, inherited) or any(section.excludes for section in above)),
        )
        above.append(section)
        yield Block(section, start.nodes)


def words_of(title: str) -> str:
    """A heading's words: without number, markup, colon and what stands in brackets."""
    plain = re.sub(r"[*_`#]", "", title).strip()
    match = _NUMBER.match(plain)
    plain = plain[match.end() :] if match else plain
    plain = re.sub(r"\([^()]*\)", " ", plain)
    for _ in range(2):  # a hyphen that follows another shares a letter with it
        plain = re.sub(r"(\w)-(\w)", r"\1 \2", plain)
    return " ".join(plain.split()).strip(" :").lower()


def meaning_of(name: str) -> Meaning:
    """What a section of this name holds, as far as names tell."""
    return next((meaning for meaning, pattern in _MEANINGS.items() if pattern.fullmatch(name)), "")


def excludes_by_name(name: str) -> bool:
    """Whether sections of this name say what is not asked for: "Out of scope", "Non-goals / Future work"."""
    parts = [part for part in _JOINED.split(name) if part]
    return bool(parts) and all(_NOT_ASKED.fullmatch(part) for part in parts)


def _excludes(name: str, inherited: Meaning) -> bool:
    """Whether a section is not asked for; below what is, only a name that leaves no doubt says so."""
    if inherited not in ("", "background") and _DOUBTFUL.fullmatch(name):
        return False
    return excludes_by_name(name)


def _heading(node: SyntaxTreeNode) -> tuple[str, int] | None:
    """Title and level of a node that begins a section."""
    if node.type == "heading":
        return inline(node), int(node.tag[1:])
    if node.type != "paragraph" or "\n" in (content := node.children[0].content.strip()):
        return None
    bold = content.startswith("**") and content.rstrip(":").endswith("**") and content.count("**") == 2
    if bold or (content.endswith(":") and excludes_by_name(words_of(content))):
        return " ".join(content.replace("**", "").split()), _PSEUDO_LEVEL
    return None


def inline(node: SyntaxTreeNode) -> str:
    """The text of a heading or paragraph on one line."""
    for child in node.children:
        if child.type == "inline":
            return " ".join(child.content.split())
    return ""


def _id(title: str) -> str:
    plain = re.sub(r"[*_`#]", "", title).strip()
    match = _NUMBER.match(plain)
    if match and match["arabic"]:
        return match["arabic"]
    name = slug(plain[match.end() :] if match else plain)
    if len(name) > _LONGEST_ID:
        name = name[:_LONGEST_ID].rsplit("-", 1)[0]
    return name or ("section" if title else "brief")


def _unique(name: str, taken: dict[str, int]) -> str:
    """A name that no section has yet; ``taken`` counts how often each was wanted."""
    while True:
        taken[name] = number = taken.get(name, 0) + 1
        if number == 1:
            return name
        name = f"{name}-{number}"
