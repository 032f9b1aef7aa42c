"""What the statements of a Markdown brief are: wishes, criteria, rules, people, data, and what is not asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.columns import Table, table_of
from hishamos_pipeline.intake.headings import actor_of, meaning_of, priority_of, words_of
from hishamos_pipeline.intake.sections import Block, inline, without_comments
from hishamos_pipeline.intake.wording import (
    external_id,
    is_fact,
    is_story,
    plain,
    says_what_somebody_can_do,
    sentences,
    wish,
)

Kind = Literal["feature", "criterion", "user", "entity", "constraint", "prose", "excluded", "code"]

_LISTS = ("bullet_list", "ordered_list")
# The mark of a list of tasks, as GitHub has it.
_TASK = re.compile(r"^\[[ xX]\] +")
_NUMBERED = r"(?i)^(?:user story|story|requirement|use case|feature)"
_STORY_HEADING = re.compile(
    _NUMBERED + r"(?: *#? *[a-z]{0,3}-?\d[\w.]*)?(?: *[-–—:.)] *|\s+|$)(?P<title>.*)$"
)
_NUMBERED_KIND = re.compile(_NUMBERED + r"(?: *#? *[a-z]{0,3}-?\d| *[:–—-])")
_PRIORITY_NOTE = re.compile(
    r"(?i)[(\[](?:priority:? *)?(?P<priority>p\d|(?:must|should|could)(?: have)?|nice to have|high|medium|low|mvp)[)\]]"
)
_STEP = re.compile(r"(?i)^(?:given|when|then|and|but)\b")
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:")
_DEFINITION = re.compile(r"^(?P<term>[^\n]{1,120})\n((?:: [^\n]*(?:\n|$))+)")
_KEY_ATTRIBUTES = re.compile(
    r"(?i)\b(?:key |main |its )?(?:attributes|fields|properties)(?: are| include)?: *(?P<listed>.+)$"
)
_DESCRIPTION = re.compile(
    r"(?i)^(?:an?|the|represents|describes|holds|stores|contains|one|each|what|who|anyone)\b[^,:(]* "
)
_BY_MEANING: dict[Meaning, Kind] = {"users": "user", "entities": "entity", "constraints": "constraint"}


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


def read_statements(blocks: Sequence[Block]) -> list[Passage]:
    """The statements of a brief in order; every paragraph, item, row and block of code is in one of them."""
    users = {
        words_of(item.text.partition(":")[0])
        for block in blocks
        if block.section.meaning == "users" and not block.section.excludes
        for item in _lists(block.nodes)
    }
    reader = _Reader(users)
    for block in blocks:
        reader.read(block)
    return reader.said


@dataclass(slots=True)
class _Above:
    """A heading that the present section is below, and what it says of the wishes there."""

    level: int
    facts: list[Passage]


class _Reader:
    """Reads sections in order; ``_story`` is the wish that criteria belong to."""

    def __init__(self, users: Iterable[str]) -> None:
        self.said: list[Passage] = []
        self._users = {form for user in users for form in (user, f"{user}s", user.removesuffix("s"))} - {""}
        self._above: list[_Above] = []
        self._story: Passage | None = None
        self._story_level = 0
        # A heading that names a wish stands for it until the wish itself is found below.
        self._is_heading = False
        self._section = Section(id="brief", text="")

    def read(self, block: Block) -> None:
        """Read a section's own nodes."""
        section = self._section = block.section
        self._above = [item for item in self._above if item.level < section.level]
        if self._story and section.level <= self._story_level:
            self._story, self._is_heading = None, False
        self._above.append(_Above(section.level, self._facts_of(block)))
        if section.excludes:
            self._add_all("excluded", block.nodes)
            return
        if section.meaning in ("", "features") and (title := _wish_of(section)):
            self._add_wish(block.line, title)
            self._is_heading = True
        self._read(block.nodes, section.meaning)

    def _read(self, nodes: Sequence[SyntaxTreeNode], meaning: Meaning) -> None:
        for node in nodes:
            content = inline(node)
            if node.type in _LISTS:
                self._read_list(node, meaning)
            elif node.type == "table":
                self._read_table(node, meaning)
            elif node.type in ("fence", "code_block"):
                self._add(_line(node), node.content, "code")
            elif content.endswith(":") and meaning_of(words_of(content)):
                meaning = meaning_of(words_of(content))
            elif node.type == "paragraph":
                self._read_paragraph(node, content, meaning)
            elif text := _text(node):
                self._add(_line(node), text, "prose")

    def _read_paragraph(self, node: SyntaxTreeNode, content: str, meaning: Meaning) -> None:
        line = _line(node)
        if defined := _DEFINITION.match(node.children[0].content):
            term = f"{plain(defined['term'])}: {' '.join(defined[2].replace(': ', ' ').split())}"
            self._add_items([Passage(line, term, "prose", "")], meaning)
        elif is_fact(content) and self._story:
            self._story.points.append(self._made(line, content, "criterion"))
        elif any(map(is_story, parts := sentences([content]))):
            for sentence in parts:
                if is_story(sentence):
                    self._add_wish(line, sentence)
                else:
                    self._add(line, sentence, "prose")
        elif meaning == "features" and not _FOOTNOTE.match(content):
            for sentence in sentences([content]):
                if says_what_somebody_can_do(sentence):
                    self._add_wish(line, sentence)
                else:
                    self._add(line, sentence, "prose")
        elif self._is_heading and (wishes := [s for s in sentences([content]) if _may_be_wish(s)]):
            self._add_wish(line, wishes[0])
            self._add(line, ". ".join(s for s in sentences([content]) if s != wishes[0]), "prose")
        elif content:
            self._add(line, content, "prose")

    def _read_list(self, node: SyntaxTreeNode, meaning: Meaning) -> None:
        items = list(_items(node))
        if (
            meaning == "acceptance"
            and all(_STEP.match(plain(item.text)) for item in items)
            and len(items) > 1
        ):
            joined = ", ".join(plain(item.text) for item in items)
            items = [Passage(items[0].line, joined, "criterion", "")]
        self._add_items(items, meaning)

    def _add_items(self, items: Sequence[Passage], meaning: Meaning) -> None:
        # Below the sentence of a story stands what belongs to it; below its heading alone may stand the wishes.
        belongs = (
            self._story is not None and self._story_level == self._section.level and not self._is_heading
        )
        under_story = belongs and _wish_of(self._section) != ""
        for item in items:
            if self._story and is_fact(item.text):
                self._story.points.append(self._made(item.line, item.text, "criterion"))
            elif is_story(item.text) or (meaning == "features" and not under_story):
                self._add_wish(item.line, item.text, item.points)
            elif meaning == "acceptance" or (meaning == "features" and under_story):
                self._add_criterion(item)
            elif meaning in _BY_MEANING:
                self._add(item.line, _entry(item, meaning), _BY_MEANING[meaning])
            else:
                self._add(item.line, f"- {_joined(item)}", "prose")

    def _read_table(self, node: SyntaxTreeNode, meaning: Meaning) -> None:
        header, rows = _rows(node)
        table = table_of(header)
        if meaning == "entities" and table.has_fields and not table.has_entities:
            self._add(_line(node), _entity_of(table, rows, self._section.title), "entity")
            return
        for line, row in rows:
            if meaning == "entities" and table.has_entities:
                self._add(line, table.entity(row), "entity")
            elif table.has_wishes and meaning in ("", "features", "background") and _fits(table, meaning):
                self._add_row(line, row, table)
            elif meaning == "acceptance":
                self._add_criterion(Passage(line, "; ".join(filter(None, row)), "criterion", ""))
            elif meaning in _BY_MEANING:
                text = row[0] if meaning == "users" else table.wish(row) or ": ".join(filter(None, row))
                self._add(line, text, _BY_MEANING[meaning])
            else:
                self._add(line, "- " + "; ".join(filter(None, row)), "prose")

    def _add_row(self, line: int, row: Sequence[str], table: Table) -> None:
        text = table.wish(row)
        if not text:
            return
        if not table.is_asked_for(row):
            self._add(line, text.partition("\n")[0], "excluded")
            return
        head, *points = text.split("\n- ")
        self._add_wish(line, head, [Passage(line, point, "criterion", self._section.id) for point in points])

    def _add_wish(self, line: int, text: str, points: Sequence[Passage] = ()) -> None:
        if self._is_heading and self._story is not None:
            number = external_id(self._story.text)
            self._story.line, self._story.kind = line, "feature"
            self._story.text = f"[{number}] {text}" if number and not external_id(text) else text
            self._story.points += points
            self._story_level, self._is_heading = self._section.level, False
            return
        said = self._made(line, text, "feature")
        own = [*points, *(fact for above in self._above for fact in above.facts)]
        names = [plain(point.text).partition(":")[0].lower() for point in own]
        said.points = [
            point for n, point in enumerate(own) if not is_fact(point.text) or names[n] not in names[:n]
        ]
        self.said.append(said)
        self._story, self._story_level = said, self._section.level

    def _add_criterion(self, item: Passage) -> None:
        text = _joined(item)
        if text.endswith("?"):
            self._add(item.line, f"- {text}", "prose")
        elif self._story:
            self._story.points.append(self._made(item.line, text, "criterion"))
        else:
            self._add(item.line, text, "constraint")

    def _add_all(self, kind: Kind, nodes: Sequence[SyntaxTreeNode]) -> None:
        for node in nodes:
            if node.type in _LISTS:
                for item in _items(node):
                    self._add(item.line, _joined(item), kind)
            elif node.type == "table":
                for line, row in _rows(node)[1]:
                    self._add(line, "; ".join(filter(None, row)), kind)
            elif text := _text(node):
                self._add(_line(node), text, "code" if node.type in ("fence", "code_block") else kind)

    def _add(self, line: int, text: str, kind: Kind) -> None:
        if text:
            self.said.append(self._made(line, text, kind))

    def _made(self, line: int, text: str, kind: Kind) -> Passage:
        return Passage(line, text, kind, self._section.id)

    def _facts_of(self, block: Block) -> list[Passage]:
        """What a heading says of all wishes below it: how much they matter, and whose they are."""
        title, found = block.section.title, list[str]()
        note = _PRIORITY_NOTE.search(title)
        if priority := note["priority"] if note else priority_of(title):
            found.append(f"Priority: {priority}")
        name = words_of(title)
        if actor := name if name in self._users else actor_of(title):
            found.append(f"Actor: {actor.removesuffix('s')}")
        return [Passage(block.line, text, "criterion", block.section.id) for text in found]


def _wish_of(section: Section) -> str:
    """The wish that a heading names, such as "User Story 1 - Add a packet"; empty where it names none."""
    title = _PRIORITY_NOTE.sub("", plain(section.title)).strip()
    if _NUMBERED_KIND.match(title) and (match := _STORY_HEADING.match(title)):
        return match["title"].strip(" -–—:.")
    own = external_id(title)
    return title if re.fullmatch(r"[A-Za-z]{1,8}-?\d[\d.]*", own) else ""


def _may_be_wish(sentence: str) -> bool:
    """Whether a sentence below a story's heading can be the story: somebody does something."""
    return says_what_somebody_can_do(sentence) or bool(
        re.match(
            r"(?i)^(?:an?|the|every|each) [a-z]+(?: [a-z]+)? [a-z]+s (?:an?|the|all|their|its|his|her|new|one|each)\b",
            sentence,
        )
    )


def _fits(table: Table, meaning: Meaning) -> bool:
    """Whether a table's rows are wishes: outside of sections for them, only those of an unmistakable form."""
    return meaning == "features" or ("want" in table.columns and "actor" in table.columns)


def _entry(item: Passage, meaning: Meaning) -> str:
    """An item of a section of people, data or rules."""
    text = _joined(item)
    if meaning == "users":
        return plain(text.partition(":")[0].partition(" – ")[0].partition(" - ")[0])[:60]
    return _entity_line(text) if meaning == "entities" else text


def _entity_line(text: str) -> str:
    """An entity without the prose that describes it: "Packet: a packet of seeds. Key attributes: name, year"."""
    name, colon, rest = plain(text).partition(":")
    rest = rest.strip()
    if listed := _KEY_ATTRIBUTES.search(rest):
        return f"{name}: {listed['listed']}"
    if colon and _DESCRIPTION.match(rest) and "(" not in rest and "," not in rest.partition(".")[0]:
        return name
    return text


def _entity_of(table: Table, rows: Sequence[tuple[int, Sequence[str]]], title: str) -> str:
    """The entity that a table of its attributes, below a heading with its name, describes."""
    name = words_of(title)
    listed = ", ".join(filter(None, (table.attribute(row) for _, row in rows)))
    return f"{name}: {listed}"


def _joined(item: Passage) -> str:
    head, points = item.text, [point.text for point in item.points]
    if points and head.endswith(":"):
        return f"{head.rstrip(':')}: {'; '.join(points)}"
    return wish(head, points) if points else head


def _lists(nodes: Sequence[SyntaxTreeNode]) -> Iterator[Passage]:
    for node in nodes:
        if node.type in _LISTS:
            yield from _items(node)


def _items(node: SyntaxTreeNode) -> Iterator[Passage]:
    """The items of a list with what stands below each; lines that make up one story together are one."""
    pending: Passage | None = None
    for item in _plain_items(node):
        if pending and re.match(r"(?i)^(?:(?:i|we) |so that |in order to )", plain(item.text)):
            pending.text = f"{plain(pending.text).rstrip(',')}, {plain(item.text)}"
            pending.points += item.points
            continue
        if pending:
            yield pending
        pending = item
    if pending:
        yield pending


def _plain_items(node: SyntaxTreeNode) -> Iterator[Passage]:
    for item in node.children:
        head = " ".join(inline(child) for child in item.children if child.type == "paragraph").strip()
        below = [point for child in item.children if child.type in _LISTS for point in _plain_items(child)]
        points = [Passage(point.line, _joined(point), "criterion", "") for point in below]
        label = meaning_of(words_of(head)) == "acceptance"
        head = _TASK.sub("", head)
        if points and (not head or label):  # a list of lists
            head = "; ".join(point.text for point in points) if not label else head
            points = points if label else []
        if points and head.endswith(":"):
            head, points = f"{head.rstrip(':')}: {'; '.join(point.text for point in points)}", []
        if head:
            yield Passage(_line(item), head, "prose", "", points)


def _rows(node: SyntaxTreeNode) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows of a table, each row with its line."""
    rows = [
        (_line(row), [inline(cell) for cell in row.children])
        for part in node.children
        for row in part.children
        if row.type == "tr"
    ]
    return (rows[0][1], rows[1:]) if rows else ([], [])


def _text(node: SyntaxTreeNode) -> str:
    """The text of any node, on one line."""
    if content := inline(node):
        return content
    if node.content.strip():
        return " ".join(without_comments(node.content).split())
    inner: Callable[[SyntaxTreeNode], str] = lambda child: " ".join(without_comments(child.content).split())  # noqa: E731
    return " ".join(inner(child) for child in node.walk() if child.type == "inline")


def _line(node: SyntaxTreeNode) -> int:
    return node.map[0] + 1 if node.map else 0
