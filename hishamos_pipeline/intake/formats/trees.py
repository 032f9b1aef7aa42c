"""JSON and YAML of other tools: lists of stories or tasks, and whatever stands beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.columns import Table, table_of
from hishamos_pipeline.intake.formats.writing import document, heading, in_words, item, line
from hishamos_pipeline.intake.headings import excludes_by_name, meaning_of, words_of

_TITLES = ("title", "name", "project", "projectName", "project_name", "product", "productName", "branchName")
_TEXTS = ("description", "vision", "summary", "overview")
_DEEPEST = 6
# Lists below a wish that are how it is done, and no wishes.
_WORK = ("subtasks", "sub tasks", "checklist", "checklists", "steps", "todos")
# Where an item says that it is done.
_DONE = ("passes", "done", "completed", "complete", "closed")


def wish_of(given: Mapping[str, Any]) -> str:
    """One story that is given as fields, such as ``as_a``, ``i_want`` and ``so_that``; empty where it says nothing."""
    if len(given) == 1:  # `- Gardener: can add a packet`, of which YAML makes a mapping
        ((name, value),) = given.items()
        if isinstance(value, str) and not table_of([in_words(name)]).has_wishes:
            joint = " " if re.match(r"(?:can|may|should|must|wants?|needs?) ", value) else ": "
            return f"{name}{joint}{value}"
    table, row = _row(given)
    return table.wish(row)


def is_asked_for(given: Mapping[str, Any]) -> bool:
    """Whether a story that is given as fields is still open."""
    table, row = _row(given)
    if any(value is True and excludes_by_name(words_of(in_words(name))) for name, value in given.items()):
        return False
    return table.is_asked_for(row) and not any(given.get(name) is True for name in _DONE)


def holds_wishes(tree: object, depth: int = 0) -> bool:
    """Whether somewhere in a tree is a list of stories."""
    if depth > _DEEPEST:
        return False
    if _is_list_of_wishes(tree):
        return True
    if isinstance(tree, Mapping):
        return any(
            _is_list_of_wishes(value, name) or holds_wishes(value, depth + 1) for name, value in tree.items()
        )
    return isinstance(tree, list) and any(holds_wishes(value, depth + 1) for value in tree)


def markdown_of_tree(tree: Mapping[str, Any] | Sequence[Any], title: str) -> str:
    """The Markdown of a tree: a heading for each name, an item for each story, and what is done apart from it."""
    named: Mapping[str, Any] = tree if isinstance(tree, Mapping) else {"stories": tree}
    texts = {name: value for name, value in named.items() if isinstance(value, str) and value.strip()}
    own = next((name for name in _TITLES if name in texts), "")
    about = [name for name in _TEXTS if name in texts]
    rest = {name: value for name, value in named.items() if name not in {own, *about}}
    return document(texts.get(own, title), [*(texts[name] for name in about), *_sections(rest, 2)])


def _sections(tree: Mapping[str, Any], level: int) -> Iterator[str]:
    for name, value in tree.items():
        if value in (None, "", [], {}):
            continue
        named = in_words(name)
        excluded = excludes_by_name(words_of(named))
        yield heading(
            min(level, 6),
            f"User stories: {named}" if _is_list_of_wishes(value, name) and not excluded else named,
        )
        yield from _content(value, level + 1, name)


def _content(value: object, level: int, name: str = "") -> Iterator[str]:
    if _is_list_of_wishes(value, name):
        yield from _wishes(value, level)
    elif isinstance(value, Mapping) and level <= _DEEPEST:
        yield from _sections(value, level)
    elif isinstance(value, list):
        yield "\n".join(f"- {line(_scalar(entry))}" for entry in value)
    else:
        yield value if isinstance(value, str) and "\n" in value else line(_scalar(value))


def _wishes(entries: Sequence[Mapping[str, Any]], level: int) -> Iterator[str]:
    closed, groups = list[str](), list[tuple[str, dict[str, Any]]]()
    items: list[str] = []
    for entry in entries:
        table, row = _row(entry)
        wish = table.wish(row)
        inner = {name: value for name, value in entry.items() if _holds_stories(name, value)}
        if any(entry.get(name) is True for name in _DONE) or not (is_asked_for(entry) or inner):
            closed.append(item(wish.partition("\n")[0]))
        elif inner:  # an epic with its stories
            groups.append((wish.partition("\n")[0] or "Epic", inner))
        elif wish:
            items.append(item(wish, table.rest(row)))
    if items:
        yield "\n".join(items)
    for title, inner in groups:
        yield heading(min(level, 6), f"Epic: {title}")
        for nested in inner.values():
            yield from _content(nested, level + 1, "stories")
    if closed:
        yield heading(min(level, 6), "Already done")
        yield "\n".join(closed)


def _holds_stories(name: str, value: object) -> bool:
    """Whether a field of an entry is a list of wishes of its own, and not of the work that it takes."""
    return in_words(name) not in _WORK and holds_wishes(value)


def _row(entry: Mapping[str, Any]) -> tuple[Table, list[str]]:
    names = list(entry)
    cells = ["\n".join(map(_scalar, v)) if isinstance(v, list) else _scalar(v) for v in entry.values()]
    return table_of([in_words(name) for name in names]), cells


def _is_list_of_wishes(value: object, name: str = "") -> TypeGuard[list[Mapping[str, Any]]]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, Mapping) for entry in value):
        return False
    tables = [_row(entry)[0] for entry in value]
    tells = (
        meaning_of(words_of(in_words(name))) == "features"
        or any(table.is_backlog for table in tables)
        or any(entry.keys() & set(_DONE) for entry in value)
    )
    return all(table.has_wishes for table in tables) and (tells or any(map(_has_stories, value)))


def _has_stories(entry: Mapping[str, Any]) -> bool:
    return any(_holds_stories(name, value) for name, value in entry.items())


def _scalar(value: object) -> str:
    if isinstance(value, Mapping):
        named = next(
            (value[name] for name in ("name", "title", "value") if isinstance(value.get(name), str)), None
        )
        if named is not None:
            return str(named)
        return "; ".join(f"{in_words(name)}: {_scalar(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_scalar, value))
    return "" if value is None else str(value)
