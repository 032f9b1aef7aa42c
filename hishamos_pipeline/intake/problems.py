"""Problems of a brief, told all at once, each with its line and column, the offending words, and the fix."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError

# LibYAML's parser, where the package has it, takes a tenth of the time.
PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MOST_TOLD, _MOST_WORDS = 20, 60

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column, counted from 1, and the words there; column 0 is the whole line."""

    line: int
    column: int = 0
    words: str = ""

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}" + (f": {self.words}" if self.words else "")


@dataclass(frozen=True, slots=True)
class BriefProblem:
    """What is wrong with a field, and what to do; ``path`` leads to what is at fault, in the names that are given.

    ``of_key`` tells that the field's name is at fault, and not its value.
    """

    field: str
    text: str
    fix: str
    path: Path = ()
    place: Place | None = None
    of_key: bool = False


def refuse(problems: Sequence[BriefProblem], places: "Places | None" = None) -> None:
    """Raise the error that tells all problems; none if there are none.

    Raises:
        IdeaError: its field is that of the first problem.
    """
    if not problems:
        return
    first, *others = (_placed(item, places) for item in problems[:_MOST_TOLD])
    told = "".join(f"; {item.field}: {_text(item)}" for item in others)
    more = f"; and {len(problems) - _MOST_TOLD} more problems" if len(problems) > _MOST_TOLD else ""
    fixes = dict.fromkeys(item.fix for item in (first, *others))
    raise IdeaError(first.field, _text(first) + told + more, " ".join(fixes))


def _placed(problem: BriefProblem, places: "Places | None") -> BriefProblem:
    if problem.place or places is None or not problem.path:
        return problem
    return replace(problem, place=places.find(problem.path, of_key=problem.of_key))


def _text(problem: BriefProblem) -> str:
    return f"{problem.text} ({problem.place})" if problem.place else problem.text


class Places:
    """Finds where fields stand in the text of a brief.

    Args:
        text: YAML or JSON, or Markdown whose front matter is YAML.
        lines: lines of what the Markdown below gives, for each field in order.
    """

    def __init__(self, text: str, lines: Mapping[str, Sequence[int]] | None = None) -> None:
        front = FRONT_MATTER.match(text)
        self._offset = 1 if front else 0
        self._root = None if lines is not None and not front else compose(front["yaml"] if front else text)
        self._lines = lines or {}

    def find(self, path: Path, *, of_key: bool) -> Place | None:
        """The place of a value, or of its key; of what stands around it where it is not there itself."""
        name, index = path[0], path[1] if len(path) > 1 else None
        lines = self._lines.get(str(name), ())
        if isinstance(index, int) and index < len(lines):
            return Place(lines[index])
        key, node = None, self._root
        for part in path:
            inner = _inner(node, part)
            if inner is None:
                break
            key, node = inner
        else:
            return replace(self._place(key), words="") if of_key and key is not None else self._place(node)
        return self._place(node) if node is not self._root else None

    def _place(self, node: Any) -> Place:
        found = place_of(node)
        return replace(found, line=found.line + self._offset)


def place_of(node: Any) -> Place:
    """The place of a node of YAML."""
    mark = node.start_mark
    words = " ".join(str(node.value).split()) if isinstance(node, yaml.ScalarNode) else ""
    shown = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS].rsplit(' ', 1)[0]} …"
    return Place(mark.line + 1, mark.column + 1, shown)


def compose(text: str) -> Any:
    """The nodes of YAML or JSON that has been read already; ``None`` where they cannot be told."""
    if text.lstrip().startswith(("{", "[")):
        text = text.replace("\t", " ")  # JSON's white space, which is none in YAML
    try:
        return yaml.compose(text, Loader=PARSER)
    except (yaml.YAMLError, RecursionError):
        return None


def mappings(node: Any) -> Iterable[Any]:
    """All mappings among the nodes of YAML, in order."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for key, value in node.value:
            yield from mappings(key)
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from mappings(item)


def _inner(node: Any, part: int | str) -> tuple[Any, Any] | None:
    """The key and the value of a part of a path."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
