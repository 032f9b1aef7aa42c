"""The REST API for agents: what they may call now, said in few words, and calls that are checked before they are sent.

A caller shows a token of the person that the agent works for, which it makes anew for each request; the agent never
sees one. Whether a call is allowed is decided by the API, not here: what is found by ``find`` is only what would be.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2 as httpx
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from hishamos_pipeline.agents.api_operations import ApiOperation, operations_of
from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.errors import AgentCallError
from hishamos_pipeline.llm.tokens import estimate_tokens

# Where an API in this process seems to be.
IN_PROCESS = "http://hishamos.invalid"
_TRIES = 4
_LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5
_AGAIN = frozenset({429, 502, 503, 504})
_MOST_CACHED = 100
# How well an operation has to fit what is looked for, of 100.
_FITS = 45


class AgentAPICaller:
    """Calls the API for an agent that acts for somebody.

    Args:
        mint: makes a token of the person and the agent; it is asked before each request.
        url: where the API is, without its path.
        app: an ASGI application that is the API, where it is in this process.
        project: the key of the project that the agent works on, which is filled in where an operation takes one.
        identity: names the work that the agent does; the calls of the same work have the same keys.
        most_tokens: how much of an answer is shown at a time.
        seconds: how long a request may take.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        mint: Callable[[], str],
        *,
        url: str = IN_PROCESS,
        app: Any = None,
        project: str = "",
        identity: str = "",
        most_tokens: int = 4000,
        seconds: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._mint, self._url, self._app = mint, url, app
        self._project, self._identity, self._most_tokens = project, identity, most_tokens
        self._seconds, self._sleep = seconds, sleep
        self._operations: dict[str, ApiOperation] = {}
        self._known: dict[str, httpx.Response] = {}
        self._calls: Counter[str] = Counter()

    async def find(self, query: str = "", most: int = 8) -> str:
        """Short documentation of the operations that the agent may call now, the best matches first.

        Raises:
            AgentCallError: the API cannot be asked.
        """
        operations = await self._all()
        path = f"/api/v1/users/me/rights{f'?project={self._project}' if self._project else ''}"
        allowed = set((await self._answer("GET", path)).json()["actions"])
        fitting = [item for item in operations.values() if item.actions <= allowed]
        rated = sorted((-item.fits(query), item.id) for item in fitting)
        shown = [operations[name] for fit, name in rated if not query.strip() or -fit >= _FITS][:most]
        if not shown:
            return f"nothing fits; there are {', '.join(item.id for item in fitting) or 'none'}"
        more = ", ".join(item.id for item in fitting if item not in shown)
        told = "\n\n".join(item.documentation(self._project) for item in shown)
        return told + (f"\n\nOthers: {more}" if more else "")

    async def call(self, operation: str, arguments: Mapping[str, Any], start: int = 0) -> str:
        """Call an operation, and show its answer from a character on.

        Raises:
            AgentCallError: there is no such operation, an argument is wrong, or the API refuses; says what to do.
        """
        operations = await self._all()
        if operation not in operations:
            raise AgentCallError(
                f"there is no operation {operation[:80]!r}: find_operations names those there are"
            )
        chosen = operations[operation]
        given = {**chosen.filled(self._project), **arguments}
        problems = [_told(error) for error in Draft202012Validator(chosen.schema).iter_errors(given)]
        if problems:
            raise AgentCallError(f"{operation}: {'; '.join(problems[:10])}")
        path, query, headers, body = chosen.parts(given)
        if chosen.method == "POST":
            headers["Idempotency-Key"] = self._key(operation, given, again=start > 0)
        answer = await self._answer(chosen.method, path, query=query, headers=headers, body=body)
        return self._shown(answer, start)

    def _key(self, operation: str, given: Mapping[str, Any], *, again: bool) -> str:
        """The key of a call: another for each call of the work, though the same operation is called in the same way.

        ``again`` is a call whose answer is read on, and which is not done another time.
        """
        call = canonical_json([self._identity, operation, given])
        self._calls[call] += 0 if again and self._calls[call] else 1
        return sha256_text(f"{call}{self._calls[call]}")

    async def list_stories(self) -> str:
        """The project's stories."""
        return await self.call("list_stories", {})

    async def read_file(self, path: str) -> str:
        """One of the project's generated files."""
        return await self.call("read_file", {"path": path})

    async def request_build(self) -> str:
        """Have the project built."""
        return await self.call("request_build", {})

    async def request_export(self, *destinations: str) -> str:
        """Have the project exported: to ``zip``, ``tar``, ``github`` or ``gitlab``."""
        return await self.call("request_export", {"destinations": list(destinations)})

    async def _all(self) -> dict[str, ApiOperation]:
        if not self._operations:
            self._operations = operations_of((await self._answer("GET", "/api/schema")).json())
        return self._operations

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """Send a request, again where that can help, and take what is known where nothing has changed.

        Raises:
            AgentCallError: it is refused, or the API cannot be reached.
        """
        transport = httpx.ASGITransport(self._app) if self._app is not None else None
        async with httpx.AsyncClient(
            transport=transport, base_url=self._url, timeout=self._seconds
        ) as client:
            request = client.build_request(method, path, params=query, headers=dict(headers or {}), json=body)
            known = self._known.get(str(request.url)) if method == "GET" else None
            if known is not None:
                request.headers["If-None-Match"] = known.headers["etag"]
            answer = await self._tried(client, request)
        if answer.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        if answer.is_error:
            raise AgentCallError(f"{answer.status_code}: {_problem(answer)}")
        if method == "GET" and "etag" in answer.headers:
            self._known[str(request.url)] = answer
            if len(self._known) > _MOST_CACHED:
                del self._known[next(iter(self._known))]
        return answer

    async def _tried(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """A request's answer; what passes by itself is waited for."""
        wait = _FIRST_WAIT
        for left in reversed(range(_TRIES)):
            request.headers["Authorization"] = f"Bearer {self._mint()}"
            try:
                answer = await client.send(request)
            except httpx.TransportError as error:
                if not left or request.method not in ("GET", "POST"):
                    raise AgentCallError(f"the API cannot be reached: {type(error).__name__}") from None
            else:
                in_progress = answer.status_code == httpx.codes.CONFLICT and "retry-after" in answer.headers
                if not left or not (answer.status_code in _AGAIN or in_progress):
                    return answer
                asked = answer.headers.get("retry-after", "")
                wait = float(asked) if asked.isdecimal() else wait
                if wait > _LONGEST_WAIT:
                    return answer
            await self._sleep(wait)
            wait *= 2
        raise AssertionError("the last try returns or raises")

    def _shown(self, answer: httpx.Response, start: int) -> str:
        """An answer's text from a character on, as much as fits, with how to go on."""
        text = answer.text or f"done ({answer.status_code})"
        tag = answer.headers.get("etag", "")
        # Whoever changes what is shown has to name this; tags of mere caching are weak.
        head = f"ETag: {tag}\n" if tag and not tag.startswith("W/") else ""
        part = text[start:]
        while (tokens := estimate_tokens(part)) > self._most_tokens and len(part) > 1:
            part = part[: min(len(part) - 1, len(part) * self._most_tokens // tokens)]
        end = start + len(part)
        more = (
            f"\n(characters {start} to {end} of {len(text)}: go on with start={end})"
            if end < len(text)
            else ""
        )
        return head + part + more


def _told(error: ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path)) or "arguments"
    return f"{where}: {error.message[:200]}"


def _problem(answer: httpx.Response) -> str:
    """What a problem document says (RFC 9457)."""
    try:
        found = answer.json()
    except json.JSONDecodeError:
        return answer.text[:500]
    fields = "; ".join(f"{item['field']}: {item['problem']}" for item in found.get("errors") or ())
    told = f"{found.get('title', '')}: {found.get('detail', '')}"
    return f"{told} ({fields})" if fields and fields not in told else told
