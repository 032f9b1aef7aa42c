"""Fields that many requests have: bodies, names in paths, pages, and versions."""

import math
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.store.pages import PageQuery

_LARGEST_NUMBER = 2**31 - 1
_LONGEST_CURSOR = 4000
_MOST_UNKNOWN, _DEEPEST = 20, 50


class RequestBody(BaseModel):
    """A request's body; fields that it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, given: Any) -> Any:
        if isinstance(given, dict):
            unknown = sorted(map(str, given.keys() - cls.model_fields))
            if len(unknown) > _MOST_UNKNOWN:
                raise ValueError(
                    f"{len(unknown)} fields that there are not, such as {', '.join(unknown[:3])[:100]}"
                )
        _require_storable(given)
        return given


def _require_storable(given: Any) -> None:
    """Make sure that every value is one that can be kept and answered again.

    Raises:
        ValueError: a text is none in UTF-8 or holds NUL, a number is none, or it is nested too deeply.
    """
    left = [(given, 0)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        if isinstance(value, str):
            if "\0" in value:
                raise ValueError("the character NUL is in no text")
            if not _is_utf8(value):
                raise ValueError("a text holds half of a surrogate pair, which is no character")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number is not finite")
        elif isinstance(value, dict):
            left += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            left += [(item, depth + 1) for item in value]


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


Key = Annotated[
    str, Path(pattern=f"^{KEY_PATTERN.pattern}$", max_length=63, description="The project's key.")
]
Name = Annotated[str, Path(min_length=1, max_length=100)]
Email = Annotated[str, Path(min_length=3, max_length=254, description="The user's e-mail address.")]
Number = Annotated[int, Path(ge=1, le=_LARGEST_NUMBER)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
ProjectFilter = Annotated[str, Query(max_length=63, description="Only what belongs to this project.")]


async def page_query(
    limit: Annotated[int, Query(ge=1, le=200, description="Most items of the page.")] = 50,
    cursor: Annotated[
        str, Query(max_length=_LONGEST_CURSOR, description="`next` of the page before; empty for the first.")
    ] = "",
) -> PageQuery:
    """A page of a list that has one order."""
    return PageQuery(limit, cursor)


async def searched_page(
    page: Annotated[PageQuery, Depends(page_query)],
    search: Annotated[str, Query(max_length=100, description="Only items whose text contains this.")] = "",
    sort: Annotated[
        str,
        Query(
            max_length=40, description="What the list is in order of, with `-` before it for the other way."
        ),
    ] = "",
) -> PageQuery:
    """A page of a list that can be searched and sorted."""
    return PageQuery(page.limit, page.cursor, sort, search)


PageParameters = Annotated[PageQuery, Depends(page_query)]
SearchParameters = Annotated[PageQuery, Depends(searched_page)]


async def if_match(
    given: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=200,
            description="The `ETag` of what was read, or `*` for whatever it is.",
        ),
    ] = None,
) -> str:
    """The version that whoever changes something has seen; empty for whichever it is now.

    Raises:
        ApiError: they do not say (428).
    """
    if not given:
        raise ApiError(
            428,
            "precondition-required",
            "give the ETag of what was read as If-Match, so that nothing is undone",
        )
    tags = [part.strip().removeprefix("W/").strip('"') for part in given.split(",")]
    return "" if "*" in tags else ",".join(tags) or "none"


IfMatch = Annotated[str, Depends(if_match)]


def tagged(response: Response, view: View) -> None:
    """Have a response name the version of what it shows."""
    response.headers["ETag"] = f'"{view.etag}"'
    if view.volatile:  # the tag is that of what can be changed, and more is shown
        response.headers["Cache-Control"] = "no-store"
