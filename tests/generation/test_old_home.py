"""A home that release 0.1.0 has left: opened, migrated and planned by this one, and nothing of it is stale.

The fixture holds a project of the blueprint engine, with an edit, and one that a recorded model has built.
"""

import tarfile
from pathlib import Path

import pytest

from hishamos_pipeline.changing.editing import apply_edits, current_items, with_value
from hishamos_pipeline.changing.forecast import forecast
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.generation.producers.file_asks import FILE_ARTIFACTS, FILE_TASKS, file_asks
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


async def test_nothing_is_stale(old: ProjectRun) -> None:
    assert old.plan() == ()
    store = old.project.store
    assert current_revision(store.engine) == head_revision()
    heads = store.artifacts.heads(old.key)
    assert heads.keys() == STEPS.keys()
    for kind, row in heads.items():
        declared = STEPS[kind].inputs
        assert row.inputs.keys() >= set(declared), kind
        assert all(row.inputs[name] == heads[name].content_hash for name in declared), kind


async def test_no_unit_would_be_asked_for_again(old: ProjectRun) -> None:
    plan, stories = old.project.read("architecture", Architecture), old.project.read("stories", Stories)
    for kind, artifact in FILE_ARTIFACTS.items():
        made = {file.path: file for file in old.project.read(artifact, STEPS[artifact].document).files}
        texts = old.project.blobs(file.sha256 for file in made.values())
        answers = {path: FILE_TASKS[kind].answer(text=texts[file.sha256]) for path, file in made.items()}
        for ask in file_asks(plan, stories, kind):
            unit = old.engine.fingerprint(FILE_TASKS[kind], ask.question(answers))
            assert old.project.store.units.find(old.key, [unit]), ask.name


@pytest.mark.slow
async def test_a_build_reuses_everything(old: ProjectRun) -> None:
    assert set((await build(old)).values()) == {"reused"}
    assert old.project.store.projects.get(old.key).state == "exported"


async def test_an_edit_costs_what_it_touches(settings: Settings) -> None:
    old = opened("notes", settings)
    items = current_items(old.project, "stories")
    edited = {**items, "US-002": with_value(items["US-002"], "title", "See all notes")}
    apply_edits(
        old.project, "stories", edits_between("stories", items, edited), author="ann", reason="clearer"
    )
    units = {item.step.kind: item.units for item in await forecast(old)}
    assert units["test_suite"] == ("tests/test_us_002_see_all_notes.py",)
    assert units["source_code"] == ()
