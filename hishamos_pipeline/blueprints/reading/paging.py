"""Lists that come in pages: "list books page by page", "see the loans, 20 per page"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary

# How many records a page holds where nobody says it.
DEFAULT_SIZE = 20
_N = rf"(?P<n>{words.NUMBER})"
_LIST = r"(?:(?:all|the|every) )?(?:the )?(?:(?:list|lists) of )?(?:the )?(?P<e>{noun})"
_PAGED = (
    rf"{_LIST},? (?:page by page|(?:split )?(?:in|into|on|over|as) (?:several )?pages|with (?:pagination|paging)"
    r"|paginated)",
    rf"{_LIST},? (?:(?:split )?(?:in|into) pages of |(?:with )?(?:at most )?){_N}"
    r"(?: (?:{noun}|records|items|entries|results|rows))?(?: (?:per|on each|on every|on a|to a|a) page| at a time)?",
    r"(?:a|one) page of (?:the )?(?P<e>{noun})",
)
_THROUGH = rf"(?:through )?{_LIST}"
_PAGE_VERBS = ("page", "paginate")


def read_pages(known: Vocabulary, verb: str, rest: str) -> Operation | None:
    """The list in pages that a clause asks for; ``None`` where it asks for none."""
    if verb not in (*_PAGE_VERBS, *words.VIEW, *words.LIST):
        return None
    patterns = (_THROUGH,) if verb in _PAGE_VERBS else _PAGED
    match = next((found for pattern in patterns if (found := known.match(pattern, rest))), None)
    if match is None or not words.is_plural(match["e"]):
        return None
    said = match.groupdict().get("n")
    if said and not any(word in rest for word in ("page", "at a time")):
        return None
    size = words.number(said) if said else DEFAULT_SIZE
    return Operation("page", known.forms[match["e"]], value=str(size)) if size > 1 else None
