"""Ideas: submitted as JSON, as Markdown, or as a form with files; their questions and answers."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import Key, RequestBody, SearchParameters, tagged
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.api.route import UploadRoute, media_type
from hishamos_pipeline.application import ideas
from hishamos_pipeline.application.ideas import (
    IdeaDetails,
    IdeaView,
    QuestionsView,
    SubmitIdea,
    SubmittedIdea,
)
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.errors import IdeaError

router = APIRouter(prefix="/ideas", tags=["ideas"], route_class=UploadRoute, dependencies=KNOWN)
_MOST_FILES = 1000


class HandedContent(RequestBody):
    """A file that is handed in with a brief: as text, or as base64."""

    text: str | None = None
    base64: str | None = None


class NewIdea(RequestBody):
    """A brief: Markdown, YAML or JSON, as it was written.

    ``name`` is its file's, whose ending says what it is; ``key`` is the project's, where it is not the brief that says
    so. ``replace`` lets it take the place of a brief that came from another document. ``files`` are all that are handed
    in with it, by path; without them, those that were handed in earlier stay.
    """

    text: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(max_length=200)] = ""
    key: Annotated[str, Field(max_length=63)] = ""
    replace: bool = False
    files: dict[str, HandedContent] | None = None


class NewAnswer(RequestBody):
    """An answer to an open question, by its number in the list of questions, counted from 1."""

    number: Annotated[int, Field(ge=1, le=1000)]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


_FORM = {
    "type": "object",
    "required": ["brief"],
    "properties": {
        "brief": {"type": "string", "format": "binary", "description": "The brief's file."},
        "key": {
            "type": "string",
            "maxLength": 63,
            "description": "The project's key, if the brief names none.",
        },
        "replace": {
            "type": "string",
            "enum": ["true", "false"],
            "description": "Whether it may take the place of a brief that came from another document.",
        },
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "All files that are handed in with it.",
        },
    },
}
_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/NewIdea"}},
            "text/markdown": {"schema": {"type": "string", "minLength": 1}},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


@router.post("", status_code=201, openapi_extra=_BODIES, responses={200: {"model": SubmittedIdea}})
async def submit_idea(request: Request, response: Response, caller: Caller) -> SubmittedIdea:
    """Submit a brief; a changed one under the same key becomes its next revision, and its build is requested."""
    command = await _command(request)
    done = await run_in_threadpool(ideas.submit, caller.services, caller.actor, command)
    response.headers["Location"] = f"/api/v1/ideas/{done.key}"
    if not done.changed:
        response.status_code = 200
    return done


@router.get("")
def list_ideas(caller: Caller, page: SearchParameters) -> Page[IdeaView]:
    """List submitted ideas by key; sorted by `key`, `title`, `updated_at`, `created_at` or `cost_usd`."""
    return ideas.list_ideas(caller.services, caller.actor, page)


@router.get("/{key}")
def read_idea(caller: Caller, response: Response, key: Key) -> IdeaDetails:
    """Read an idea in its newest revision, as it was written and as it was understood."""
    found = ideas.show_idea(caller.services, caller.actor, key)
    tagged(response, found)
    return found


@router.get("/{key}/questions")
def list_questions(caller: Caller, key: Key) -> QuestionsView:
    """List what the requirements leave open, what is assumed until it is answered, and what has been answered."""
    return ideas.questions(caller.services, caller.actor, key)


@router.post("/{key}/answers", status_code=201)
def answer_question(caller: Caller, key: Key, body: NewAnswer) -> SubmittedIdea:
    """Answer a question, or answer it anew; the answer becomes part of the idea."""
    command = ideas.AnswerQuestion(key=key, number=body.number, text=body.text)
    return ideas.answer(caller.services, caller.actor, command)


async def _command(request: Request) -> SubmitIdea:
    kind, _ = media_type(request)
    if kind == "application/json":
        return _of_json(await request.body())
    if kind == "text/markdown":
        return SubmitIdea(raw=await request.body(), name="brief.md", source="api")
    if kind == "multipart/form-data":
        return await _of_form(request)
    raise ApiError(
        415,
        "unsupported-media-type",
        "send application/json, text/markdown, or multipart/form-data with `brief`",
    )


def _of_json(body: bytes) -> SubmitIdea:
    try:
        given = NewIdea.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        ) from None
    files = (
        {path: _content(path, item) for path, item in given.files.items()}
        if given.files is not None
        else None
    )
    return SubmitIdea(
        raw=given.text.encode(), name=given.name, source=given.name or "api", files=files, key=given.key,
        replace=given.replace,
    )  # fmt: skip


def _content(path: str, item: HandedContent) -> bytes:
    if (item.text is None) == (item.base64 is None):
        raise IdeaError(f"files.{path[:100]}", "gives neither text nor base64, or both", "Give one of them.")
    if item.text is not None:
        return item.text.encode()
    try:
        return base64.b64decode(item.base64 or "", validate=True)
    except (binascii.Error, ValueError):
        raise IdeaError(f"files.{path[:100]}.base64", "is no base64", "Encode the file's bytes.") from None


async def _of_form(request: Request) -> SubmitIdea:
    async with request.form(max_files=_MOST_FILES, max_fields=10) as form:
        unknown = sorted(set(form) - {"brief", "key", "replace", "files"})
        brief, key, replace = form.get("brief"), form.get("key", ""), form.get("replace", "")
        if unknown or brief is None or not isinstance(key, str):
            wrong = f"{unknown[0][:100]!r} is no field of it" if unknown else "it has no `brief`"
            raise ApiError(422, "invalid-request", f"the form: {wrong}; it has brief, key, replace and files")
        files: dict[str, bytes] = {}
        for file in form.getlist("files"):
            if not isinstance(file, UploadFile) or not file.filename or file.filename in files:
                raise ApiError(422, "invalid-request", "files: each is a file with a name of its own")
            files[file.filename] = await file.read()
        if isinstance(brief, UploadFile):
            raw, name = await brief.read(), brief.filename or ""
        else:
            raw, name = brief.encode(), ""
    return SubmitIdea(
        raw=raw,
        name=name,
        source=name[:200] or "api",
        files=files or None,
        key=key,
        replace=replace == "true",
    )
