"""A home that release 0.1.0 has left: opened, migrated and read by this one; what people made is kept.

The fixture holds a project of the blueprint engine, with an edit, and one that a recorded model has built. Rules and
prompts have changed since: what is made by them is made again, and nothing else.
"""

import tarfile
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import VerifiedBuild
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.database import current_revision, head_revision
from tests.support.building import build

FIXTURE = Path(__file__).parent.parent / "fixtures" / "home-0.1.0.tar.gz"
MODELS = {"notes": "blueprint", "reading-log": "openai-chat:gpt-5.6"}


def opened(name: str, settings: Settings) -> ProjectRun:
    """A project of the old home, with the engine that it was built with."""
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(settings.home, filter="data")
    return Services(settings.model_copy(update={"llm": MODELS[name]})).project(name)


@pytest.fixture(params=sorted(MODELS))
def old(request: pytest.FixtureRequest, settings: Settings) -> ProjectRun:
    """Each project of the old home."""
    return opened(request.param, settings)


async def test_it_is_opened_migrated_and_read(old: ProjectRun) -> None:
    store = old.project.store
    assert current_revision(store.engine) == head_revision()
    heads = store.artifacts.heads(old.key)
    assert heads.keys() == STEPS.keys()
    for kind in heads:
        old.project.read(kind, STEPS[kind].document)
    planned = {step.kind: step.reason for step in old.plan() if step.certain}
    assert planned["requirements"].startswith("made with another prompt")
    assert "idea" not in planned and "sprint_plan" not in planned


@pytest.mark.slow
async def test_a_build_makes_the_same_files_and_keeps_what_a_person_wrote(settings: Settings) -> None:
    old = opened("notes", settings)
    edits = old.project.store.edits.active(old.key, "requirements")
    files = {f.path: f.sha256 for f in old.project.read("verified_build", VerifiedBuild).files}
    await build(old)
    assert old.project.store.projects.get(old.key).state == "exported"
    assert old.project.store.edits.active(old.key, "requirements") == edits
    now = {f.path: f.sha256 for f in old.project.read("verified_build", VerifiedBuild).files}
    # What the rules of this release write otherwise: tests of a first command try it without an action, too.
    others = {"PROVENANCE.json", "pyproject.toml", "tests/test_us_001_add_a_note.py"}
    assert {path for path in files if files[path] != now.get(path)} <= others
    assert old.plan() == ()
