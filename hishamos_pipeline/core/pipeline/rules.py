"""Versions of the rules that shape artifacts: the same after a refactoring, another one whenever rules differ.

A rule set is the code and the templates that an artifact, or an engine's answer, is made with. ``rules.lock`` names for
each its files, the digest of their contents, and its version. Whoever changes a file of a set says whether it makes
something else now (``python -m scripts.rules bump NAME``) or the same (``keep``); a test holds the lock against the
code. While that has not been said, the digest itself is the version, so that what a changed rule makes is never taken
for what it made before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from hishamos_pipeline.core.text.hashing import content_hash

PACKAGE = Path(__file__).parent.parent.parent
LOCK = PACKAGE / "rules.lock"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set as the lock has it.

    Args:
        version: changes when the rules make something else.
        digest: of the files, or of the shape, that the version stands for.
        files: paths in the package; none for the shape of an answer.
    """

    version: str
    digest: str
    files: tuple[str, ...] = ()


@cache
def locked() -> Mapping[str, RuleSet]:
    """All rule sets by name."""
    raw = json.loads(LOCK.read_text())
    return {
        name: RuleSet(entry["version"], entry["digest"], tuple(entry.get("files", ())))
        for name, entry in raw.items()
    }


@cache
def rule_version(name: str) -> str:
    """The version of a rule set; its digest where files differ from those that the version stands for.

    Raises:
        KeyError: the lock has no such set.
    """
    found = locked()[name]
    digest = digest_of(found.files)
    return found.version if digest == found.digest else digest


def shape_version(name: str, answer: type[BaseModel]) -> str:
    """The version of an answer's shape: what the lock says of its JSON schema, whose hash it is otherwise."""
    found, digest = locked().get(name), _schema_digest(answer)
    return found.version if found and digest == found.digest else digest


@cache
def _schema_digest(answer: type[BaseModel]) -> str:
    return content_hash(answer.model_json_schema())


def digest_of(files: Iterable[str], package: Path = PACKAGE) -> str:
    """One hash over the contents of files, whatever they are called: a file that is only moved changes nothing."""
    hashes = sorted(hashlib.sha256((package / name).read_bytes()).hexdigest() for name in files)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
