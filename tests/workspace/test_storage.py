"""What is published, kept in a folder and in a bucket: a real S3 protocol server on this machine."""

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from hishamos_pipeline.core.text.hashing import file_sha256
from hishamos_pipeline.errors import PathError, StorageError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.workspace import storage as storages
from hishamos_pipeline.workspace.storage import Manifest, Storage


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """An S3 server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty bucket, and the keys for it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"b{abs(hash(request.node.name)) % 10**12}"
    client(s3_url).create_bucket(Bucket=name)
    return name


def client(url: str):  # type: ignore[no-untyped-def]
    return boto3.client("s3", endpoint_url=url)


@pytest.fixture(params=["file", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, s3_url: str, bucket: str) -> Storage:
    """An empty storage of each kind."""
    if request.param == "file":
        return Storage(f"file://{tmp_path}/kept")
    return Storage(f"s3://{bucket}/kept", {"endpoint_url": s3_url})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a program, a file in a folder, one of no bytes, and an empty folder."""
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    (root / ".git/refs").mkdir(parents=True)
    (root / "src/a.py").write_text("print('ä')\n")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "empty").write_bytes(b"")
    return root


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_file()
    }


def hashes(manifest: Manifest) -> dict[str, str]:
    return {path: file.sha256 for path, file in manifest.files.items()}


def test_what_is_published_comes_back(storage: Storage, tree: Path, tmp_path: Path) -> None:
    assert storage.manifest("notes", "tree") is None
    assert storage.fetch("notes", "tree", tmp_path / "x", {}) is None
    kept = storage.publish("notes", "tree", tree, "v1")
    manifest = storage.fetch("notes", "tree", tmp_path / "back", hashes(kept))
    assert manifest and manifest.version == "v1" and contents(tmp_path / "back") == contents(tree)
    assert (tmp_path / "back/.git/refs").is_dir()
    kept = storage.publish("notes", "run", tree / "run", "")
    storage.fetch("notes", "run", tmp_path / "alone", hashes(kept))
    assert (tmp_path / "alone").read_text() == "#!/bin/sh\n" and os.access(tmp_path / "alone", os.X_OK)


def test_only_what_is_new_is_sent(storage: Storage, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.publish("notes", "tree", tree, "v1")
    sent: list[str] = []
    put = Storage._put
    monkeypatch.setattr(
        Storage, "_put", lambda self, source, target: (sent.append(source.name), put(self, source, target))
    )
    (tree / "src/b.py").write_text("b\n")
    storage.publish("notes", "tree", tree, "v2")
    assert sent == ["b.py"]


def test_a_publication_that_fails_halfway_leaves_the_old_one(
    storage: Storage, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = storage.publish("notes", "tree", tree, "v1")
    before = contents(tree)
    put = Storage._put

    def broken(self: Storage, source: Path, target: str) -> None:
        if source.name == "c.py":
            raise OSError("connection lost")
        put(self, source, target)

    for name in ("b", "c", "d"):
        (tree / f"{name}.py").write_text(f"{name}\n")
    monkeypatch.setattr(Storage, "_put", broken)
    with pytest.raises(StorageError, match="HISHAMOS_STORAGE_URL"):
        storage.publish("notes", "tree", tree, "v2")
    monkeypatch.undo()
    os.environ.update({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    storage.fetch("notes", "tree", tmp_path / "old", hashes(first))
    assert contents(tmp_path / "old") == before
    second = storage.publish("notes", "tree", tree, "v2")
    storage.fetch("notes", "tree", tmp_path / "new", hashes(second))
    assert contents(tmp_path / "new") == contents(tree)


def test_readers_see_one_or_the_other(storage: Storage, tmp_path: Path) -> None:
    trees = []
    for version in ("one", "two"):
        folder = tmp_path / version
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.txt").write_text(version)
        trees.append(folder)
    storage.publish("notes", "tree", trees[0], "one")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for folder in trees:
                storage.publish("notes", "tree", folder, folder.name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(10):
            manifest = storage.manifest("notes", "tree")
            assert manifest
            if storage.fetch("notes", "tree", tmp_path / f"read-{number}", hashes(manifest)) is None:
                continue  # it has been replaced in between
            texts = {path.read_text() for path in (tmp_path / f"read-{number}").iterdir()}
            assert len(texts) == 1
    finally:
        stop.set()
        writer.join()


def test_a_damaged_content_is_made_and_sent_again(storage: Storage, tree: Path, tmp_path: Path) -> None:
    manifest = storage.publish("notes", "tree", tree, "v1")
    digest = manifest.files["src/a.py"].sha256
    storage._fs.pipe_file(storage._object("notes", digest, "src/a.py"), b"something else")
    assert storage.fetch("notes", "tree", tmp_path / "bad", hashes(manifest)) is None
    storage.publish("notes", "tree", tree, "v1")
    assert storage.fetch("notes", "tree", tmp_path / "good", hashes(manifest)) and contents(
        tmp_path / "good"
    ) == contents(tree)


def test_a_manifest_cannot_lead_out_of_its_folder(storage: Storage, tree: Path, tmp_path: Path) -> None:
    manifest = storage.publish("notes", "tree", tree, "v1")
    evil = Manifest.model_validate_json(manifest.model_dump_json().replace('"src/a.py"', '"../../evil.py"'))
    storage._fs.pipe_file(storage._path("notes/tree.json"), evil.model_dump_json().encode())
    assert storage.fetch("notes", "tree", tmp_path / "out", hashes(manifest)) is None
    with pytest.raises(PathError):
        storage.fetch("notes", "tree", tmp_path / "out", hashes(evil))
    assert not list(tmp_path.rglob("evil.py"))


def test_large_files_go_in_parts(
    s3_url: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "PART_BYTES", 5 << 20)
    large = tmp_path / "large.zip"
    large.write_bytes(os.urandom(12 << 20))
    storage = Storage(f"s3://{bucket}", {"endpoint_url": s3_url})
    manifest = storage.publish("notes", "large.zip", large, "")
    (file,) = manifest.files.values()
    head = client(s3_url).head_object(Bucket=bucket, Key=f"notes/objects/{file.sha256}/large.zip")
    assert head["ContentLength"] == 12 << 20 and head["ETag"].strip('"').endswith("-3")
    storage.fetch("notes", "large.zip", tmp_path / "back.zip", hashes(manifest))
    assert (tmp_path / "back.zip").read_bytes() == large.read_bytes()
    assert storage.object_url("notes", file.sha256, "large.zip").startswith(f"s3://{bucket}/notes/objects/")


@pytest.mark.slow
def test_what_is_wrong_with_a_storage_is_told(s3_url: str, bucket: str, tree: Path) -> None:
    with pytest.raises(StorageError, match="make the bucket or folder first"):
        Storage("s3://nowhere-at-all", {"endpoint_url": s3_url}).publish("notes", "tree", tree, "v1")
    with pytest.raises(StorageError, match="the network"):
        Storage(f"s3://{bucket}", {"endpoint_url": "http://127.0.0.1:9"}).manifest("notes", "tree")


@pytest.mark.parametrize("url", ["http://x/y", "s3://key:secret@bucket", "/folder", "s3:///x"])
def test_only_folders_and_buckets(url: str) -> None:
    with pytest.raises(ValueError, match="storage_url"):
        Settings(storage_url=url)


def test_a_content_that_is_larger_than_it_should_be_is_not_loaded(
    storage: Storage, tree: Path, tmp_path: Path
) -> None:
    manifest = storage.publish("notes", "run", tree / "run", "")
    kept = storage._object("notes", manifest.files["run"].sha256, "run")
    storage._fs.pipe_file(kept, b"x" * 1_000_000)
    assert storage.fetch("notes", "run", tmp_path / "out", hashes(manifest)) is None
    assert not (tmp_path / "out").exists()


def test_contents_that_no_manifest_names_are_found_and_forgotten(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for text in ("one", "two"):
        (source / "file").write_text(text)
        (source / "same").write_text("same")
        storage.publish("notes", "tree", source, text)
    later, earlier = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    assert storage.unnamed("notes", earlier) == {} == storage.unnamed("never-published", later)
    ((path, size),) = storage.unnamed("notes", later).items()
    assert size == 3 and path.endswith("/file")
    named = {f.sha256 for f in storage.manifest("notes", "tree").files.values()}  # type: ignore[union-attr]
    storage.forget("notes", [path, *(storage._object("notes", digest, "same") for digest in named)], later)
    assert storage.unnamed("notes", later) == {}
    fetched = storage.fetch("notes", "tree", tmp_path / "back", expected_of(source))
    assert fetched is not None and (tmp_path / "back" / "file").read_text() == "two"


def test_where_a_manifest_cannot_be_read_nothing_is_forgotten(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_text("text")
    storage.publish("notes", "file", source, "1")
    storage._write(storage._path("notes/other.json"), b"{")
    with pytest.raises(StorageError, match=r"other\.json is no manifest"):
        storage.unnamed("notes", datetime.now(UTC) + timedelta(hours=1))


def expected_of(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in folder.iterdir()}
