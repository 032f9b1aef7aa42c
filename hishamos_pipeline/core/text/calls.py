"""What a text on a program's use says is called: commands with their subcommands, requests with their paths."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

from hishamos_pipeline.core.text import linear_re as re

_MARKS = re.compile(r"^(?:(?:[-*+>$#]+|\d+[.)]) +)*[`*]*")
_PATH = re.compile(r"/[\w/{}.:<>~-]*")
_REQUEST = re.compile(r"^(?:[A-Z]+ +)?/[\w/{}.:<>~-]*")
_COMMAND = re.compile(r"^[a-z][\w-]*(?: +[a-z][\w-]*)*")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_VARIABLE = ("{", "<", ":")


# The name of what is said before the first call.
EVERY = ""


def calls(usage: str) -> Mapping[str, str]:
    """What is said of each call, by its name: "add", "books add", "GET /books/{id}".

    A line that begins with no call belongs to the one above it, and to ``EVERY`` call if there is none. The program's
    name, which all commands begin with, is no part of theirs; a second word is one where several share the first.
    """
    found: list[tuple[list[str], list[str]]] = []
    before: list[str] = []
    for line in usage.splitlines():
        words = [] if line[:1].isspace() else _called(_MARKS.sub("", line))
        if words:
            found.append((words, [line]))
        elif found and line.strip():
            found[-1][1].append(line)
        elif line.strip():
            before.append(line)
    shared = _shared([words for words, _ in found])
    firsts = Counter(words[shared] for words, _ in found)
    made: dict[str, list[str]] = {EVERY: before} if before and found else {}
    for words, lines in found:
        name = " ".join(words[shared : shared + (1 if firsts[words[shared]] == 1 else 2)])
        made.setdefault(name, []).extend(lines)
    return {name: "\n".join(lines) for name, lines in made.items()}


def shown(names: Sequence[str], text: str) -> list[str]:
    """The calls that a text shows, by all their words; a path also with values in place of what varies."""
    words = set(_WORD.findall(text))
    paths = [_segments(path) for path in set(_PATH.findall(text))]
    return [
        name
        for name in names
        if (
            any(_is_one(_segments(found[0]), path) for path in paths)
            if (found := _PATH.search(name))
            else words.issuperset(name.split())
        )
    ]


def _called(line: str) -> list[str]:
    if request := _REQUEST.match(line):
        return [" ".join(request[0].rstrip(":.").split())]
    command = _COMMAND.match(line)
    return command[0].split() if command else []


def _shared(called: Sequence[Sequence[str]]) -> int:
    """How many words all commands begin with; each keeps one of its own."""
    if len(called) < 2:
        return 0
    own = min(len(words) for words in called) - 1
    return len(
        list(takewhile(lambda words: len(set(words)) == 1, zip(*(w[:own] for w in called), strict=True)))
    )


def _segments(path: str) -> list[str]:
    return path.rstrip(":.").strip("/").split("/")


def _is_one(template: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a path, or the end of an address, is one of a template's."""
    end = path[-len(template) :]
    return len(end) == len(template) and all(
        segment == said or segment.startswith(_VARIABLE) for segment, said in zip(template, end, strict=True)
    )
