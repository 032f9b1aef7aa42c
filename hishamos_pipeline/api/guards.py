"""What is looked at before any route: how long a body takes, how it is packed, and what every answer says."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hishamos_pipeline.api.problems import answer

# Answers are data; a browser that shows one makes no page of it, loads nothing, and tells nobody where it was.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SlowBodyError(Exception):
    """A body takes longer than it may."""


class Guards:
    """Refuses packed and slow bodies, and sets the headers that every answer has.

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
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                rate = scope.get("state", {}).get("rate")
                for name, value in (rate.headers if rate else {}).items():
                    headers.setdefault(name, value)
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
                raise SlowBodyError from None
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return timed
