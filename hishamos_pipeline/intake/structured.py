"""YAML and JSON briefs, read without trust: no aliases, no tags, no key twice."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.limits import is_number_too_long
from hishamos_pipeline.intake.problems import PARSER, BriefProblem, Place, compose, mappings, place_of, refuse

_DEEPEST = 50
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def read_yaml(text: str, *, first_line: int = 1) -> object:
    """Parse YAML; ``first_line`` is the line of the document in which it begins.

    Raises:
        IdeaError: not YAML, or an alias, anchor, tag, key given twice, or nesting beyond reason.
    """
    text = "\n" * (first_line - 1) + text
    try:
        refuse(list(_of_events(text)))
        loader = PARSER(text)
        try:
            node = loader.get_single_node()
            refuse([*_of_mappings(node), *_of_numbers(node)])
            return loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" ({Place(mark.line + 1, mark.column + 1)})" if mark else ""
        problem = f"is not valid YAML: {error.problem}{where}"
        raise IdeaError("brief", problem, "Correct that line.") from error
    except yaml.YAMLError as error:
        raise IdeaError("brief", f"is not valid YAML: {error}", "Remove that character.") from error
    except ValueError as error:
        raise IdeaError("brief", f"has a bad value: {error}", "Put it in quotes.") from error
    except RecursionError as error:
        raise _too_deep() from error


def read_json(text: str) -> object:
    """Parse JSON.

    Raises:
        IdeaError: not JSON, a key given twice, a non-finite number, or nesting beyond reason.
    """
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            counts = Counter(name for name, _ in items)
            twice.extend(name for name, count in counts.items() if count > 1)
        return made

    def constant(name: str) -> None:
        raise IdeaError("brief", f"has the number {name}", "Use a finite number.")

    try:
        loaded = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON: {error.msg} ({Place(error.lineno, error.colno)})"
        raise IdeaError("brief", problem, "Correct that line.") from error
    except ValueError as error:
        raise IdeaError("brief", f"has a bad value: {error}", "Shorten that number.") from error
    except RecursionError as error:
        raise _too_deep() from error
    if _is_too_deep(loaded):
        raise _too_deep()
    if twice:
        refuse(list(_of_mappings(compose(text))) or [_twice(name, None) for name in twice])
    return loaded


def _of_events(text: str) -> Iterator[BriefProblem]:
    """Aliases, anchors, tags and deep nesting, before anything is made of them."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=PARSER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep()
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            yield _not_allowed("uses an alias (*name)", "Write the value out.", place)
        elif getattr(event, "anchor", None) is not None:
            yield _not_allowed("uses an anchor (&name)", "Write the value out.", place)
        if getattr(event, "tag", None) is not None:
            yield _not_allowed(f"uses the tag {event.tag!r}", "Remove the tag.", place)


def _of_mappings(node: Any) -> Iterator[BriefProblem]:
    """Keys that are no words, or stand twice."""
    for mapping in mappings(node):
        seen = set()
        for key, _ in mapping.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = repr(key.value) if isinstance(key, yaml.ScalarNode) else "that is no word"
                yield _not_allowed(f"has the key {shown}", "Keys are words.", place_of(key))
            elif key.value in seen:
                yield _twice(key.value, place_of(key))
            else:
                seen.add(key.value)


def _of_numbers(node: Any) -> Iterator[BriefProblem]:
    """Numbers longer than anybody writes."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _NUMBERS and is_number_too_long(node.value):
            place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
            yield _not_allowed("has a number of more digits than can be read", "Put it in quotes.", place)
    elif node is not None:
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                yield from _of_numbers(part)


def _not_allowed(problem: str, fix: str, place: Place) -> BriefProblem:
    return BriefProblem("brief", f"{problem}, which is not allowed", fix, place=place)


def _twice(key: str, place: Place | None) -> BriefProblem:
    return BriefProblem(key, "is given twice", "Keep one of the two.", place=place)


def _is_too_deep(tree: object) -> bool:
    """Whether a tree has more levels than anything that people write."""
    level = [tree]
    for _ in range(_DEEPEST):
        level = [
            inner
            for node in level
            if isinstance(node, dict | list)
            for inner in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _too_deep() -> IdeaError:
    return IdeaError("brief", "is nested too deeply", "Write it with fewer levels.")
