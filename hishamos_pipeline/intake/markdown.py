"""Markdown briefs: a title, prose, and lists under headings such as "User stories"."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.core.artifacts.idea import Meaning, Section
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.sections import inline, meaning_of, read_blocks, words_of
from hishamos_pipeline.intake.structured import read_yaml

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
# The mark of a list of tasks, as GitHub has it.
_TASK = re.compile(r"^\[[ xX]\] +")


@dataclass(frozen=True, slots=True)
class MarkdownBrief:
    """What a Markdown brief says: its fields, which of them its front matter gives, and the text below that."""

    fields: dict[str, object]
    front: frozenset[str]
    sections: tuple[Section, ...]


def read_markdown(text: str) -> MarkdownBrief:
    """Read a Markdown brief, front matter first; text is taken as it is, never run.

    A section has the meaning of its heading, or of the nearest one above that has one. What the author does not ask
    for, and code, is in the sections alone.

    Raises:
        IdeaError: if the front matter is not a YAML mapping, or gives what the text gives too.
    """
    fields: dict[str, object] = {}
    if match := _FRONT_MATTER.match(text):
        loaded = read_yaml(match["yaml"])
        if not isinstance(loaded, dict):
            raise IdeaError("brief", "has front matter that is not a mapping", "Use `name: value`.")
        fields.update(loaded)
        text = text[match.end() :]
    front = frozenset(fields)
    lists: dict[str, list[str]] = {}
    prose: list[str] = []
    blocks = read_blocks(text)
    for block in blocks:
        section = block.section
        if section.level == 1 and section.title:
            fields.setdefault("title", section.title)
        if not section.excludes:
            _read_nodes(block.nodes, section.meaning, lists, prose)
    for name, items in lists.items():
        if name in fields:
            raise IdeaError(name, "is given both in the front matter and as a list", "Keep one of the two.")
        fields[name] = items
    if prose and "vision" not in fields:
        fields["vision"] = "\n\n".join(part for part in prose if part)
    return MarkdownBrief(fields, front, tuple(block.section for block in blocks))


def _read_nodes(
    nodes: Sequence[SyntaxTreeNode], meaning: Meaning, lists: dict[str, list[str]], prose: list[str]
) -> None:
    """Add the items of lists to the field that the section stands for, and all other text to the prose."""
    for node in nodes:
        content = inline(node)
        if node.type in ("bullet_list", "ordered_list") and meaning not in ("", "background"):
            lists.setdefault(meaning, []).extend(_items(node))
        elif node.type in ("bullet_list", "ordered_list"):
            prose.extend(f"- {item}" for item in _items(node))
        elif content.endswith(":") and meaning_of(words_of(content)):
            meaning = meaning_of(words_of(content))
        elif node.type in ("paragraph", "html_block", "blockquote"):
            prose.append(content or node.content.strip() or _plain(node))


def _plain(node: SyntaxTreeNode) -> str:
    return " ".join(" ".join(child.content.split()) for child in node.walk() if child.type == "inline")


def _items(node: SyntaxTreeNode) -> Iterator[str]:
    for item in node.children:
        head = " ".join(inline(child) for child in item.children if child.type == "paragraph").strip()
        details = [
            text
            for child in item.children
            if child.type in ("bullet_list", "ordered_list")
            for text in _items(child)
        ]
        head = _TASK.sub("", head)
        if details and head.endswith(":"):
            head = f"{head.rstrip(':')}: {'; '.join(details)}"
        elif details and head:  # what stands below says more of it, and is not part of its words
            head = "\n- ".join([head, *(" ".join(text.replace("\n- ", "; ").split()) for text in details)])
        elif details:
            head = "; ".join(details)
        if head:
            yield head
