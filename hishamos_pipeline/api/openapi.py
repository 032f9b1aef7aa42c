"""The OpenAPI document, and pages to read it: nothing of them comes from another host."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic.json_schema import models_json_schema
from starlette.staticfiles import StaticFiles

from hishamos_pipeline.api.problems import MEDIA_TYPE, Problem
from hishamos_pipeline.api.routes.ideas import NewIdea

STATIC = Path(__file__).parent / "static"
EXAMPLES = Path(__file__).parent / "examples.json"
# What every operation may answer instead; the document says it once for each.
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem}, "5XX": {"model": Problem}}
_METHODS = ("get", "put", "post", "patch", "delete")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
    "description": "The same request with the same key is done once, and has the same answer.",
}
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>HishamOS API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/api/static/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/api/static/swagger-ui-bundle.js"></script><script src="/api/static/docs.js"></script>
</body></html>
"""
# Swagger UI writes styles into elements; no script is allowed but its own files.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Serve the document at ``/api/schema``, pages to read it at ``/api/docs``, and what mailed links lead to."""
    app.openapi = lambda: document(app)  # type: ignore[method-assign]

    @app.get("/api/schema", include_in_schema=False)
    def schema(_: Request) -> Response:
        return JSONResponse(document(app))

    @app.get("/api/docs", include_in_schema=False)
    def docs(_: Request) -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    @app.get("/api/links", include_in_schema=False)
    def links(_: Request) -> Response:
        return HTMLResponse((STATIC / "link.html").read_text(), headers={"Content-Security-Policy": _POLICY})

    app.mount("/api/static", StaticFiles(directory=STATIC), name="static")


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, with examples; it is made once."""
    if app.openapi_schema:
        return app.openapi_schema
    made = FastAPI.openapi(app)
    _, read_by_hand = models_json_schema(
        [(NewIdea, "validation")], ref_template="#/components/schemas/{model}"
    )
    made["components"]["schemas"].update(read_by_hand["$defs"])
    endpoints = {route.name: route.endpoint for route in app.state.resources}
    for path in made["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _complete(method, operation)
                operation["x-actions"] = actions_of(endpoints[operation["operationId"]])
    for name, example in json.loads(EXAMPLES.read_text()).items():
        made["components"]["schemas"][name]["examples"] = [example]
    return made


def actions_of(endpoint: Callable[..., Any]) -> list[str]:
    """The actions of the policy that an operation takes: those of the use cases that its route names."""
    names = _names(endpoint.__code__)
    modules = [found for name in names if inspect.ismodule(found := endpoint.__globals__.get(name))]
    used = [getattr(module, name, None) for module in modules for name in names]
    return sorted({action for item in used if (action := getattr(item, "action", ""))})


def _names(code: CodeType) -> set[str]:
    """What a function names, and what is named in comprehensions within it."""
    inner = (_names(found) for found in code.co_consts if isinstance(found, CodeType))
    return set(code.co_names).union(*inner)


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Say what holds for every operation, and is nowhere said in a route."""
    known = "security" in operation
    if method == "post" and known:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "If-Match":
            parameter["required"] = True  # without it, the answer is 428 and no validation error
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own, which is a problem here
    for status in ("4XX", "5XX"):
        (schema,) = responses[status]["content"].values()
        responses[status] = {"description": "A problem (RFC 9457).", "content": {MEDIA_TYPE: schema}}
