"""The generated files of a project, and its exports: read one by one, and downloaded as archives.

What is in a file was written by somebody else: it is always handed out as an attachment, with a type that no browser
makes a page of.
"""

import base64
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import IO, Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import Key, PageParameters, ProjectFilter, RequestBody, SearchParameters
from hishamos_pipeline.api.problems import ApiError
from hishamos_pipeline.api.route import ResourceRoute, Responses, Tags
from hishamos_pipeline.application import artifacts, exports
from hishamos_pipeline.application.artifacts import FileContent, FileView
from hishamos_pipeline.application.exports import (
    ArchiveFile,
    ExportDetails,
    ExportPlan,
    ExportProject,
    ExportView,
    Withdrawn,
)
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.core.artifacts.target import Target

router = APIRouter(route_class=ResourceRoute, dependencies=KNOWN)
_FILES: Tags = ["files"]
_EXPORTS: Tags = ["exports"]
_CHUNK = 1 << 16
_BLOCK = 512
_MOST_DIGITS = 30
# Whatever it is: clients that are generated know it as bytes.
_BINARY = "application/octet-stream"
FilePathName = Annotated[str, Path(min_length=1, max_length=300, description="The file's path in the tree.")]
Destination = Annotated[Literal["zip", "tar", "git", "github", "gitlab"], Path()]
_BYTES: Responses = {200: {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}}}


class NewExport(RequestBody):
    """Where a project is to be exported to; what the brief asks for by default. ``options`` are for Git hosts."""

    destinations: Annotated[tuple[Literal["zip", "tar", "github", "gitlab"], ...], Field(max_length=4)] = ()
    options: Target = Target()


@router.get("/projects/{key}/files", tags=_FILES)
def list_files(caller: Caller, key: Key, page: SearchParameters) -> Page[FileView]:
    """List the files of a project's newest tree; sorted by `path` or `size`."""
    return artifacts.list_files(caller.services, caller.actor, key, page)


@router.get("/projects/{key}/files/{path:path}", tags=_FILES)
def read_file(caller: Caller, key: Key, path: FilePathName) -> FileContent:
    """Read a file with its text."""
    return artifacts.read_file(caller.services, caller.actor, key, path)


@router.get("/projects/{key}/raw/{path:path}", response_class=Response, responses=_BYTES, tags=_FILES)
def download_file(request: Request, caller: Caller, key: Key, path: FilePathName) -> Response:
    """Download a file's bytes, or a range of them."""
    found = artifacts.read_file(caller.services, caller.actor, key, path)
    content = found.text.encode()
    headers = {**_attachment(path.rpartition("/")[2]), "ETag": f'"{found.sha256}"', "Accept-Ranges": "bytes"}
    unchanged = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    asked_for = (
        request.headers.get("range", "") if unchanged and "if-none-match" not in request.headers else ""
    )
    wanted = _range(asked_for, len(content))
    if wanted is None:
        return Response(content, headers=headers, media_type=_BINARY)
    first, last = wanted
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, _BINARY)


@router.get("/projects/{key}/download", response_class=StreamingResponse, responses=_BYTES, tags=_FILES)
def download_folder(
    caller: Caller,
    key: Key,
    folder: Annotated[str, Query(max_length=300, description="The folder; the whole tree without one.")] = "",
) -> StreamingResponse:
    """Download a folder of a project's newest tree as a ZIP archive."""
    found = artifacts.read_folder(caller.services, caller.actor, key, folder)
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in found:
            info = zipfile.ZipInfo(f"{key}/{file.path}")  # of 1980, so that the same tree is the same bytes
            info.external_attr = (0o100000 | int(file.mode, 8)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.text)
    packed.seek(0)
    name = f"{key}-{folder.strip('/').replace('/', '-')}" if folder else f"{key}-files"
    return StreamingResponse(_chunks(packed), headers=_attachment(f"{name}.zip"), media_type=_BINARY)


@router.get("/exports", tags=_EXPORTS)
def list_exports(caller: Caller, page: PageParameters, project: ProjectFilter = "") -> Page[ExportView]:
    """List exports, and the requests for some that stand; of one project if it is named."""
    found = exports.list_exports(caller.services, caller.actor, project)

    def place(item: ExportView) -> tuple[str, ...]:
        return (item.key, item.to, item.at, item.status, item.detail)

    return Page.listed(found, page, place)


@router.post("/projects/{key}/exports", status_code=202, tags=_EXPORTS)
def request_export(caller: Caller, key: Key, body: NewExport) -> ExportPlan:
    """Ask for an export: it stands until it is withdrawn, and later builds keep it up to date."""
    return exports.request(caller.services, caller.actor, _command(key, body))


@router.post("/projects/{key}/export_preview", tags=_EXPORTS)
def preview_export(caller: Caller, key: Key, body: NewExport) -> dict[str, list[str]]:
    """Say what an export would do, step by step; nothing is changed."""
    return exports.preview(caller.services, caller.actor, _command(key, body))


@router.get("/projects/{key}/exports/{destination}", tags=_EXPORTS)
def read_export(caller: Caller, key: Key, destination: Destination) -> ExportDetails:
    """Read the newest export to a destination."""
    return exports.show_export(caller.services, caller.actor, key, destination)


@router.delete("/projects/{key}/exports/{destination}", tags=_EXPORTS)
def withdraw_export(caller: Caller, key: Key, destination: Destination) -> Withdrawn:
    """Take back requests for an export; what is published stays."""
    return exports.withdraw(caller.services, caller.actor, key, destination)


@router.get(
    "/projects/{key}/archives/{archive}", response_class=FileResponse, responses=_BYTES, tags=_EXPORTS
)
def download_archive(caller: Caller, key: Key, archive: Literal["zip", "tar"]) -> FileResponse:
    """Download the archive that a project was exported to; `Repr-Digest` is its SHA-256."""
    found = exports.archive_file(caller.services, caller.actor, key, archive)
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    headers = {**_attachment(found.name), "ETag": f'"{found.sha256}"', "Repr-Digest": f"sha-256=:{digest}:"}
    return FileResponse(found.path, headers=headers, media_type=_BINARY)


@router.get("/archives", response_class=StreamingResponse, responses=_BYTES, tags=_EXPORTS)
def download_archives(
    caller: Caller,
    project: Annotated[list[str], Query(min_length=1, max_length=100, description="The projects' keys.")],
) -> StreamingResponse:
    """Download the ZIP archives of many projects as one TAR archive, which is made while it is sent."""
    wanted = list(dict.fromkeys(project))
    found = [exports.archive_file(caller.services, caller.actor, key, "zip") for key in wanted]
    return StreamingResponse(_tar(found), headers=_attachment("projects.tar"), media_type=_BINARY)


def _command(key: str, body: NewExport) -> ExportProject:
    return ExportProject(key=key, destinations=body.destinations, options=body.options)


def _attachment(name: str) -> dict[str, str]:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return {
        # The plain name is for programs that know no other; the exact one is for all others (RFC 6266).
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }


def _range(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte of a range (RFC 9110, section 14); ``None`` for all of them.

    Raises:
        ApiError: it begins behind the end (416).
    """
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.partition("-")
    if (
        unit.strip() != "bytes"
        or not dash
        or not (first + last).isdecimal()
        or len(first + last) > _MOST_DIGITS
    ):
        return None
    if not first:
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < begin:
            return None
    if begin >= size or end < begin:
        raise ApiError(
            416, "range-not-satisfiable", f"there are {size} bytes", {"Content-Range": f"bytes */{size}"}
        )
    return begin, end


def _chunks(packed: IO[bytes]) -> Iterator[bytes]:
    with packed:
        while chunk := packed.read(_CHUNK):
            yield chunk


def _tar(found: Sequence[ArchiveFile]) -> Iterator[bytes]:
    for item in found:
        info = tarfile.TarInfo(item.name)
        with FilePath(item.path).open("rb") as stream:
            info.size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            yield info.tobuf(tarfile.PAX_FORMAT)
            left = info.size
            while left and (chunk := stream.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
        yield b"\0" * (-info.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)
