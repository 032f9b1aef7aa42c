"""Markdown briefs: a title, prose, and lists under headings such as "User stories"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.idea import Section
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.passages import Passage
from hishamos_pipeline.intake.problems import FRONT_MATTER
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.statements import read_statements
from hishamos_pipeline.intake.structured import read_yaml
from hishamos_pipeline.intake.wording import wish

_FIELDS = {"feature": "features", "user": "users", "entity": "entities", "constraint": "constraints"}


@dataclass(frozen=True, slots=True)
class MarkdownBrief:
    """What a Markdown brief says: its fields, which of them its front matter gives, and the text below that.

    ``lines`` are those of the text's own fields, for each in order, counted from 1 in the whole document.
    """

    fields: dict[str, object]
    front: frozenset[str]
    sections: tuple[Section, ...]
    lines: Mapping[str, Sequence[int]]


def read_markdown(text: str) -> MarkdownBrief:
    """Read a Markdown brief, front matter first; text is taken as it is, never run.

    A section has the meaning of its heading, or of the nearest one above that has one. What the author does not ask
    for, and code, is in the sections alone.

    Raises:
        IdeaError: if the front matter is not a YAML mapping, or gives what the text gives too.
    """
    fields, body = _front_matter(text)
    above = text.count("\n") - body.count("\n")
    front = frozenset(fields)
    blocks = read_blocks(body)
    sections = tuple(block.section for block in blocks)
    if title := _title(sections):
        fields.setdefault("title", title)
    said = read_statements(blocks)
    lines: dict[str, Sequence[int]] = {}
    for kind, name in _FIELDS.items():
        found = [item for item in said if item.kind == kind]
        items = [wish(item.text, [point.text for point in item.points]) for item in found]
        if items and name in fields:
            raise IdeaError(name, "is given both in the front matter and as a list", "Keep one of the two.")
        if items:
            fields[name], lines[name] = items, [above + item.line for item in found]
    prose = _prose(said)
    if prose and "vision" not in fields:
        fields["vision"] = "\n\n".join(prose)
    return MarkdownBrief(fields, front, sections, lines)


def _front_matter(text: str) -> tuple[dict[str, object], str]:
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    loaded = read_yaml(match["yaml"], first_line=2)
    if not isinstance(loaded, dict):
        raise IdeaError("brief", "has front matter that is not a mapping", "Use `name: value`.")
    return dict(loaded), text[match.end() :]


def _title(sections: Sequence[Section]) -> str:
    """The first heading of the first level; one that is called like a section is the title of a document without."""
    titles = [section for section in sections if section.level == 1 and section.title]
    own = [section for section in titles if section.meaning in ("", "background") and not section.excludes]
    return next((section.title for section in (*own[:1], *titles[:1])), "")


def _prose(said: Sequence[Passage]) -> list[str]:
    return [item.text for item in said if item.kind == "prose" and item.text]
