"""ZIP and TAR.GZ of a repository's head: streamed by git itself, the same bytes for the same commit."""

import gzip
import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hishamos_pipeline.delivery.repository import blob_id, git_module, open_repository, tree_of
from hishamos_pipeline.errors import DeliveryError
from hishamos_pipeline.workspace.tree import storage_errors

if TYPE_CHECKING:
    from git import Repo

_PLAIN = ("100644", "100755")
# Level 6 is what zip and gzip use when nobody says otherwise.
_LEVEL = 6
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that has been written: SHA-256, size in bytes, number of files, and the commit."""

    sha256: str
    size: int
    files: int
    commit: str


def write_zip(repository: Path, target: Path, prefix: str) -> Written:
    """Write a ZIP archive of the head's files under a top folder, and ``<target>.sha256`` beside it.

    Raises:
        DeliveryError: the head holds something that is no plain file.
        StorageError: disk full or read-only.
    """
    return _write(repository, target, prefix, _zip)


def write_tar(repository: Path, target: Path, prefix: str) -> Written:
    """Write a gzipped TAR archive of the head's files, and ``<target>.sha256`` beside it.

    Raises:
        DeliveryError: the head holds something that is no plain file.
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
    repository: Path, target: Path, prefix: str, write: Callable[["Repo", Path, str], None]
) -> Written:
    repo = open_repository(repository)
    commit = repo.head.commit.hexsha
    entries = tree_of(repo)
    if odd := [path for path, (mode, _) in sorted(entries.items()) if mode not in _PLAIN]:
        repo.close()
        raise DeliveryError(f"{odd[0]} is no plain file; an archive holds plain files alone")
    with storage_errors(target):
        try:
            write(repo, target, prefix)
        except git_module().exc.GitCommandError as error:
            raise DeliveryError(f"git could not write {target.name}: {error.stderr.strip()[:300]}") from error
        finally:
            repo.close()
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n")
        return Written(digest, target.stat().st_size, len(entries), commit)


def _zip(repo: "Repo", target: Path, prefix: str) -> None:
    repo.git.archive(
        "--format=zip", f"-{_LEVEL}", f"--prefix={prefix}/", f"--output={target.absolute()}", "HEAD"
    )


def _tar(repo: "Repo", target: Path, prefix: str) -> None:
    # Without a name and a time in gzip's header, the same commit always gives the same bytes.
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as packed,
    ):
        repo.git.archive(
            "--format=tar", f"--prefix={prefix}/", "HEAD", output_stream=packed, max_chunk_size=_CHUNK
        )


def _read_zip(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            # Git notes a mode in ZIP only for what is executable.
            mode = oct(info.external_attr >> 16 or 0o100644)[2:]
            yield info.filename.split("/", 1)[1], (mode, blob_id(archive.read(info)))


def _read_tar(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            if info.isdir():
                continue
            source = archive.extractfile(info)
            assert source is not None
            yield info.name.split("/", 1)[1], (f"100{info.mode:o}", blob_id(source.read()))
