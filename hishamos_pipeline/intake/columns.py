"""Tables of wishes and of data: columns are known by their names, whatever tool has exported them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import parse_attribute
from hishamos_pipeline.intake.wording import STORY, plain, wish

Column = Literal[
    "id", "actor", "want", "benefit", "story", "detail", "criteria", "priority", "points", "epic", "labels", "status",
    "kind", "entity", "attributes", "field", "type", "required",
]  # fmt: skip
# Names of columns as people write them and as Jira, Azure DevOps, Linear, Trello, GitHub and Notion export them.
_NAMES: Mapping[Column, str] = {
    "id": "id, key, issue key, issue id, ref, reference, no, nr, us, us id, story id, req id, requirement id, number, "
    "card id, work item id, fr, identifier, story number, #",
    "actor": "as a, as an, as a/an, as a an, as, actor, role, user, persona, user type, user role, who, as a user",
    "want": "i want, i want to, i can, i need, i need to, i would like to, i want to be able to, want, goal, action, "
    "what, wish, perform some task, task to perform",
    "benefit": "so that, so that i can, so i can, benefit, reason, why, value, outcome, in order to, so, "
    "achieve some goal",
    "story": "user story, user stories, story, feature, features, requirement, requirements, title, summary, name, "
    "task, use case, issue, card name, card title, functionality, capability, function, statement, "
    "functional requirement, task name, issue title, requirement description, feature name, subject, story title",
    "detail": "description, details, detail, notes, body, card description, issue description, comments",
    "criteria": "acceptance criteria, acceptance criterion, acceptance, criteria, acceptance tests, conditions, "
    "conditions of satisfaction, definition of done, microsoft.vsts.common.acceptancecriteria",
    "priority": "priority, prio, moscow, importance, severity, p, must/should/could",
    "points": "points, story points, story point estimate, estimate, effort, size, sp, complexity",
    "epic": "epic, epic link, epic name, parent, parent summary, module, area, area path, theme, list, list name, "
    "milestone, category, component, component/s, components, group, project",
    "labels": "labels, label, tags, tag",
    "status": "status, state, done, progress, column, workflow state",
    "kind": "issue type, type, work item type, issuetype, kind, item type",
    "entity": "entity, entities, table, model, object, class, data entity, entity name",
    "attributes": "attributes, fields, columns, properties, key attributes, attribute list, key fields",
    "field": "field, attribute, column, property, field name, attribute name, column name",
    "type": "type, data type, datatype, format, field type",
    "required": "required, mandatory, required?, constraints, rules, validation, nullable",
}
_KNOWN: Mapping[str, tuple[Column, ...]] = {
    name: tuple(column for column, names in _NAMES.items() if name in names.split(", "))
    for names in _NAMES.values()
    for name in names.split(", ")
}
_DONE = re.compile(
    r"(?i)done|closed|resolved|completed?|cancell?ed|rejected|removed|won'?t (?:do|fix)|duplicate|x|✓|✔|yes|archived"
)
_NO_WISHES = re.compile(
    r"(?i)epic|initiative|theme|milestone|bug|defect|incident|sub-?task|spike|test(?: case)?|list"
)
_POINT = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)]|\[[ xX]\])\s+")
_LINES = re.compile(r"\r?\n|<br ?/?>|;\s+(?:[-*•]\s*)?")
_LABEL = re.compile(r"(?i)^acceptance criteria:?$")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the columns that are known: their places in each row."""

    columns: Mapping[Column, int]

    @property
    def has_wishes(self) -> bool:
        """Whether its rows say what somebody wants."""
        return "story" in self.columns or "want" in self.columns

    @property
    def has_entities(self) -> bool:
        """Whether its rows are entities."""
        return "entity" in self.columns

    @property
    def has_fields(self) -> bool:
        """Whether its rows are attributes of one entity."""
        return "field" in self.columns

    def cell(self, row: Sequence[str], column: Column) -> str:
        """What a row has in a column; empty where there is none."""
        place = self.columns.get(column)
        return row[place].strip() if place is not None and place < len(row) else ""

    def is_asked_for(self, row: Sequence[str]) -> bool:
        """Whether a row is a wish that is still open, and neither a group of wishes nor somebody's work."""
        return not (_DONE.fullmatch(self.cell(row, "status")) or _NO_WISHES.fullmatch(self.cell(row, "kind")))

    def wish(self, row: Sequence[str]) -> str:
        """A row as a wish with its id before it, and its criteria and facts below it; empty where it says nothing."""
        head = self._head(row)
        if not head:
            return ""
        number = self.cell(row, "id")
        # A bare number is one of the table's rows.
        named = (
            f"[{number}] {head}"
            if re.fullmatch(r"[A-Za-z]{1,8}[- ]?\d{1,4}(?:\.\d{1,4}){0,3}", number)
            else head
        )
        facts = [f"Priority: {self.cell(row, 'priority')}"] if self.cell(row, "priority") else []
        return wish(named, [*facts, *points_in(self.cell(row, "criteria"))])

    def entity(self, row: Sequence[str]) -> str:
        """A row as an entity with its attributes; empty where it names none."""
        name = plain(self.cell(row, "entity"))
        listed = plain(_LINES.sub(", ", self.cell(row, "attributes")))
        return f"{name}: {listed}" if name and listed else name

    def attribute(self, row: Sequence[str]) -> str:
        """A row as an attribute, with as much of what is said of it as is understood; empty where it names none."""
        name = plain(self.cell(row, "field"))
        said = [self.cell(row, "type").lower()]
        required = self.cell(row, "required").lower()
        said += (
            ["required"]
            if required in ("yes", "y", "true", "required", "x", "✓", "✔", "mandatory")
            else [required]
        )
        kept: list[str] = []
        for fact in filter(None, said):
            if _is_understood(f"{name} ({fact})"):
                kept.append(fact)
        return f"{name} ({', '.join(kept)})" if name and kept else name

    def _head(self, row: Sequence[str]) -> str:
        story, detail, want = self.cell(row, "story"), self.cell(row, "detail"), self.cell(row, "want")
        if want and self.cell(row, "actor"):
            actor = re.sub(r"(?i)^(?:as )?(?:an? |the )?", "", self.cell(row, "actor"))
            want = re.sub(r"(?i)^(?:i (?:want|need|can|would like)(?: to)? |to )", "", want)
            benefit = re.sub(r"(?i)^so (?:that )?", "", self.cell(row, "benefit"))
            head = f"As {'an' if actor[:1].lower() in 'aeio' else 'a'} {actor}, I want to {want}"
            return " ".join((f"{head}, so that {benefit}" if benefit else head).split())
        for line in _LINES.split(detail):  # a title, and the story itself below it
            if STORY.match(plain(line)):
                return " ".join(line.split())
        if joined := STORY.match(plain(detail)):
            return plain(detail) if "\n\n" not in detail else joined[0]
        return " ".join((story or want or detail).split())


def _is_understood(attribute: str) -> bool:
    try:
        parse_attribute(attribute)
    except ValueError:
        return False
    return True


def table_of(header: Sequence[str]) -> Table:
    """The table that a header stands for; a name that means several things is what the other columns leave."""
    found: dict[Column, int] = {}
    names = [" ".join(plain(name).lower().replace("_", " ").strip(" .…:?").split()) for name in header]
    for most in (1, len(_NAMES)):  # names that leave no doubt first
        for place, name in enumerate(names):
            meanings = _KNOWN.get(name, ())
            if len(meanings) <= most and place not in found.values():
                free = [column for column in meanings if column not in found]
                if "field" in found and "type" in free:
                    free = ["type"]
                if free:
                    found[free[0]] = place
    return Table(found)


def points_in(cell: str) -> list[str]:
    """The points of a cell of several lines."""
    lines = (_POINT.sub("", line).strip() for line in _LINES.split(cell))
    return [" ".join(line.split()) for line in lines if line and not _LABEL.fullmatch(line)]
