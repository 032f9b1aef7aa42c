r"""Regular expressions whose time grows with the text alone, whatever a stranger writes: RE2 under the names of ``re``.

``\w``, ``\d`` and ``\s`` mean what they mean in Python, for texts in any language; ``\b`` knows ASCII letters alone,
and ``$`` is the very end of a text. There is no looking ahead or back, and no group that is matched again.
https://github.com/google/re2/wiki/Syntax
"""

import re  # noqa: TID251 - for the types of what RE2 hands out, which offers the same
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import re2

I = IGNORECASE = 2  # noqa: E741 - the name that re has for it
M = MULTILINE = 8
S = DOTALL = 16
Match = re.Match[str]
error = re2.error

_FLAGS = {IGNORECASE: "i", MULTILINE: "m", DOTALL: "s"}
# What RE2 takes for ASCII alone, as Python understands it.
_CLASSES = {"w": r"\p{L}\p{N}_", "d": r"\p{Nd}", "s": r"\s\v\x1c-\x1f\x{85}\p{Z}"}
_ENDS = {"Z": r"\z"}
_CACHED = 512


class Pattern:
    """A compiled pattern.

    Raises:
        error: RE2 has no such pattern.
        ValueError: a negated class stands in another, which is not translated.
    """

    __slots__ = ("_regexp", "pattern")

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern = pattern
        options = re2.Options()
        options.log_errors = False
        letters = "".join(letter for flag, letter in _FLAGS.items() if flags & flag)
        self._regexp: Any = re2.compile((f"(?{letters})" if letters else "") + _translated(pattern), options)

    def search(self, text: str) -> Match | None:
        """The first match anywhere."""
        found: Match | None = self._regexp.search(_encodable(text))
        return found

    def match(self, text: str) -> Match | None:
        """The match at the beginning."""
        found: Match | None = self._regexp.match(_encodable(text))
        return found

    def fullmatch(self, text: str) -> Match | None:
        """The match of the whole text."""
        found: Match | None = self._regexp.fullmatch(_encodable(text))
        return found

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches, from left to right."""
        found: Iterator[Match] = self._regexp.finditer(_encodable(text))
        return found

    def findall(self, text: str) -> list[Any]:
        """All matches as texts; of a pattern with groups, the groups."""
        found: list[Any] = self._regexp.findall(_encodable(text))
        return found

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        """The text between matches, with the groups of these."""
        found: list[str] = self._regexp.split(_encodable(text), maxsplit)
        return found

    def sub(self, repl: str | Callable[[Match], str], text: str, count: int = 0) -> str:
        """The text with another in place of each match."""
        found: str = self._regexp.sub(repl, _encodable(text), count)
        return found


@lru_cache(_CACHED)
def compile(pattern: str, flags: int = 0) -> Pattern:
    """A compiled pattern; see ``Pattern``."""
    return Pattern(pattern, flags)


def escape(text: str) -> str:
    """A pattern that matches a text and nothing else."""
    escaped: str = re2.escape(text)
    return escaped


def search(pattern: str, text: str, flags: int = 0) -> Match | None:
    """See ``Pattern.search``."""
    return compile(pattern, flags).search(text)


def match(pattern: str, text: str, flags: int = 0) -> Match | None:
    """See ``Pattern.match``."""
    return compile(pattern, flags).match(text)


def fullmatch(pattern: str, text: str, flags: int = 0) -> Match | None:
    """See ``Pattern.fullmatch``."""
    return compile(pattern, flags).fullmatch(text)


def finditer(pattern: str, text: str, flags: int = 0) -> Iterator[Match]:
    """See ``Pattern.finditer``."""
    return compile(pattern, flags).finditer(text)


def findall(pattern: str, text: str, flags: int = 0) -> list[Any]:
    """See ``Pattern.findall``."""
    return compile(pattern, flags).findall(text)


def split(pattern: str, text: str, maxsplit: int = 0, flags: int = 0) -> list[str]:
    """See ``Pattern.split``."""
    return compile(pattern, flags).split(text, maxsplit)


def sub(pattern: str, repl: str | Callable[[Match], str], text: str, count: int = 0, flags: int = 0) -> str:
    """See ``Pattern.sub``."""
    return compile(pattern, flags).sub(repl, text, count)


def _encodable(text: str) -> str:
    """A text without lone surrogates, each a question mark: positions stay."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _translated(pattern: str) -> str:
    pieces, inside, position = list[str](), False, 0
    while position < len(pattern):
        step = 2 if pattern[position] == "\\" else 1
        piece = pattern[position : position + step]
        position += step
        name = piece[1:]
        if name in _CLASSES:
            piece = _CLASSES[name] if inside else f"[{_CLASSES[name]}]"
        elif name.lower() in _CLASSES:
            if inside:
                raise ValueError(f"{piece} in a class is not translated: {pattern}")
            piece = f"[^{_CLASSES[name.lower()]}]"
        elif name in _ENDS:
            piece = _ENDS[name]
        elif piece == "[":
            inside = True
        elif piece == "]":
            inside = False
        pieces.append(piece)
    return "".join(pieces)
