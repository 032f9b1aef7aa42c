"""What every route does: refuses what it does not know, does a repeated request once, and knows an answer again.

* Query parameters that no route declares are refused, so that a misspelt filter is not a filter that is left out.
* A POST with an ``Idempotency-Key`` is done once: the same request with the same key gets the same answer.
* An answer to a GET has an ``ETag``; whoever shows it again gets 304 in place of the same bytes.
"""

import asyncio
import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Coroutine
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from hishamos_pipeline.api.caller import KnownCaller, authenticate, unknown_caller
from hishamos_pipeline.api.problems import ApiError, FieldProblem
from hishamos_pipeline.application import agents
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.store.idempotency.records import KeyedRequest

log = logging.getLogger("hishamos.api")
IDEMPOTENCY_KEY = "Idempotency-Key"
_LONGEST_KEY = 200
_MOST_KEPT = 1_000_000
_RENEWED_EVERY = 60.0
_KEPT_HEADERS = ("content-type", "location", "etag")
# An answer with what is told once says so; it is not kept.
TOLD_ONCE = {"Cache-Control": "no-store"}
Tags = list[str | Enum]
Responses = dict[int | str, dict[str, Any]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRoute(APIRoute):
    """A route whose body has at most so many bytes; ``None`` is as the settings say."""

    most_bytes: int | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        named["max_body_size"] = named.get("max_body_size") or self.most_bytes
        super().__init__(*given, **named)


class ResourceRoute(BoundedRoute):
    """A route of a resource, which somebody has to be logged in for."""

    most_bytes: int | None = 1_000_000

    def get_route_handler(self) -> Handler:
        """The handler, with what every route does around it."""
        inner = super().get_route_handler()
        known = _query_names(self.dependant)

        async def handler(request: Request) -> Response:
            caller = await authenticate(request)
            if caller.actor.kind == "agent":
                await run_in_threadpool(
                    agents.note_call, caller.services, caller.actor, self.name, request.url.path
                )
            _refuse_unknown(request, known)
            if request.method == "POST" and IDEMPOTENCY_KEY in request.headers:
                return await _once(request, caller, inner)
            response = await inner(request)
            return _known_again(request, response) if request.method == "GET" else response

        return handler


class UploadRoute(ResourceRoute):
    """A route that files are handed in at: its body has the size that the settings allow."""

    most_bytes = None


class OpenRoute(BoundedRoute):
    """A route that needs no login: whoever asks is counted before anything that they have sent is read."""

    most_bytes = 16_384

    def get_route_handler(self) -> Handler:
        """The handler, after the request was counted, and unknown query parameters were refused."""
        inner = super().get_route_handler()
        known = _query_names(self.dependant)

        async def handler(request: Request) -> Response:
            await run_in_threadpool(unknown_caller, request)
            _refuse_unknown(request, known)
            return await inner(request)

        return handler


def _query_names(dependant: Dependant) -> frozenset[str]:
    names = {field.alias for field in dependant.query_params}
    return frozenset(names.union(*(_query_names(inner) for inner in dependant.dependencies)))


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    unknown = sorted(set(request.query_params) - known)
    fields = [
        FieldProblem(field=name[:100], problem="there is no such parameter", fix="leave it out")
        for name in unknown
    ]
    fields += [
        FieldProblem(field=name[:100], problem="the character NUL is in no text", fix="leave it out")
        for name, value in [*request.query_params.multi_items(), *request.path_params.items()]
        if "\0" in str(value)
    ]
    if fields:
        wrong = "; ".join(f"{item.field}: {item.problem}" for item in fields)
        raise ApiError(422, "invalid-request", wrong, fields=fields)


def _known_again(request: Request, response: Response) -> Response:
    body = getattr(response, "body", None)
    if response.status_code != HTTPStatus.OK or not isinstance(body, bytes):
        return response  # it is streamed
    if response.headers.get("cache-control") == "no-store":
        return response
    tag = response.headers.setdefault("etag", f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')
    response.headers.setdefault("cache-control", "private, no-cache")
    shown = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag.removeprefix("W/") in shown or "*" in shown:
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
    return response


async def _once(request: Request, caller: KnownCaller, inner: Handler) -> Response:
    """Do a request with a key, or give the answer that it had."""
    key = request.headers[IDEMPOTENCY_KEY]
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise ApiError(
            422, "invalid-request", f"{IDEMPOTENCY_KEY}: 1 to {_LONGEST_KEY} printable ASCII characters"
        )
    owner, attempt = _owner(caller), uuid.uuid4().hex
    digest = await _hash_of(request)
    keys = caller.services.store.idempotency_keys
    earlier = await run_in_threadpool(keys.begin, owner, key, digest, attempt)
    if earlier is not None:
        return _answered(earlier, digest)
    renewing = asyncio.create_task(_renew(partial(keys.renew, owner, key, attempt)))
    try:
        response = await inner(request)
    except BaseException:
        await run_in_threadpool(keys.drop, owner, key, attempt)
        raise
    finally:
        renewing.cancel()
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        await run_in_threadpool(keys.drop, owner, key, attempt)
        return response
    body = getattr(response, "body", None)
    told_once = response.headers.get("cache-control") == TOLD_ONCE["Cache-Control"]
    kept = None if told_once or body is None or len(body) > _MOST_KEPT else bytes(body)
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    await run_in_threadpool(keys.end, owner, key, attempt, response.status_code, headers, kept)
    return response


def _owner(caller: KnownCaller) -> str:
    """Whose a key is: the person's in an organization, with the rights that they show now.

    Other rights give no old answer.
    """
    actor = caller.actor
    scopes = None if actor.scopes is None else sorted(actor.scopes)
    rights = hashlib.sha256(
        json.dumps([actor.role, actor.superuser, scopes, actor.project]).encode()
    ).hexdigest()
    return f"{actor.user_id}:{actor.label[:100]}@{actor.organization}:{rights[:16]}"[:200]


async def _renew(renew: Callable[[], None]) -> None:
    """Say that a request is still being done, as long as it is."""
    while True:
        await asyncio.sleep(_RENEWED_EVERY)
        try:
            await run_in_threadpool(renew)
        except HishamosError as error:  # it is tried again
            log.warning("an idempotency key could not be renewed: %s", error)


async def _hash_of(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\0".encode())
    kind, boundary = media_type(request)
    digest.update(kind.encode())
    # The boundary of a form is another one each time.
    body = (await request.body()).replace(boundary, b"") if boundary else await request.body()
    digest.update(body)
    return digest.hexdigest()


def media_type(request: Request) -> tuple[str, bytes]:
    """What a request's body is, such as ``application/json``, and the boundary of a form; empty where it has none."""
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").lower(), parameters.get(b"boundary", b"")


def _answered(earlier: KeyedRequest, digest: str) -> Response:
    if earlier.request_hash != digest:
        raise ApiError(
            409, "idempotency-key-reused", f"{IDEMPOTENCY_KEY}: another request had this key; take a new one"
        )
    if not earlier.status:
        raise ApiError(
            409,
            "request-in-progress",
            "the request with this key is being done: ask again",
            {"Retry-After": "1"},
        )
    if earlier.answer is None and earlier.status != HTTPStatus.NO_CONTENT:
        raise ApiError(
            409, "answer-told-once", "the request with this key was done, and its answer is told once alone"
        )
    headers = {**json.loads(earlier.headers), "Idempotency-Replayed": "true"}
    return Response(earlier.answer or b"", earlier.status, headers)
