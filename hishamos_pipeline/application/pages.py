"""Pages of lists, as use cases return them."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Self, TypeVar

from hishamos_pipeline.application.view import View
from hishamos_pipeline.store.pages import PageOf, PageQuery, listed_page

V = TypeVar("V")


class Page(View, Generic[V]):
    """Some items of a list; ``next`` is the cursor of the page after it, empty where there is none."""

    items: tuple[V, ...]
    next: str

    @classmethod
    def showing(cls, found: PageOf[Any], show: Callable[[Any], V]) -> Self:
        """A page of views, each made of what the store has found."""
        return cls(items=tuple(map(show, found.items)), next=found.next)

    @classmethod
    def listed(cls, views: Sequence[V], page: PageQuery, key: Callable[[V], Any]) -> Self:
        """A page of a list that is there as a whole; see ``store.pages.listed_page``."""
        found = listed_page(views, page, key)
        return cls(items=found.items, next=found.next)
