"""Lists that come in pages: "list books page by page", "see the loans, 20 per page"."""

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.vocabulary import Vocabulary

_N = rf"(?P<n>{words.NUMBER})"
_LIST = r"(?:(?:all|the|every) )?(?:the )?(?:(?:list|lists) of )?(?:the )?(?P<e>{noun})"
_PER_PAGE = (
    r"(?: (?:(?P<counted>{noun})|records|items|entries|results|rows))?"
    r"(?: (?:per|on each|on every|on a|to a|a) page| at a time)"
)
_PAGED = (
    rf"{_LIST},? (?:page by page|(?:split )?(?:in|into|on|over|as) (?:several )?pages|with (?:pagination|paging)"
    r"|paginated)",
    rf"{_LIST},? (?:split )?(?:in|into) pages of {_N}(?: (?P<counted>{{noun}}))?",
    rf"{_LIST},? (?:with )?(?:at most )?{_N}{_PER_PAGE}",
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
    said = match.groupdict()
    if said.get("counted") and known.forms[said["counted"]] != known.forms[match["e"]]:
        return None
    entity = known.forms[match["e"]]
    if any(item.unique and item.maximum is not None for item in known.entities[entity].attributes):
        return None  # there may be too few of them for a second page
    size = words.number(said["n"]) if said.get("n") else 0
    return None if size < 2 and said.get("n") else Operation("page", entity, value=str(size or ""))
