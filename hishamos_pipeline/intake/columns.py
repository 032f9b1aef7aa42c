"""Tables of wishes and of data: columns are known by their names, whatever tool has exported them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import parse_attribute
from hishamos_pipeline.intake.headings import excludes_by_name, words_of
from hishamos_pipeline.intake.wording import STORY, plain, says_what_somebody_can_do, sentences, wish

Column = Literal[
    "id", "actor", "want", "benefit", "story", "detail", "criteria", "priority", "points", "epic", "labels", "status",
    "scope", "kind", "entity", "attributes", "field", "type", "required",
]  # fmt: skip
# Names of columns as people write them and as Jira, Azure DevOps, Linear, Trello, GitHub and Notion export them.
_NAMES: Mapping[Column, str] = {
    "id": "id, key, issue key, issue id, ref, reference, no, nr, us id, story id, req id, requirement id, number, "
    "card id, work item id, identifier, story number, #",
    "actor": "as a, as an, as a/an, as a an, as, actor, role, user, persona, user type, user role, who, as a user",
    "want": "i want, i want to, i can, i need, i need to, i would like to, i want to be able to, want, goal, action, "
    "what, wish, perform some task, task to perform",
    "benefit": "so that, so that i can, so i can, benefit, reason, why, value, outcome, in order to, so, "
    "achieve some goal",
    "story": "user story, user stories, story, feature, features, requirement, requirements, title, summary, name, "
    "task, use case, issue, card name, card title, functionality, capability, function, statement, "
    "functional requirement, task name, issue title, requirement description, feature name, subject, story title",
    "detail": "description, details, detail, desc, body, card description, issue description",
    "criteria": "acceptance criteria, acceptance criterion, acceptance, criteria, acceptance tests, conditions, "
    "conditions of satisfaction, definition of done, microsoft.vsts.common.acceptancecriteria",
    "priority": "priority, prio, moscow, importance, severity, p, must/should/could",
    "points": "points, story points, story point estimate, estimate, effort, size, sp, complexity",
    "epic": "epic, epic link, epic name, parent, parent summary, module, area, area path, theme, list, list name, "
    "milestone, category, component, component/s, components, group, project",
    "labels": "labels, label, tags, tag",
    "status": "status, state, done, progress, column, workflow state",
    "scope": "in scope, in scope?, mvp, mvp?, included, included?, in mvp",
    "kind": "issue type, type, work item type, issuetype, kind, item type",
    "entity": "entity, entities, table, model, object, class, data entity, entity name",
    "attributes": "attributes, fields, columns, properties, key attributes, attribute list, key fields",
    "field": "field, attribute, column, property, field name, attribute name, column name",
    "type": "type, data type, datatype, format, field type",
    "required": "required, mandatory, required?, constraints, rules, rule, business rule, business rules, validation, "
    "constraint, limit, limits",
}
_KNOWN: Mapping[str, tuple[Column, ...]] = {
    name: tuple(column for column, names in _NAMES.items() if name in names.split(", "))
    for names in _NAMES.values()
    for name in names.split(", ")
}
_DONE = re.compile(
    r"(?i)done|closed|resolved|completed?|finished|cancell?ed|rejected|removed|won'?t (?:do|fix)|duplicate|x|✓|✔|yes"
    r"|archived|shipped|implemented|live|released|deployed|merged|in production|out of scope|not planned|deferred"
    r"|postponed|future|on hold|parked|icebox|later"
)
_NO_WISHES = re.compile(
    r"(?i)epic|initiative|theme|milestone|bug|defect|incident|sub-?task|spike|test(?: case)?|list|question|risk"
    r"|assumption|non-?functional|comment|decision"
)
_UNWANTED = re.compile(
    r"(?i)won'?t(?: have)?|not (?:now|planned|needed)|later|future|out(?: of scope)?|none|p9"
)
_NO = re.compile(r"(?i)no|n|false|out|✗|✘|❌|-|0")
_NO_LABELS = frozenset(("bug", "wontfix", "won't fix", "duplicate", "invalid", "question", "help wanted"))
_MARK = re.compile(r"(?i)yes|no|✓|✔|✅|✗|✘|❌|x|-|–|—|partial(?:ly)?|n/a|limited|")
_DECORATION = re.compile(r"[^\p{L}\p{N}\s/'✓✔✗✘-]")
# Names that any table may have: alone they make no backlog of it.
_WEAK = frozenset(("name", "title", "subject", "description"))
_RULES = re.compile(
    r"(?i)\b(?:must|required|mandatory|unique|at least|at most|between|no more than|only|cannot|never|maximum"
    r"|minimum)\b"
)
_LONGEST_NAME = 60
_POINT = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)]|\[[ xX]\])\s+")
_LINES = re.compile(r"\r?\n|<br ?/?>|;\s+(?:[-*•]\s*)?")
# Jira exports fields that somebody has added under such names.
_CUSTOM = re.compile(r"(?i)^custom field \((.+)\)$")
_LABEL = re.compile(r"(?i)^acceptance criteria:?$")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the columns that are known: their places in each row."""

    columns: Mapping[Column, int]
    names: tuple[str, ...] = ()

    @property
    def has_wishes(self) -> bool:
        """Whether its rows say what somebody wants."""
        return "story" in self.columns or "want" in self.columns

    @property
    def is_backlog(self) -> bool:
        """The same where no heading says so: "name" and "title" alone can be those of anything."""
        story = self.columns.get("story")
        is_weak = story is not None and self.names[story] in _WEAK
        tells = self.columns.keys() & {
            "status",
            "priority",
            "points",
            "epic",
            "labels",
            "kind",
            "criteria",
            "want",
        }
        return self.has_wishes and (not is_weak or bool(tells))

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
        kind = _bare(self.cell(row, "kind"))
        labels = {label.strip().lower() for label in re.split(r"[,;|\n]", self.cell(row, "labels"))}
        return not (
            self.is_done(row)
            or _NO_WISHES.fullmatch(kind)
            or _UNWANTED.fullmatch(_bare(self.cell(row, "priority")))
            or ("scope" in self.columns and _NO.fullmatch(self.cell(row, "scope")))
            or labels & _NO_LABELS
            or any(excludes_by_name(words_of(cell)) for cell in row if cell and len(cell) < _LONGEST_NAME)
        )

    def is_done(self, row: Sequence[str]) -> bool:
        """Whether a row says that it is done already."""
        return bool(_DONE.fullmatch(_bare(self.cell(row, "status"))))

    def is_comparison(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether the table compares products: two columns or more that nobody knows say yes and no."""
        others = [n for n, name in enumerate(self.names) if n not in self.columns.values() and name]
        marks = [n for n in others if all(_MARK.fullmatch(row[n].strip()) for row in rows if n < len(row))]
        return len(marks) > 1

    def wish(self, row: Sequence[str]) -> str:
        """A row as a wish with its id before it, and its criteria and facts below it; empty where it says nothing."""
        head = self._head(row)
        if not head:
            return ""
        number, actor = self.cell(row, "id"), self.cell(row, "actor")
        # A bare number is one of the table's rows.
        is_id = re.fullmatch(r"[A-Za-z]{1,8}[- ]?\d{1,4}(?:\.\d{1,4}){0,3}", number)
        facts = [f"Priority: {self.cell(row, 'priority')}"] if self.cell(row, "priority") else []
        facts += [f"Actor: {actor}"] if actor and "want" not in self.columns else []
        told = sentences(["\n\n".join(points_in(self.cell(row, "detail")))])
        said = [part for part in told if _RULES.search(part) and part not in head]
        rules = [*points_in(self.cell(row, "criteria")), *points_in(self.cell(row, "required")), *said]
        return wish(f"[{number}] {head}" if is_id else head, [*facts, *dict.fromkeys(rules)])

    def rest(self, row: Sequence[str]) -> str:
        """What a row says besides, for whoever reads on: columns that are not known, and its description."""
        head = self._head(row)
        told = [
            f"{name}: {' '.join(row[n].split())}"
            for n, name in enumerate(self.names)
            if n < len(row) and row[n].strip() and n not in self.columns.values()
        ]
        for column in ("story", "detail"):
            text = " ".join(self.cell(row, column).split())
            told += [text] if text and plain(text) not in plain(head) else []
        return "; ".join(told)

    @property
    def lists_fields(self) -> bool:
        """Whether each row is an attribute, with the entity that it belongs to."""
        return self.has_entities and self.has_fields and "attributes" not in self.columns

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
        kept = [fact for fact in said if fact and _is_understood(f"{name} ({fact})")]
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
        if STORY.match(plain(detail)):
            return plain(detail)
        if not says_what_somebody_can_do(story):
            wishes = [part for part in sentences([detail]) if says_what_somebody_can_do(part)]
            story = wishes[0] if wishes else story
        return " ".join((story or want or detail).split())


def _bare(text: str) -> str:
    """A word of a tracker without emoji."""
    return " ".join(_DECORATION.sub(" ", text).split())


def _is_understood(attribute: str) -> bool:
    try:
        parse_attribute(attribute)
    except ValueError:
        return False
    return True


def table_of(header: Sequence[str]) -> Table:
    """The table that a header stands for; a name that means several things is what the other columns leave."""
    found: dict[Column, int] = {}
    names = [
        " ".join(plain(_CUSTOM.sub(r"\1", name.strip())).lower().replace("_", " ").strip(" .…:?").split())
        for name in header
    ]
    for most in (1, len(_NAMES)):  # names that leave no doubt first
        for place, name in enumerate(names):
            meanings = _KNOWN.get(name, ())
            if len(meanings) <= most and place not in found.values():
                free = [column for column in meanings if column not in found]
                if "field" in found and "type" in free:
                    free = ["type"]
                if free:
                    found[free[0]] = place
    return Table(found, tuple(names))


def points_in(cell: str) -> list[str]:
    """The points of a cell of several lines."""
    lines = (_POINT.sub("", line).strip() for line in _LINES.split(cell))
    return [" ".join(line.split()) for line in lines if line and not _LABEL.fullmatch(line)]
