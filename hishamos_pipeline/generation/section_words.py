"""What a section of a brief says, whatever its number is and wherever its lines end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from hishamos_pipeline.core.artifacts.idea import Section
from hishamos_pipeline.core.text import linear_re as re

_FENCES = ("```", "~~~")
_NUMBER = re.compile(r"^#{1,6} +(\d+(?:\.\d+)*)[.)]? +")
_CODE_INDENT = 4


def words(sections: Sequence[Section], beside: Sequence[Section] = ()) -> Mapping[str, tuple[str, bool]]:
    """What each section says by its id, and whether it excludes that.

    Numbers of headings are left out where they number the headings: "2" does beside a "1", "3 lives" alone does not.
    White space counts where it may mean something: in fenced and in indented code.

    Args:
        sections: of a brief.
        beside: those of the brief that it is held against, whose headings are numbered in the same way.
    """
    counting = _counting({number for section in (*sections, *beside) if (number := _number(section))})
    return {section.id: (_said(section, counting), section.excludes) for section in sections}


def _number(section: Section) -> tuple[int, ...] | None:
    found = _NUMBER.match(section.text)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def _counting(numbers: Set[tuple[int, ...]]) -> Set[tuple[int, ...]]:
    """The numbers that are part of a row: it begins at 0 or 1, and goes on by one, or stands below one that counts."""
    found: set[tuple[int, ...]] = set()
    for number in sorted(numbers):
        *above, last = number
        begins = last <= 1 and not numbers.isdisjoint([(*above, last + 1), tuple(above), (*number, 1)])
        if begins or (*above, last - 1) in found:
            found.add(number)
    return found


def _said(section: Section, counting: Set[tuple[int, ...]]) -> str:
    text = _NUMBER.sub("", section.text) if _number(section) in counting else section.text
    return " ".join(_words(text.splitlines()))


def _words(lines: Iterable[str]) -> Iterator[str]:
    fence, is_code, before = "", False, ""
    for line in lines:
        plain = line.strip()
        indent = len(expanded := line.expandtabs(_CODE_INDENT)) - len(expanded.lstrip())
        # A paragraph of a list may be indented as code is; where its lines end counts too then.
        is_code = bool(plain) and indent >= _CODE_INDENT and (is_code or not before)
        if plain.startswith(_FENCES) and (not fence or plain.startswith(fence)):
            fence = "" if fence else plain[:3]
            yield f"\n{line.rstrip()}"
        elif fence or is_code:
            yield f"\n{line.rstrip()}"
        else:
            yield from plain.split()
        before = plain
