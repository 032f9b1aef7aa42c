"""What goes over the wire: the record of it, the answers, and the way from a path to what answers it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from tests.fakes.git_hosts.state import Host, Token


@dataclass
class Exchange:
    """One request and its answer; ``status`` is 0 as long as there is none, ``fault`` names what was injected."""

    host: str
    method: str
    path: str
    query: dict[str, str]
    status: int = 0
    request: Any = None
    response: Any = None
    is_write: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Answer:
    """What a host answers; a body that is bytes is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """A host says no."""

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.answer = Answer(status, body, headers or {})


@dataclass
class Call:
    """A REST request on its way to the function that answers it."""

    host: Host
    url: str
    token: Token
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)
    by_id: bool = False

    def __getitem__(self, name: str) -> str:
        return self.params[name]

    @property
    def writes(self) -> bool:
        """Whether the request changes something."""
        return self.method != "GET"

    def changes(self, *names: str) -> dict[str, Any]:
        """Those of the named fields that the request gives a value."""
        return {name: self.body[name] for name in names if self.body.get(name) is not None}

    def page_of(self, items: list[Any]) -> Answer:
        """One page of a list, with both vendors' ways of telling that there are more."""
        page, size = int(self.query.get("page", 1)), min(int(self.query.get("per_page", 30)), 100)
        pages = max(1, -(-len(items) // size))
        headers = {
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Next-Page": str(page + 1) if page < pages else "",
            "X-Total": str(len(items)),
            "X-Total-Pages": str(pages),
        }
        if page < pages:
            rest = "".join(f"&{name}={quote(value)}" for name, value in self.query.items() if name != "page")
            headers["Link"] = f'<{self.url}{self.path}?page={page + 1}{rest}>; rel="next"'
        return Answer(200, items[(page - 1) * size : page * size], headers)


Handler = Callable[[Call], Answer]


class Routes:
    """Functions by method and path; ``{name}`` stands for one part of a path, ``{name*}`` for several."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def on(self, method: str, template: str) -> Callable[[Handler], Handler]:
        """Register a function."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", template))

        def register(handler: Handler) -> Handler:
            self._routes.append((method, re.compile(pattern), handler))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The first function that answers to a path, and the path's parts."""
        for of, pattern, handler in self._routes:
            if of == method and (found := pattern.fullmatch(path)):
                return handler, {name: unquote(part) for name, part in found.groupdict().items()}
        return None
