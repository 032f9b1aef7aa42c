"""Where what is published is kept besides the project's folder: a bucket of S3, or a folder, over fsspec.

::

    KEY/objects/SHA256/NAME     contents, found by their hash; written once, never changed
    KEY/NAME.json               the manifest of a published file or folder: paths, hashes, sizes, modes

A manifest is written last and by one request, so that readers see the old content or the new, never a mix; objects of
a publication that was killed are in no manifest, and do no harm.
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hishamos_pipeline.core.text.hashing import file_sha256
from hishamos_pipeline.errors import PathError, StorageError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace.disk import replacing

T = TypeVar("T")
logger = logging.getLogger("hishamos.storage")

# Larger files go to S3 in parts of this size, and no file is in memory as a whole.
PART_BYTES = 8 << 20
_AT_ONCE = 8


class StoredFile(BaseModel):
    """A file of a manifest: its hash, size in bytes and POSIX mode."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    mode: int = Field(ge=0, le=0o777)


class Manifest(BaseModel):
    """What was published under a name; ``single`` if it is one file, ``folders`` are those that hold no file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = "hishamos-manifest/1"
    version: str
    single: bool = False
    files: dict[str, StoredFile]
    folders: tuple[str, ...] = ()


class _DamagedError(Exception):
    """A content is gone, or is not what it was."""


class Storage:
    """A place for published files.

    Args:
        url: ``s3://bucket/folder`` or ``file:///folder``.
        options: for fsspec, such as ``endpoint_url``; keys come from the environment, as AWS's own tools read them.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url.rstrip("/")
        self._options = dict(options or {})

    def publish(self, key: str, name: str, source: Path, version: str) -> Manifest:
        """Store a file or a folder, and make it the published one; only contents that are not there yet are sent.

        Args:
            key: the project.
            name: what it is published under.
            source: a file or folder.
            version: tells revisions apart.

        Raises:
            StorageError: the storage refused or cannot be reached; what was published before still is.
        """
        manifest = _manifest_of(source, version)

        def send(item: tuple[str, str]) -> None:
            target, path = item
            self._put(source if manifest.single else source / path, target)

        with self._errors():
            listed = self._fs.find(self._path(f"{key}/objects"), detail=True)
            there = {path: facts["size"] for path, facts in listed.items()}
            wanted = {
                self._object(key, file.sha256, path): (path, file) for path, file in manifest.files.items()
            }
            fresh = [(at, path) for at, (path, file) in wanted.items() if there.get(at) != file.size]
            _all(send, fresh)
            self._write(self._path(f"{key}/{name}.json"), manifest.model_dump_json().encode())
        return manifest

    def manifest(self, key: str, name: str) -> Manifest | None:
        """What is published under a name, ``None`` for nothing.

        Raises:
            StorageError: the storage cannot be reached, or holds something else.
        """
        with self._errors():
            try:
                text = self._fs.cat_file(self._path(f"{key}/{name}.json"))
            except FileNotFoundError:
                return None
        try:
            return Manifest.model_validate_json(text)
        except ValidationError as error:
            raise StorageError(
                f"{self.url}/{key}/{name}.json is no manifest of this release: {error}"
            ) from error

    def fetch(self, key: str, name: str, target: Path, expected: Mapping[str, str]) -> Manifest | None:
        """Bring what is published under a name to a path that does not exist; ``None`` if it is not what is expected.

        A storage is not trusted: what it holds has to have the hashes that the caller knows from elsewhere. A content
        that is damaged is taken away, so that it is made and sent again.

        Args:
            key: the project.
            name: what it was published under.
            target: where to.
            expected: SHA-256 by path, of all that has to be there and nothing else.

        Raises:
            StorageError: the storage cannot be reached.
            PathError: the manifest names an unsafe path.
        """
        manifest = self.manifest(key, name)
        if manifest is None or {path: file.sha256 for path, file in manifest.files.items()} != expected:
            return None
        for path in (*manifest.files, *manifest.folders):
            _require_inside(path)
        for folder in manifest.folders:
            (target / folder).mkdir(parents=True, exist_ok=True)

        def bring(item: tuple[str, StoredFile]) -> None:
            path, file = item
            local = target if manifest.single else target / path
            local.parent.mkdir(parents=True, exist_ok=True)
            kept = self._object(key, file.sha256, path)
            try:
                if self._fs.size(kept) == file.size:  # before anything of it is loaded
                    self._fs.get_file(kept, str(local))
                    if file_sha256(local) == file.sha256:
                        local.chmod(file.mode)
                        return
                self._fs.rm_file(kept)
            except FileNotFoundError:
                pass
            raise _DamagedError(path)

        with self._errors():
            try:
                _all(bring, manifest.files.items())
            except _DamagedError as error:
                logger.warning("%s/%s: %s is damaged, and will be made again", self.url, key, error)
                return None
        return manifest

    def unnamed(self, key: str, before: datetime) -> dict[str, int]:
        """Contents of a project that no manifest names, older than a time: their sizes in bytes by place.

        Raises:
            StorageError: the storage cannot be reached, or a manifest cannot be read: then nothing is said.
        """
        with self._errors():
            listed = self._fs.find(self._path(f"{key}/objects"), detail=True)
        if not listed:
            return {}
        named = self._named(key)
        return {
            path: facts["size"]
            for path, facts in sorted(listed.items())
            if path not in named and _changed_at(facts) < before
        }

    def forget(self, key: str, paths: Iterable[str], before: datetime) -> None:
        """Remove contents that ``unnamed`` has found, but none that is named meanwhile.

        Raises:
            StorageError: the storage refuses or cannot be reached.
        """
        still = self.unnamed(key, before)
        with self._errors():
            for path in paths:
                if path in still:
                    self._fs.rm_file(path)

    def _named(self, key: str) -> set[str]:
        with self._errors():
            try:
                manifests = self._fs.glob(self._path(f"{key}/*.json"))
            except FileNotFoundError:
                manifests = []
        named = set()
        for path in manifests:
            found = self.manifest(key, path.rpartition("/")[2].removesuffix(".json"))
            if found:
                named |= {self._object(key, file.sha256, name) for name, file in found.files.items()}
        return named

    def check(self) -> None:
        """Write, read and remove something.

        Raises:
            StorageError: that does not work; the message says what to do.
        """
        with self._errors():
            at = self._path(f".probe-{uuid.uuid4().hex}")
            self._write(at, b"probe")
            found = self._fs.cat_file(at)
            self._fs.rm_file(at)
        if found != b"probe":
            raise StorageError(f"{self.url} does not give back what was written")

    def object_url(self, key: str, sha256: str, name: str) -> str:
        """URL of a content."""
        return f"{self.url}/{key}/objects/{sha256}/{name}"

    def _object(self, key: str, digest: str, path: str) -> str:
        return self._path(f"{key}/objects/{digest}/{path.rpartition('/')[2]}")

    def _put(self, source: Path, target: str) -> None:
        if self._is_s3:
            self._fs.put_file(str(source), target, chunksize=PART_BYTES)
        else:
            with replacing(Path(target)) as aside:
                self._fs.put_file(str(source), str(aside))

    def _write(self, target: str, data: bytes) -> None:
        if self._is_s3:
            self._fs.pipe_file(target, data)
        else:
            with replacing(Path(target)) as aside:
                self._fs.pipe_file(str(aside), data)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]

            more = {} if self._is_s3 else {"auto_mkdir": True}
            fs, root = url_to_fs(self.url, use_listings_cache=False, **more, **self._options)
        except ImportError as error:
            raise StorageError("HISHAMOS_STORAGE_URL names S3: install `hishamos-pipeline[s3]`") from error
        return fs, root.rstrip("/")

    @property
    def _is_s3(self) -> bool:
        return self.url.startswith("s3://")

    @property
    def _fs(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the storage says into ``StorageError`` with what to do."""
        try:
            yield
        except (StorageError, PathError):
            raise
        except FileNotFoundError as error:
            raise StorageError(
                f"{self.url} is not there: make the bucket or folder first ({error})"
            ) from error
        except PermissionError as error:
            raise StorageError(
                f"{self.url}: not permitted ({error}): check the keys in the environment, and what they may do"
            ) from error
        except Exception as error:  # botocore's errors have no base in common with fsspec's
            problem = f"{type(error).__name__}: {error}"[:300]
            raise StorageError(
                f"{self.url} cannot be used ({problem}): check HISHAMOS_STORAGE_URL, HISHAMOS_STORAGE_OPTIONS "
                "and the network"
            ) from error


def open_storage(settings: Settings) -> Storage | None:
    """The storage that the settings name, ``None`` for none."""
    options = settings.storage_options.model_dump(exclude_none=True)
    return Storage(settings.storage_url, options) if settings.storage_url else None


def _all(work: Callable[[T], None], items: Any) -> None:
    """Do something with every item, a few at a time; the first failure ends it."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(work, items):
            pass


def _manifest_of(source: Path, version: str) -> Manifest:
    if source.is_file():
        return Manifest(version=version, single=True, files={source.name: _stored(source)})
    files, folders = {}, []
    for folder, names, file_names in os.walk(source):
        for name in file_names:
            path = Path(folder) / name
            if not path.is_symlink():
                files[path.relative_to(source).as_posix()] = _stored(path)
        if not names and not file_names:
            folders.append(Path(folder).relative_to(source).as_posix())
    return Manifest(version=version, files=files, folders=tuple(sorted(folders)))


def _changed_at(facts: Mapping[str, Any]) -> datetime:
    """When a content was written, as S3 or a folder tells it."""
    told = facts.get("LastModified") or facts.get("mtime") or 0.0
    return told if isinstance(told, datetime) else datetime.fromtimestamp(told, UTC)


def _stored(path: Path) -> StoredFile:
    facts = path.stat()
    return StoredFile(sha256=file_sha256(path), size=facts.st_size, mode=facts.st_mode & 0o777)


def _require_inside(path: str) -> None:
    """A manifest comes from a place that others may write to: nothing of it may lead out of the target."""
    if not path or path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise PathError(path, "leads out of its folder")
