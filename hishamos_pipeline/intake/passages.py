"""Passages of Markdown: items of lists with what stands below each, rows of tables, and the lines that they are on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.headings import meaning_of, words_of
from hishamos_pipeline.intake.sections import inline, raw_text, without_comments
from hishamos_pipeline.intake.wording import external_id, is_fact, is_story, plain, wish

Kind = Literal["feature", "criterion", "user", "entity", "constraint", "prose", "note", "excluded", "code"]

_MOST_TITLE_LINES = 2
LISTS = ("bullet_list", "ordered_list")
# The mark of a list of tasks, as GitHub has it.
_TASK = re.compile(r"^\[[ xX]\] +")
_STEP = re.compile(r"(?i)^(?:given|when|then|and|but)\b")
_BEGUN = re.compile(r"(?i)^as an? [^,.;:]{1,60},?$")


@dataclass(slots=True)
class Passage:
    """A statement: the line where it begins, counted from 1, and what it is by its form and its section.

    ``points`` stand below a wish: criteria, rules, and facts such as its priority.
    """

    line: int
    text: str
    kind: Kind
    section: str
    points: "list[Passage]" = field(default_factory=list)


def items_in(nodes: Sequence[SyntaxTreeNode]) -> Iterator[Passage]:
    """The items of all lists among some nodes."""
    for node in nodes:
        if node.type in LISTS:
            yield from items_of(node)


def items_of(node: SyntaxTreeNode) -> Iterator[Passage]:
    """The items of a list with what stands below each; lines that make up one story together are one."""
    pending: Passage | None = None
    for item in _plain_items(node):
        if pending and _continues(plain(pending.text), plain(item.text)):
            pending.text = f"{plain(pending.text).rstrip(',')}, {plain(item.text)}"
            pending.points += item.points
            continue
        if pending:
            yield pending
        pending = item
    if pending:
        yield pending


def _continues(begun: str, text: str) -> bool:
    """Whether an item goes on with the story that the one before it has begun: "As a gardener", "I want to …"."""
    if _BEGUN.match(begun):
        return bool(re.match(r"(?i)^(?:i|we) (?:want|need|would like|wish|can)\b", text))
    is_whole = bool(re.search(r"(?i)\b(?:so that|in order to|so i can)\b", begun))
    return is_story(begun) and not is_whole and bool(re.match(r"(?i)^so (?:that|i can)\b", text))


def is_one_step(item: Passage) -> bool:
    """Whether an item is a single step of a scenario, and no scenario of its own."""
    words = plain(item.text)
    return bool(_STEP.match(words)) and not re.search(r"(?i)[,;.] *(?:when|then)\b", words)


def joined(item: Passage) -> str:
    """An item with what stands below it, as one text."""
    head, points = item.text, [point.text for point in item.points]
    if points and head.endswith(":"):
        return f"{head.rstrip(':')}: {'; '.join(points)}"
    return wish(head, points) if points else head


def _plain_items(node: SyntaxTreeNode) -> Iterator[Passage]:
    for item in node.children:
        head, points = _own_lines(item)
        below = [point for child in item.children if child.type in LISTS for point in _plain_items(child)]
        points += [Passage(point.line, joined(point), "criterion", "") for point in below]
        if points and not head:  # a list of lists
            head, points = "; ".join(point.text for point in points), []
        if below and head.endswith(":"):
            head, points = joined(Passage(0, head, "prose", "", points)), []
        if head:
            yield Passage(line_of(item), head, "prose", "", points)


def _own_lines(item: SyntaxTreeNode) -> tuple[str, list[Passage]]:
    """An item's words, and the criteria and facts that its own paragraphs give below them."""
    words: list[str] = []
    points: list[Passage] = []
    is_below = False
    for paragraph in (child for child in item.children if child.type == "paragraph"):
        for number, text in enumerate(raw_text(paragraph).split("\n")):
            line = " ".join(without_comments(text).split())
            is_label = line.endswith(":") and meaning_of(words_of(line)) == "acceptance"
            if line and (is_below or (words and is_fact(line))) and not is_label:
                points.append(Passage(line_of(paragraph) + number, line, "criterion", ""))
            elif line and not is_label:
                words.append(line)
            is_below = is_below or is_label
    return _TASK.sub("", " ".join(words)), points


def rows_of(node: SyntaxTreeNode) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows of a table, each row with its line."""
    rows = [
        (line_of(row), [inline(cell) for cell in row.children])
        for part in node.children
        for row in part.children
        if row.type == "tr"
    ]
    return (rows[0][1], rows[1:]) if rows else ([], [])


def text_of(node: SyntaxTreeNode) -> str:
    """The text of any node, on one line."""
    if content := inline(node):
        return content
    if node.content.strip():
        return " ".join(without_comments(node.content).split())
    return " ".join(
        filter(None, (inline(child) for child in node.walk() if child.type in ("paragraph", "heading")))
    )


def line_of(node: SyntaxTreeNode) -> int:
    """The line where a node begins, counted from 1; 0 where the parser does not say."""
    return node.map[0] + 1 if node.map else 0


def story_below_title(lines: Sequence[str]) -> str:
    """The story of a paragraph that begins with its title on a line of its own, with the title's id before it."""
    if is_story(" ".join(lines)):
        return ""
    for count in range(1, min(len(lines), _MOST_TITLE_LINES + 1)):
        story = plain(" ".join(lines[count:]))
        if is_story(story):
            number = external_id(plain(" ".join(lines[:count])))
            return f"[{number}] {story}" if re.fullmatch(r"[A-Za-z]{1,8}-?\d[\d.]*", number) else story
    return ""


def named_at_end(node: SyntaxTreeNode) -> Meaning:
    """What the last line of a paragraph, such as "must have:", says of the list below it."""
    last = raw_text(node).rpartition("\n")[2].strip()
    return meaning_of(words_of(last)) if last.endswith(":") else ""
