"""Pages of lists, as use cases return them."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from hishamos_pipeline.application.view import View
from hishamos_pipeline.store.pages import PageOf

V = TypeVar("V")


class Page(View, Generic[V]):
    """Some items of a list; ``next`` is the cursor of the page after it, empty where there is none."""

    items: tuple[V, ...]
    next: str

    @classmethod
    def showing(cls, found: PageOf[Any], show: Callable[[Any], V]) -> Self:
        """A page of views, each made of what the store has found."""
        return cls(items=tuple(map(show, found.items)), next=found.next)
