"""Errors as problem documents (RFC 9457): a stable type, what is wrong, in which field, and what to do."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from hishamos_pipeline import errors
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.secrets import mask

log = logging.getLogger("hishamos.api")
MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:hishamos:problem:"
# Answers are data; a browser that shows one makes no page of it, loads nothing, and tells nobody where it was.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MOST_FIELDS = 100
# Statuses by kind of error; what is not named is 422: the request was understood, and cannot be done.
_STATUS: Mapping[type[errors.HishamosError], int] = {
    errors.ProjectNotFoundError: 404,
    errors.ArtifactMissingError: 404,
    errors.BatchNotFoundError: 404,
    errors.PersonNotFoundError: 404,
    errors.RoleError: 404,
    errors.ForbiddenError: 403,
    errors.LoginError: 401,
    errors.ApprovalNeededError: 409,
    errors.ProjectBusyError: 409,
    errors.DeletionRefusedError: 409,
    errors.ChangedMeanwhileError: 412,
    errors.TreeLimitError: 413,
    errors.BudgetError: 409,
    errors.ModelError: 502,
    errors.HostError: 502,
    errors.StoreAwayError: 503,
    errors.StorageError: 503,
    errors.StoreVersionError: 503,
    errors.SandboxError: 503,
    errors.ToolchainError: 503,
    errors.ToolMissingError: 503,
}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request: its path separated by dots, and what to write instead."""

    model_config = ConfigDict(frozen=True)

    field: str
    problem: str
    fix: str = ""


class Problem(BaseModel):
    """An error (RFC 9457). ``type`` is stable; ``errors`` names every field at fault."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    needs_code: bool = Field(False, description="A login lacks the code of an authenticator.")


class ApiError(Exception):
    """A request that the API itself refuses.

    Args:
        status: the HTTP status.
        kind: the last part of the problem's type.
        detail: what is wrong and what to do.
        headers: of the answer.
        fields: what is wrong with single fields.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        fields: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.fields = dict(headers or {}), tuple(fields)


def kind_of(error: type[errors.HishamosError]) -> str:
    """The last part of the type of an error of ours: ``ProjectNotFoundError`` is ``project-not-found``."""
    return re.sub(r"([a-z])([A-Z])", r"\1-\2", error.__name__.removesuffix("Error")).lower()


def status_of(error: errors.HishamosError) -> int:
    """The HTTP status of an error of ours."""
    if isinstance(error, errors.LoginError) and error.wait:
        return 429
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 422)


def answer(
    status: int,
    kind: str,
    detail: str,
    *,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    needs_code: bool = False,
) -> JSONResponse:
    """A problem document as a response."""
    problem = Problem(
        type=f"{_TYPE}{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=mask(detail),
        errors=tuple(fields),
        needs_code=needs_code,
    )
    return JSONResponse(problem.model_dump(mode="json"), status, {**HEADERS, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error answered by a problem document."""
    app.add_exception_handler(errors.HishamosError, _ours)
    app.add_exception_handler(ApiError, _api)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.HishamosError)
    status, headers = status_of(error), {}
    fields: list[FieldProblem] = []
    if isinstance(error, errors.IdeaError):
        fields.append(FieldProblem(field=error.field, problem=mask(error.problem), fix=mask(error.fix)))
    if isinstance(error, errors.InputError):
        fields += [FieldProblem(field=field, problem=mask(problem)) for field, problem in error.problems]
    if isinstance(error, errors.LoginError) and error.wait:
        headers["Retry-After"] = str(round(error.wait) + 1)
    elif status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
        log.warning("a request could not be answered: %s", error)
    needs_code = isinstance(error, errors.LoginError) and error.needs_code
    return answer(
        status, kind_of(type(error)), str(error), fields=fields, headers=headers, needs_code=needs_code
    )


def _api(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return answer(error.status, error.kind, error.detail, fields=error.fields, headers=error.headers)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:_MOST_FIELDS]
    fields = [FieldProblem(field=_path(item)[:200], problem=item["msg"], fix=_fix(item)) for item in found]
    wrong = "; ".join(f"{item.field}: {item.problem}" for item in fields)
    return answer(422, "invalid-request", wrong[:2000], fields=fields)


def _path(item: Mapping[str, Any]) -> str:
    where, *inner = item["loc"]
    return ".".join(map(str, inner)) or str(where)


def _fix(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "leave it out"
    if item["type"] == "missing":
        return "give it"
    return ""


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).name.lower().replace("_", "-")
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Each method is a route of its own, and the one that was asked knows itself alone.
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer(error.status_code, kind, str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """The methods of a path."""
    path, known = request.url.path, request.app.state.paths
    found = {method for pattern, methods in known for method in methods if pattern.match(path)}
    return found | ({"HEAD"} if "GET" in found else set())


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    # Starlette raises it again afterwards, so that the server writes it into its log.
    return answer(500, "internal", "something went wrong here; the server's log says what")
