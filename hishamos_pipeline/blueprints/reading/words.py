"""Nouns and verbs: forms from the ``inflect`` library, meanings from the lists below."""

from functools import cache
from typing import Any

CREATE = """add create record register log write note save store make capture schedule post submit enter
    define insert""".split()
MANAGE = "manage maintain keep organise organize track".split()
VIEW = "view see show display open read inspect look".split()
LIST = ["list", "browse"]
SEARCH = ["search", "find"]
FILTER = ["filter", "narrow"]
SORT = ["sort", "order"]
UPDATE = "edit update change modify rename correct amend adjust revise move".split()
RESTORE = ["restore", "recover", "undelete"]
DELETE = "delete remove erase discard drop".split()
ASSIGN = ["assign", "allocate", "reassign"]
TAG = ["tag", "label"]
COUNT = ["count"]
EXPORT = ["export", "download"]
IMPORT = ["import", "load"]
# A verb of its own for a state: the state a record is in afterwards.
STATUS = {
    "complete": "completed",
    "finish": "finished",
    "close": "closed",
    "archive": "archived",
    "cancel": "cancelled",
    "approve": "approved",
    "reject": "rejected",
    "publish": "published",
    "resolve": "resolved",
    "return": "returned",
    "lend": "lent",
    "pay": "paid",
    "ship": "shipped",
    "activate": "active",
    "deactivate": "inactive",
    "suspend": "suspended",
    "confirm": "confirmed",
    "reopen": "open",
    "restore": "open",
}
STATES = frozenset(STATUS.values()) | {"done", "sold", "overdue", "pending", "open", "closed"}
VERBS = frozenset(
    [
        *CREATE, *MANAGE, *VIEW, *LIST, *SEARCH, *FILTER, *SORT, *UPDATE, *DELETE, *RESTORE, *ASSIGN,
        *TAG, *COUNT, *EXPORT, *IMPORT, *STATUS, "mark", "flag", "set",
    ]
)  # fmt: skip

# Nouns that are not records: parts of a screen, media, and what needs knowledge that no rule has.
NOT_RECORDS = frozenset(
    """account animation app application area background bar block board box browser button canvas card
    cart cell chart checkbox clipboard clock code color colour column component console coordinate
    css data display dialog dropdown email emoji error expression field file font form formula
    function game graph grid header html icon image info information input item json key label
    landing layout light line link list map markdown menu message mode move name navigation number
    output page panel password pattern picture piece placeholder popup preview product-list
    query receipt response result row score screen script section setting shape site slider sound
    spinner square string style tab table tag text theme thing thumbnail time timer title token
    toolbar url user value video view warning watermark website window word way""".split()
)
# Words that say that more than one record is meant, as a pattern.
SEVERAL = r"(?:all|every|each|several|some|multiple|many)\b"
_NUMBERS = "one two three four five six seven eight nine ten".split()
# A number of at most two digits, or up to ten in words, as a pattern.
NUMBER = rf"\d{{1,2}}|{'|'.join(_NUMBERS)}"
PEOPLE = frozenset(
    """author borrower client colleague contact contractor customer doctor donor driver employee guest
    instructor manager member mentor patient person player reader student supplier teacher tenant
    trainer vendor volunteer worker""".split()
)


@cache
def _inflect() -> Any:
    engine = _inflect_module().engine()
    engine.defnoun("to-do", "to-dos")
    return engine


def _inflect_module() -> Any:
    """The library without checks of its arguments: we only give it texts.

    While it is imported, it has typeguard parse and compile its whole source again for each of its methods, which takes
    one to three seconds; typeguard itself leaves them as they are only under ``python -O``.
    """
    import typeguard

    checked = typeguard.typechecked
    typeguard.typechecked = lambda function: function  # type: ignore[assignment]
    try:
        import inflect
    finally:
        typeguard.typechecked = checked
    return inflect


def number(text: str) -> int:
    """The number that a text which fits ``NUMBER`` says."""
    return _NUMBERS.index(text) + 1 if text in _NUMBERS else int(text)


@cache
def singular(noun: str) -> str:
    """The singular of a noun phrase; itself if it is singular already."""
    head, _, last = noun.rpartition(" ")
    form = (_inflect().singular_noun(last) if last else "") or last
    return f"{head} {form}".strip()


@cache
def plural(noun: str) -> str:
    """The plural of a noun phrase."""
    head, _, last = noun.rpartition(" ")
    return f"{head} {_inflect().plural_noun(last)}".strip()


@cache
def with_article(noun: str) -> str:
    """``a book``, ``an event``."""
    return str(_inflect().a(noun))


@cache
def is_plural(noun: str) -> bool:
    """Whether the last word of a noun phrase is a plural."""
    return singular(noun) != noun


@cache
def base_verb(word: str) -> str:
    """The base of a known verb in its present tense (``adds`` -> ``add``); empty if unknown."""
    for form in (
        word,
        word.removesuffix("s"),
        word.removesuffix("es"),
        word.removesuffix("ies") + "y",
    ):
        if form in VERBS:
            return form
    return ""
