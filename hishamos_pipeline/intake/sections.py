"""The tree of sections of a Markdown brief: every character of it stands in exactly one section."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.intake.headings import NUMBER, excludes, excludes_by_name, meaning_of, words_of
from hishamos_pipeline.intake.limits import check_markdown

_WORD_BULLET = re.compile(r"(?m)^([ \t]*)[•‣▪●◦·–]([ \t]+\S)")
_COMMENT = re.compile(r"(?s)<!--.*?(?:-->|$)")
_PSEUDO_LEVEL = 7
_LONGEST_ID = 40


@dataclass(frozen=True, slots=True)
class Block:
    """A section with the line of its heading, counted from 1, and the nodes of its own text."""

    section: Section
    line: int
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
    parsed = MarkdownIt("commonmark").enable("table").parse(_WORD_BULLET.sub(r"\1-\2", text))
    for node in SyntaxTreeNode(parsed).children:
        heading = _heading(node)
        if not heading and _ends_exclusion(node, starts[-1], nodes):
            heading = ("", _PSEUDO_LEVEL)
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


def _ends_exclusion(node: SyntaxTreeNode, start: _Start, nodes: Sequence[SyntaxTreeNode]) -> bool:
    """Whether a paragraph follows the list below a line such as "Out of scope:", which speaks of that list alone."""
    is_label = start.level == _PSEUDO_LEVEL and excludes_by_name(words_of(start.title))
    return is_label and node.type == "paragraph" and bool(nodes) and nodes[-1].type.endswith("_list")


def _blocks(starts: Sequence[_Start], texts: Sequence[str]) -> Iterator[Block]:
    ids: dict[str, int] = {}
    above: list[Section] = []
    title: Section | None = None
    for number, (start, text) in enumerate(zip(starts, texts, strict=True)):
        above = [section for section in above if section.level < start.level]
        name = words_of(start.title)
        # What a document is called says nothing of its sections, unless it is called like one of them.
        is_title = start.level == 1 and number == 0 and not meaning_of(name)
        inherited: Meaning = above[-1].meaning if above and above[-1] is not title else ""
        section = Section(
            id=_unique(_id(start.title), ids),
            title=start.title,
            level=start.level,
            text=text,
            meaning="background" if is_title else meaning_of(name) or inherited,
            excludes=not is_title
            and (excludes(name, inherited) or any(section.excludes for section in above)),
        )
        title = section if is_title else title
        above.append(section)
        yield Block(section, start.line + 1, start.nodes)


def _heading(node: SyntaxTreeNode) -> tuple[str, int] | None:
    """Title and level of a node that begins a section."""
    if node.type == "heading":
        return inline(node), int(node.tag[1:])
    if node.type != "paragraph" or "\n" in (content := node.children[0].content.strip()):
        return None
    bold = content.startswith("**") and content.rstrip(":").endswith("**") and content.count("**") == 2
    name = words_of(content)
    if bold or (content.endswith(":") and (excludes_by_name(name) or meaning_of(name))):
        return " ".join(content.replace("**", "").split()), _PSEUDO_LEVEL
    return None


def inline(node: SyntaxTreeNode) -> str:
    """The text of a heading or paragraph on one line, without comments."""
    for child in node.children:
        if child.type == "inline":
            return " ".join(_COMMENT.sub(" ", _rendered(child)).split())
    return ""


def raw_text(node: SyntaxTreeNode) -> str:
    """The text of a paragraph with its line breaks, as it is read."""
    return "\n".join(_rendered(child) for child in node.children if child.type == "inline")


def _rendered(node: SyntaxTreeNode) -> str:
    """Inline Markdown without escapes and addresses, its emphasis and code marked as they were."""
    inner = "".join(map(_rendered, node.children)) if node.children else ""
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "code_inline":
            return f"`{node.content}`"
        case "em" | "strong":
            return f"{node.markup}{inner}{node.markup}"
        case "image":
            return node.content
        case _:
            return inner or node.content


def without_comments(text: str) -> str:
    """Text without HTML comments, which are never content."""
    return _COMMENT.sub(" ", text)


def _id(title: str) -> str:
    plain = re.sub(r"[*_`#]", "", title).strip()
    match = NUMBER.match(plain)
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
