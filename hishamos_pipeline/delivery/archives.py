"""ZIP and TAR.GZ of a repository's head: streamed, and the same bytes for the same commit."""

import gzip
import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from hishamos_pipeline.delivery.repository import blob_id, open_repository, tree_of
from hishamos_pipeline.errors import DeliveryError
from hishamos_pipeline.workspace.tree import storage_errors

if TYPE_CHECKING:
    from git import Repo

_EXECUTABLE = "100755"
_PLAIN = ("100644", _EXECUTABLE)
# Level 6 is what zip and gzip use when nobody says otherwise.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that has been written: SHA-256, size in bytes, number of files, and the commit."""

    sha256: str
    size: int
    files: int
    commit: str


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    blob: str
    size: int
    executable: bool


def write_zip(repository: Path, target: Path, prefix: str) -> Written:
    """Write a ZIP archive of the head's files under a top folder, and ``<target>.sha256`` beside it.

    Raises:
        StorageError: disk full or read-only.
    """
    return _write(repository, target, prefix, _zip)


def write_tar(repository: Path, target: Path, prefix: str) -> Written:
    """Write a gzipped TAR archive of the head's files, and ``<target>.sha256`` beside it.

    Raises:
        StorageError: disk full or read-only.
    """
    return _write(repository, target, prefix, _tar)


def differences(archive: Path, repository: Path) -> list[str]:
    """What an archive holds otherwise than the head's tree: path, mode or content. Empty if equal.

    Raises:
        DeliveryError: the archive cannot be opened or is damaged.
    """
    repo = open_repository(repository)
    expected = tree_of(repo)
    repo.close()
    try:
        found = dict(_read_zip(archive) if archive.suffix == ".zip" else _read_tar(archive))
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        raise DeliveryError(f"{archive.name} cannot be read: {error}") from error
    problems = [f"{path}: only in the repository" for path in sorted(expected.keys() - found.keys())]
    problems += [f"{path}: only in {archive.name}" for path in sorted(found.keys() - expected.keys())]
    problems += [
        f"{path}: differs" for path in sorted(expected.keys() & found.keys()) if expected[path] != found[path]
    ]
    return problems


def _write(
    repository: Path,
    target: Path,
    prefix: str,
    write: Callable[["Repo", Path, list[_Member], datetime], None],
) -> Written:
    repo = open_repository(repository)
    commit, when = repo.head.commit.hexsha, repo.head.commit.committed_date
    entries = sorted(tree_of(repo).items())
    if odd := [path for path, (mode, _) in entries if mode not in _PLAIN]:
        repo.close()
        raise DeliveryError(f"{odd[0]} is no plain file; an archive holds plain files alone")
    members = [
        _Member(f"{prefix}/{path}", blob, _info(repo, blob), mode == _EXECUTABLE)
        for path, (mode, blob) in entries
    ]
    with storage_errors(target):
        write(repo, target, members, datetime.fromtimestamp(when, UTC))
        repo.close()
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n")
        return Written(digest, target.stat().st_size, len(members), commit)


def _info(repo: "Repo", blob: str) -> int:
    """A blob's size in bytes."""
    return int(repo.odb.info(bytes.fromhex(blob)).size)


def _stream(repo: "Repo", blob: str) -> IO[bytes]:
    """A blob's bytes; the work tree may hold something else."""
    return cast("IO[bytes]", repo.odb.stream(bytes.fromhex(blob)))


def _zip(repo: "Repo", target: Path, members: list[_Member], when: datetime) -> None:
    # ZIP cannot express years before 1980.
    stamp = max(when, datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
    with zipfile.ZipFile(target, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whatever this machine is
            info.external_attr = (0o100755 if member.executable else 0o100644) << 16
            info.file_size = member.size
            with archive.open(info, "w") as sink:
                shutil.copyfileobj(_stream(repo, member.blob), sink, 1 << 16)


def _tar(repo: "Repo", target: Path, members: list[_Member], when: datetime) -> None:
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.size = member.size
            info.mode = 0o755 if member.executable else 0o644
            info.mtime = int(when.timestamp())
            archive.addfile(info, _stream(repo, member.blob))


def _read_zip(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = oct(info.external_attr >> 16)[2:]
            yield info.filename.split("/", 1)[1], (mode, blob_id(archive.read(info)))


def _read_tar(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            source = archive.extractfile(info)
            assert source is not None
            yield info.name.split("/", 1)[1], (f"100{info.mode:o}", blob_id(source.read()))
