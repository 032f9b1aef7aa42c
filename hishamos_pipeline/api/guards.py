"""What is looked at before any route: how long a body takes, how it is packed, and what every answer says."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hishamos_pipeline.api.problems import HEADERS, answer

# What goes on cannot be asked for by its head.
_ENDLESS = ("/api/v1/events",)


class SlowBodyError(HTTPException):
    """A body takes longer than it may; an error of HTTP, so that whoever reads the body passes it on as it is."""


class Guards:
    """Refuses packed and slow bodies, answers HEAD as GET without the body, and sets the headers that every answer has.

    Args:
        app: what answers.
        body_seconds: how long a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, body_seconds: float) -> None:
        self._app, self._seconds = app, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if Headers(scope=scope).get("content-encoding", "identity").lower() != "identity":
            # What a few bytes unpack to is not known before they are.
            refused = answer(
                415, "unsupported-media-type", "send the body as it is, without a content encoding"
            )
            await refused(scope, receive, send)
            return
        started = replaced = False
        head = scope["method"] == "HEAD" and scope["path"] not in _ENDLESS
        if head:
            scope = {**scope, "method": "GET"}

        async def with_headers(message: Message) -> None:
            nonlocal started, replaced
            if replaced:
                return
            if message["type"] == "http.response.start":
                started = True
                if _is_plain_refusal(message):
                    replaced = True
                    await answer(
                        413, "request-entity-too-large", "the body is larger than this operation takes"
                    )(scope, receive, send)
                    return
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                rate = scope.get("state", {}).get("rate")
                for name, value in (rate.headers if rate else {}).items():
                    headers.setdefault(name, value)
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, self._timed(receive), with_headers)
        except SlowBodyError:
            if not started:
                said = f"the body took longer than {self._seconds:g} s (HISHAMOS_API_BODY_SECONDS)"
                await answer(408, "request-timeout", said, headers={"Connection": "close"})(
                    scope, receive, send
                )

    def _timed(self, receive: Receive) -> Receive:
        until: float | None = None
        whole = False

        async def timed() -> Message:
            nonlocal until, whole
            if whole:  # what comes now is that the client has gone
                return await receive()
            now = asyncio.get_running_loop().time()
            until = until or now + self._seconds
            try:
                message = await asyncio.wait_for(receive(), max(0.0, until - now))
            except TimeoutError:
                said = f"the body took longer than {self._seconds:g} s (HISHAMOS_API_BODY_SECONDS)"
                raise SlowBodyError(408, said, {"Connection": "close"}) from None
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return timed


def _is_plain_refusal(start: Message) -> bool:
    """Whether an answer is the plain text by which Starlette's own limit of bodies refuses one."""
    kind = MutableHeaders(scope=start).get("content-type", "")
    return bool(start["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and kind.startswith("text/plain"))
