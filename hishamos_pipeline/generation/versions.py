"""What an artifact's making depends on besides its inputs: our code, the engine, the shape of the answer."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import TASK_OF
from hishamos_pipeline.core.hashing import content_hash, hash_files, sha256_text

_PACKAGE = Path(__file__).parent.parent
# Plain code that makes artifacts without asking an engine; its change makes them stale.
_CODE: Mapping[str, tuple[str, ...]] = {
    "idea": ("core/idea.py",),
    "sprint_plan": ("core/sprints.py",),
    "verified_build": ("verification/*.py", "sandbox/*.py", "toolchains/*.py"),
    "code_review": ("generation/steps.py",),
    "repository": ("delivery/commits.py", "delivery/repository.py"),
    "zip_archive": ("delivery/archives.py",),
    "tar_archive": ("delivery/archives.py",),
    "github_repository": ("core/target.py",),
    "gitlab_project": ("core/target.py",),
}


@cache
def _code_hash(kind: str) -> str:
    files = [path for pattern in _CODE.get(kind, ()) for path in _PACKAGE.glob(pattern)]
    return hash_files(files)[:16]


def code_version(kind: str, engine: Engine) -> str:
    """What an artifact's making depends on: our code, the engine's version, and the answer's schema."""
    task = TASK_OF.get(kind)
    if task is None:
        return _code_hash(kind)
    schema = content_hash(task.answer.model_json_schema())
    return sha256_text(f"{_code_hash(kind)}{engine.version(task)}{schema}")[:16]
