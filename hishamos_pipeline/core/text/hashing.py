"""Canonical hashes: equal content gives an equal hash on every machine."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces, and no escapes, so that equal values are equal text."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256_text(text: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(value: object) -> str:
    """The SHA-256 of a document's canonical JSON, in hex."""
    return sha256_text(canonical_json(value))


def hash_files(paths: Iterable[Path]) -> str:
    """One hash over the names and bytes of files, whatever the order they are given in."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
