"""Markdown briefs: a title, prose, and lists under headings such as "User stories"."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.structured import read_yaml

_SECTIONS = {
    "features": r"(user )?stories|features?|functions|functional requirements|requirements|scope",
    "users": r"users|personas|roles|actors|audience|who uses it",
    "entities": r"entities|data|data model|domain|records|things it keeps",
    "constraints": r"constraints|rules|business rules|limits|requirements (and|&) constraints",
}
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)


def read_markdown(text: str) -> dict[str, object]:
    """The fields of a Markdown brief, front matter first; text is taken as it is, never run.

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
    tree = SyntaxTreeNode(MarkdownIt("commonmark").parse(text))
    lists: dict[str, list[str]] = {}
    prose: list[str] = []
    section = ""
    for node in tree.children:
        content = _inline(node)
        if node.type == "heading":
            if node.tag == "h1" and "title" not in fields:
                fields["title"] = content
                section = ""
            else:
                section = _section(content)
        elif node.type in ("bullet_list", "ordered_list") and section:
            lists.setdefault(section, []).extend(_items(node))
        elif node.type in ("bullet_list", "ordered_list"):
            prose.extend(f"- {item}" for item in _items(node))
        elif content.endswith(":") and _section(content.rstrip(":")):
            section = _section(content.rstrip(":"))
        elif node.type in ("paragraph", "html_block", "code_block", "fence", "blockquote"):
            prose.append(content or node.content.strip() or _plain(node))
    for name, items in lists.items():
        if name in fields:
            raise IdeaError(name, "is given both in the front matter and as a list", "Keep one of the two.")
        fields[name] = items
    if prose and "vision" not in fields:
        fields["vision"] = "\n\n".join(part for part in prose if part)
    return fields


def _section(heading: str) -> str:
    words = re.sub(r"[*_`#:]", "", heading).strip().lower()
    for name, pattern in _SECTIONS.items():
        if re.fullmatch(pattern, words):
            return name
    return ""


def _inline(node: SyntaxTreeNode) -> str:
    for child in node.children:
        if child.type == "inline":
            return " ".join(child.content.split())
    return ""


def _plain(node: SyntaxTreeNode) -> str:
    return " ".join(" ".join(child.content.split()) for child in node.walk() if child.type == "inline")


def _items(node: SyntaxTreeNode) -> Iterator[str]:
    for item in node.children:
        head = " ".join(_inline(child) for child in item.children if child.type == "paragraph").strip()
        details = [
            text
            for child in item.children
            if child.type in ("bullet_list", "ordered_list")
            for text in _items(child)
        ]
        if details:
            head = f"{head.rstrip(':')}: {'; '.join(details)}"
        if head:
            yield head
