"""What the statements of a Markdown brief are: wishes, criteria, rules, people, data, and what is not asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.columns import Table, table_of
from hishamos_pipeline.intake.headings import actor_of, excludes_by_name, meaning_of, priority_of, words_of
from hishamos_pipeline.intake.passages import (
    LISTS,
    Kind,
    Passage,
    is_one_step,
    items_in,
    items_of,
    joined,
    line_of,
    named_at_end,
    rows_of,
    story_below_title,
    text_of,
)
from hishamos_pipeline.intake.sections import Block, inline, raw_text
from hishamos_pipeline.intake.wording import (
    PRIORITY_NOTE,
    external_id,
    is_fact,
    is_story,
    is_undecided,
    plain,
    says_what_holds,
    says_what_somebody_can_do,
    sentences,
)

_NUMBERED = r"(?i)^(?:user story|story|requirement|use case|feature)"
_STORY_HEADING = re.compile(
    _NUMBERED + r"(?: *#? *[a-z]{0,3}-?\d[\w.]*)?(?: *[-–—:.)] *|\s+|$)(?P<title>.*)$"
)
_NUMBERED_KIND = re.compile(_NUMBERED + r"(?: *#? *[a-z]{0,3}-?\d| *[:–—-])")
_LAST_NOTE = re.compile(r"[(\[](?P<note>[^()\[\]]{1,40})[)\]]$")
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:")
_DEFINITION = re.compile(r"^(?P<term>[^\n]{1,120})\n((?:: [^\n]*(?:\n|$))+)")
_KEY_ATTRIBUTES = re.compile(
    r"(?i)\b(?:key |main |its )?(?:attributes|fields|properties)(?: are| include)?: *(?P<listed>.+)$"
)
_DESCRIPTION = re.compile(
    r"(?i)^(?:an?|the|represents|describes|holds|stores|contains|one|each|what|who|anyone)\b[^,:(]* "
)
_NUMBERED_LINE = re.compile(r"^\d{1,3}: +")
_ATTRIBUTE = re.compile(
    r"(?i)^(?P<name>[a-z][a-z' _-]{0,40}?)(?:: (?P<facts>(?:text|string|integer|int|number|decimal|money|date|boolean"
    r"|bool|email|url|tags|required|optional|unique|whole number)(?:, [\w |<>=-]+)*)| \((?P<inner>[^()]+)\))?$"
)
_HAS = re.compile(r"(?i)\b(?:has|have|having|with|including|containing) (?:an? |the )?(?P<listed>.+)$")
_LONGEST_NAME = 4
_BY_MEANING: dict[Meaning, Kind] = {"users": "user", "entities": "entity", "constraints": "constraint"}


def read_statements(blocks: Sequence[Block]) -> list[Passage]:
    """The statements of a brief in order; every paragraph, item, row and block of code is in one of them."""
    users = {
        words_of(item.text.partition(":")[0])
        for block in blocks
        if block.section.meaning == "users" and not block.section.excludes
        for item in items_in(block.nodes)
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
        self._is_listed = self._is_shared = False
        self._section = Section(id="brief", text="")

    def read(self, block: Block) -> None:
        """Read a section's own nodes."""
        section = self._section = block.section
        self._above = [item for item in self._above if item.level < section.level]
        if self._story and section.level <= self._story_level:
            self._story, self._is_heading, self._is_listed, self._is_shared = None, False, False, False
        self._above.append(_Above(section.level, self._facts_of(block)))
        if section.excludes:
            self._add_all("excluded", block.nodes)
            return
        is_open = section.meaning in ("", "features") or section.level == 1
        if is_open and (title := _wish_of(section)):
            self._add_wish(block.line, title)
            self._is_heading = True
        self._read(block.nodes, section.meaning)

    def _read(self, nodes: Sequence[SyntaxTreeNode], meaning: Meaning) -> None:
        for node in nodes:
            if node.type in LISTS:
                self._read_list(node, meaning)
            elif node.type == "table":
                self._read_table(node, meaning)
            elif node.type in ("fence", "code_block"):
                self._add(line_of(node), node.content, "code")
            elif node.type == "paragraph":
                self._read_paragraph(node, meaning)
                meaning = named_at_end(node) or meaning
            elif text := text_of(node):
                self._add(line_of(node), text, "prose")

    def _read_paragraph(self, node: SyntaxTreeNode, meaning: Meaning) -> None:
        line, content = line_of(node), inline(node)
        if defined := _DEFINITION.match(raw_text(node)):
            term = f"{plain(defined['term'])}: {' '.join(defined[2].replace(': ', ' ').split())}"
            self._add_items([Passage(line, term, "prose", "")], meaning)
            return
        if self._story and not self._is_listed and is_fact(content):
            self._story.points.append(self._made(line, content, "criterion"))
            return
        lines = raw_text(node).split("\n")
        if meaning in ("features", "acceptance", "constraints") and all(map(_NUMBERED_LINE.match, lines)):
            self._add_items(
                [
                    Passage(line + n, _NUMBERED_LINE.sub("", text), "prose", "")
                    for n, text in enumerate(lines)
                ],
                meaning,
            )
            return
        if titled := story_below_title(lines):
            self._add_wish(line, titled)
            return
        parts = sentences([content])
        takes_wishes = meaning == "features" and not _FOOTNOTE.match(content)
        heading_says_it = self._is_heading and not any(map(is_story, parts))
        rest: list[str] = []
        for sentence in parts:
            is_own = heading_says_it and self._is_heading and _may_be_wish(sentence)
            if is_own or is_story(sentence) or (takes_wishes and says_what_somebody_can_do(sentence)):
                self._add_wish(line, sentence)
            elif meaning == "constraints" or (takes_wishes and says_what_holds(sentence)):
                self._add(line, sentence, "constraint")
            else:
                rest.append(sentence)
        self._add(line, content if len(rest) == len(parts) else ". ".join(rest), "prose")

    def _read_list(self, node: SyntaxTreeNode, meaning: Meaning) -> None:
        items = list(items_of(node))
        if meaning == "acceptance" and len(items) > 1 and all(map(is_one_step, items)):
            joined = ", ".join(plain(item.text) for item in items)
            items = [Passage(items[0].line, joined, "criterion", "")]
        self._add_items(items, meaning)
        for item in node.children:  # what stands within an item, besides its words
            others = [child for child in item.children if child.type not in ("paragraph", *LISTS)]
            for other in others:
                self._add(line_of(other), text_of(other), "code" if other.type == "fence" else "note")

    def _add_items(self, items: Sequence[Passage], meaning: Meaning) -> None:
        # Below the sentence of a story stands what belongs to it; below its heading alone may stand the wishes.
        under_story = (
            self._story is not None
            and not self._is_heading
            and not self._is_listed
            and self._story.section == self._section.id
            and _wish_of(self._section) != ""
        )
        if meaning == "entities" and not meaning_of(words_of(self._section.title)) and _are_attributes(items):
            name = words_of(self._section.title)
            self._add(items[0].line, f"{name}: {', '.join(map(_attribute_of, items))}", "entity")
            return
        for item in items:
            if _is_not_asked(item.text):
                self._add(item.line, joined(item), "excluded")
            elif is_undecided(item.text) and meaning != "background":
                self._add(item.line, f"- {joined(item)}", "prose")
            elif self._story and is_fact(item.text) and not self._is_listed:
                self._story.points.append(self._made(item.line, item.text, "criterion"))
            elif is_story(item.text) or (meaning == "features" and not under_story):
                self._add_wish(item.line, item.text, item.points, listed=True)
            elif meaning == "acceptance" or (meaning == "features" and under_story):
                self._add_criterion(item)
            elif meaning in _BY_MEANING:
                self._add(item.line, _entry(item, meaning), _BY_MEANING[meaning])
            else:
                self._add(item.line, f"- {joined(item)}", "prose")

    def _read_table(self, node: SyntaxTreeNode, meaning: Meaning) -> None:
        header, rows = rows_of(node)
        table = table_of(header)
        if meaning == "entities" and table.has_fields and not table.has_entities:
            self._add(line_of(node), _entity_of(table, rows, self._section.title), "entity")
            return
        if not table.has_wishes and self._read_columns(header, rows):
            return
        wishes = table.has_wishes and meaning in ("", "features", "background") and _fits(table, meaning)
        if wishes and table.is_comparison([row for _, row in rows]):
            wishes = False
        if meaning == "entities" and table.lists_fields:
            for name in dict.fromkeys(table.cell(row, "entity") for _, row in rows):
                own = [(line, row) for line, row in rows if table.cell(row, "entity") == name]
                self._add(own[0][0], _entity_of(table, own, name), "entity")
            return
        for line, row in rows:
            if meaning == "entities" and table.has_entities:
                self._add(line, table.entity(row), "entity")
            elif wishes:
                self._add_row(line, row, table)
            elif meaning == "acceptance":
                self._add_criterion(Passage(line, "; ".join(filter(None, row)), "criterion", ""))
            elif meaning in _BY_MEANING:
                text = row[0] if meaning == "users" else table.wish(row) or ": ".join(filter(None, row))
                self._add(line, text, _BY_MEANING[meaning])
            else:
                self._add(line, "- " + "; ".join(filter(None, row)), "prose")

    def _read_columns(self, header: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]) -> bool:
        """Read a table whose columns are lists of their own, such as "In scope" and "Out of scope"."""
        names = [words_of(name) for name in header]
        if not names or not all(meaning_of(name) or excludes_by_name(name) for name in names):
            return False
        for line, row in rows:
            for name, cell in zip(names, row, strict=False):
                item = Passage(line, cell, "prose", self._section.id)
                if cell and excludes_by_name(name):
                    self._add(line, cell, "excluded")
                elif cell:
                    self._add_items([item], meaning_of(name))
        return True

    def _add_row(self, line: int, row: Sequence[str], table: Table) -> None:
        text = table.wish(row)
        if not text:
            return
        head, *points = text.split("\n- ")
        if not table.is_asked_for(row) or _is_not_asked(head):
            self._add(line, head, "excluded")
            return
        below = [Passage(line, point, "criterion", self._section.id) for point in points]
        self._add_wish(line, head, below, listed=True)
        self._add(line, table.rest(row), "note")

    def _add_wish(
        self, line: int, text: str, points: Sequence[Passage] = (), *, listed: bool = False
    ) -> None:
        if self._is_heading and self._story is not None:
            number = external_id(self._story.text)
            self._story.line, self._story.section = line, self._section.id
            self._story.text = f"[{number}] {text}" if number and not external_id(text) else text
            self._story.points += points
            self._is_heading, self._is_listed = False, listed
            return
        passage = self._made(line, text, "feature")
        own = [*points, *(fact for above in self._above for fact in above.facts)]
        names = [plain(point.text).partition(":")[0].lower() for point in own]
        passage.points = [
            point for n, point in enumerate(own) if not is_fact(point.text) or names[n] not in names[:n]
        ]
        self.said.append(passage)
        # Criteria below a list of several wishes belong to none of them.
        self._is_shared = self._story is not None and listed and self._is_listed
        self._story, self._story_level, self._is_listed = passage, self._section.level, listed

    def _add_criterion(self, item: Passage) -> None:
        text = joined(item)
        if text.endswith("?"):
            self._add(item.line, f"- {text}", "prose")
        elif self._story and not self._is_shared:
            self._story.points.append(self._made(item.line, text, "criterion"))
        else:
            self._add(item.line, text, "constraint")

    def _add_all(self, kind: Kind, nodes: Sequence[SyntaxTreeNode]) -> None:
        for node in nodes:
            if node.type in LISTS:
                for item in items_of(node):
                    self._add(item.line, joined(item), kind)
            elif node.type == "table":
                for line, row in rows_of(node)[1]:
                    self._add(line, "; ".join(filter(None, row)), kind)
            elif text := text_of(node):
                self._add(line_of(node), text, "code" if node.type in ("fence", "code_block") else kind)

    def _add(self, line: int, text: str, kind: Kind) -> None:
        if text:
            self.said.append(self._made(line, text, kind))

    def _made(self, line: int, text: str, kind: Kind) -> Passage:
        return Passage(line, text, kind, self._section.id)

    def _facts_of(self, block: Block) -> list[Passage]:
        """What a heading says of all wishes below it: how much they matter, and whose they are."""
        title, found = block.section.title, list[str]()
        note = PRIORITY_NOTE.search(title)
        if priority := note["priority"] if note else priority_of(title):
            found.append(f"Priority: {priority}")
        name = words_of(title)
        if actor := name if name in self._users else actor_of(title):
            found.append(f"Actor: {actor.removesuffix('s')}")
        return [Passage(block.line, text, "criterion", block.section.id) for text in found]


def _wish_of(section: Section) -> str:
    """The wish that a heading names, such as "User Story 1 - Add a packet"; empty where it names none."""
    title = PRIORITY_NOTE.sub("", plain(section.title)).strip()
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
    text = joined(item)
    if meaning == "users":
        return plain(text.partition(":")[0].partition(" – ")[0].partition(" - ")[0])[:60]
    return _entity_line(text) if meaning == "entities" else text


def _entity_line(text: str) -> str:
    """An entity without the prose that describes it: "Packet: a packet of seeds. Key attributes: name, year"."""
    name, colon, rest = plain(text).partition(":")
    rest = rest.strip()
    if listed := _KEY_ATTRIBUTES.search(rest):
        return f"{name}: {listed['listed']}"
    if not colon or not _DESCRIPTION.match(rest):
        return text
    if has := _HAS.search(rest):
        return f"{name}: {has['listed']}"
    parts = re.sub(r"\([^()]*\)", "", rest).split(",")
    return name if any(len(part.split()) > _LONGEST_NAME for part in parts) else text


def _entity_of(table: Table, rows: Sequence[tuple[int, Sequence[str]]], title: str) -> str:
    """The entity that a table of its attributes, below a heading with its name, describes."""
    name = words_of(title)
    listed = ", ".join(filter(None, (table.attribute(row) for _, row in rows)))
    return f"{name}: {listed}"


def _are_attributes(items: Sequence[Passage]) -> bool:
    """Whether items below an entity's own heading are its attributes: a name each, perhaps with its type."""
    return all(_ATTRIBUTE.match(plain(item.text)) for item in items)


def _attribute_of(item: Passage) -> str:
    match = _ATTRIBUTE.match(plain(item.text))
    name, facts = (match["name"], match["facts"] or match["inner"] or "") if match else (item.text, "")
    return f"{name.strip()} ({facts})" if facts else name.strip()


def _is_not_asked(text: str) -> bool:
    """Whether an item says of itself that it is not asked for: "Out of scope: …", "… (later)"."""
    head = plain(text.partition("\n")[0])
    label, colon, _ = head.partition(":")
    note = _LAST_NOTE.search(head)
    named = [
        label if colon else "",
        note["note"] if note else "",
        head.rpartition(". ")[2] if ". " in head else "",
    ]
    return any(name and excludes_by_name(words_of(name)) for name in named)
