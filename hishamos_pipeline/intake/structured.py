"""YAML and JSON briefs, read without trust: no aliases, no tags, no key twice."""

import json
from collections.abc import Hashable
from typing import Any

import yaml

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.limits import is_number_too_long

# LibYAML's parser, where the package has it, takes a tenth of the time.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_PARSER):  # type: ignore[misc]
    """A safe loader that refuses keys that are no words or stand twice, and numbers longer than anybody writes."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(key_node, f"has the key {key!r}", "Keys are words.")
            if key in seen:
                raise _duplicate(key)
            seen.add(key)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made

    def construct_scalar(self, node: Any) -> Any:
        if node.tag in _NUMBERS and is_number_too_long(node.value):
            raise _refused(node, "has a number of more digits than can be read", "Put it in quotes.")
        return super().construct_scalar(node)


_DEEPEST = 50
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _check_events(text: str) -> None:
    """Refuse aliases, anchors, tags and deep nesting, before anything is made of them."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_PARSER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep()
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, "uses an alias (*name)", "Write the value out.")
        if getattr(event, "anchor", None) is not None:
            raise _refused(event, "uses an anchor (&name)", "Write the value out.")
        if getattr(event, "tag", None) is not None:
            raise _refused(event, f"uses the tag {event.tag!r}", "Remove the tag.")


def _refused(mark_holder: Any, problem: str, fix: str) -> IdeaError:
    line = mark_holder.start_mark.line + 1
    return IdeaError("brief", f"line {line} {problem}, which is not allowed", fix)


def _duplicate(key: str) -> IdeaError:
    return IdeaError(key, "is given twice", "Keep one of the two.")


def read_yaml(text: str) -> object:
    """Parse YAML.

    Raises:
        IdeaError: not YAML, or an alias, anchor, tag, key given twice, or nesting beyond reason.
    """
    try:
        _check_events(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise IdeaError(
            "brief", f"is not valid YAML: {error.problem}{where}", "Correct that line."
        ) from error
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

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in items:
            if key in seen:
                raise _duplicate(key)
            seen[key] = value
        return seen

    def constant(name: str) -> None:
        raise IdeaError("brief", f"has the number {name}", "Use a finite number.")

    try:
        loaded = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise IdeaError(
            "brief", f"is not valid JSON: {error.msg} in line {error.lineno}", "Correct that line."
        ) from error
    except ValueError as error:
        raise IdeaError("brief", f"has a bad value: {error}", "Shorten that number.") from error
    except RecursionError as error:
        raise _too_deep() from error
    if _is_too_deep(loaded):
        raise _too_deep()
    return loaded


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
