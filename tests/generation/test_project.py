"""A project on its way: what is made, what is reused, and which state it is left in."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.core.artifacts.documents import Architecture, FileSet, Requirements, Stories
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.pipeline.graph import EXPORTS, STEPS
from hishamos_pipeline.errors import (
    ApprovalNeededError,
    ArtifactMissingError,
    UnbuildableError,
    VerificationError,
)
from hishamos_pipeline.generation.context import StepContext, UndeclaredInputError
from hishamos_pipeline.generation.file_asks import Plans, file_asks
from hishamos_pipeline.generation.producers.table import PRODUCERS, Producer
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.store.artifacts.repository import Provenance
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.engine import FakeEngine
from tests.support.building import build, opened_again


async def test_everything_is_made_once(notes: ProjectRun) -> None:
    assert set((await build(notes)).values()) == {"made"}
    assert notes.project.store.projects.get("notes").state == "exported"
    assert notes.plan() == ()
    assert set((await build(notes)).values()) == {"reused"}
    tree = notes.project.store.deliveries.newest("notes")
    assert tree is not None and {e.type: e.status for e in tree.exports} == {
        "git": "completed", "zip": "completed", "tar": "completed",
    }  # fmt: skip


@pytest.mark.slow
async def test_a_changed_idea_makes_again_what_follows_and_nothing_else(
    notes: ProjectRun, notes_idea: Idea
) -> None:
    await build(notes)
    before = notes.project.read("repository", STEPS["repository"].document)
    units_before = set(notes.project.store.units.find("notes", unit_keys(notes)))
    richer = notes_idea.model_copy(update={"features": (*notes_idea.features, "User can count notes")})
    notes.project.store.projects.submit(richer, "test")
    assert notes.plan()[0].reason == "a new revision was submitted"
    done = await build(notes)
    assert done["source_code"] == "made" and done["ci_config"] == "made"
    after = notes.project.read("repository", STEPS["repository"].document)
    told = [commit.subject for commit in after.commits[len(before.commits) :]]  # type: ignore[attr-defined]
    assert after.commits[: len(before.commits)] == before.commits  # type: ignore[attr-defined]
    assert [subject.partition(":")[0] for subject in told] == ["feat(notes)", "docs"]
    again = set(unit_keys(notes))
    assert len(again & units_before) > len(again) / 2
    assert (
        "count_notes" in (notes.project.folder.path("repository") / "src/notes/services/notes.py").read_text()
    )


def unit_keys(run: ProjectRun) -> list[str]:
    plans = Plans(run.project.read("architecture", Architecture), run.project.read("stories", Stories))
    asks = file_asks(plans, "source")
    return [run.engine.fingerprint(tasks.SOURCE_FILE, ask.question) for ask in asks]


@pytest.mark.slow
async def test_a_change_that_changes_nothing_stops_the_ripple(notes: ProjectRun, notes_idea: Idea) -> None:
    await build(notes)
    notes.project.store.projects.submit(notes_idea.model_copy(update={"users": ("parrot",)}), "test")
    done = await build(notes)
    made = [kind for kind, what in done.items() if what == "made"]
    # The archives look at the idea itself, for the exports that it asks for.
    assert made == ["idea", "requirements", *EXPORTS.values()]


async def test_going_back_to_an_earlier_idea(notes: ProjectRun, notes_idea: Idea) -> None:
    await build(notes)
    tree = notes.project.read("verified_build", STEPS["verified_build"].document)
    notes.project.store.projects.submit(
        notes_idea.model_copy(update={"features": ("User can add a note",)}), "t"
    )
    await build(notes)
    assert not (notes.project.folder.path("repository") / "tests/test_us_003_delete_a_note.py").exists()
    notes.project.store.projects.submit(notes_idea, "t")
    await build(notes)
    assert notes.project.read("verified_build", STEPS["verified_build"].document) == tree
    assert notes.plan() == ()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("notes.zip", {"zip_archive"}), ("repository", {"repository"}), ("tree", set[str]())],
)
async def test_missing_files_are_made_again(notes: ProjectRun, name: str, kinds: set[str]) -> None:
    await build(notes)
    path = notes.project.folder.path(name)
    if path.is_symlink():
        shutil.rmtree(path.resolve())
        path.unlink()
    else:
        path.unlink()
    certain = {step.kind for step in notes.plan() if step.certain}
    assert certain == kinds
    done = await build(notes)
    assert kinds <= {kind for kind, what in done.items() if what == "made"}
    assert done["verified_build"] == "reused", "its tree is written again from the store's texts"
    assert notes.plan() == () and notes.project.folder.path(name).exists()


async def test_a_step_without_its_input_says_what_to_do(notes: ProjectRun) -> None:
    notes.begin()
    with pytest.raises(ArtifactMissingError, match="no architecture yet"):
        await notes.make("ci_config")
    project = notes.project.store.projects.get("notes")
    assert (project.state, project.failed_step) == ("failed", "ci_config")


async def test_a_project_that_rules_cannot_build_is_blocked(store: ProjectStore, notes: ProjectRun) -> None:
    store.projects.submit(
        read_brief(b"# Game\n\n## Features\n- Play chess\n").model_copy(update={"key": "notes"}), "t"
    )
    await build(notes, until="stories")
    notes.begin()
    with pytest.raises(
        UnbuildableError, match="none of the 1 stories can be implemented: US-001 needs a language model"
    ):
        await notes.make("source_code")
    assert store.projects.get("notes").state == "blocked"


async def test_the_first_reason_stands(notes: ProjectRun) -> None:
    notes.begin()
    notes.lifecycle.stop("blocked", "stories", "first")
    notes.lifecycle.stop("failed", "ci_config", "second")
    notes.settle()
    project = notes.project.store.projects.get("notes")
    assert (project.state, project.failed_step, project.reason) == ("blocked", "stories", "first")


async def test_nothing_unverified_is_delivered(notes: ProjectRun) -> None:
    await build(notes, until="verified_build")
    good = notes.project.read("verified_build", STEPS["verified_build"].document)
    row = notes.project.store.artifacts.require("notes", "verified_build")
    bad = good.model_copy(update={"passed": False})
    notes.project.store.artifacts.write(
        "notes", "verified_build", bad, Provenance(row.inputs, row.code_version, "pipeline", "t")
    )
    assert notes.plan()[0].reason == "its verification failed"
    with pytest.raises(VerificationError, match="has not passed verification"):
        await notes.make("repository")
    assert not notes.project.folder.path("repository").exists()


async def test_an_approval_is_waited_for(store: ProjectStore, notes: ProjectRun, notes_idea: Idea) -> None:
    store.projects.submit(notes_idea.model_copy(update={"approvals": ("requirements",)}), "t")
    with pytest.raises(ApprovalNeededError, match="hishamos approve notes requirements"):
        await build(notes)
    assert store.projects.get("notes").state == "blocked"
    store.artifacts.approve("notes", "requirements")
    await build(notes)
    assert store.projects.get("notes").state == "exported"


async def test_archives_are_made_only_when_asked_for(
    store: ProjectStore, notes: ProjectRun, notes_idea: Idea
) -> None:
    store.projects.submit(notes_idea.model_copy(update={"exports": ("tar",)}), "t")
    await build(notes)
    assert (
        notes.project.folder.path("notes.tar.gz").exists()
        and not notes.project.folder.path("notes.zip").exists()
    )
    store.projects.submit(notes_idea, "t")
    await build(notes)
    assert notes.project.folder.path("notes.zip").exists()


async def test_finished_units_survive_a_failure(notes: ProjectRun) -> None:
    await build(notes, until="sprint_plan")
    notes.begin()
    engine = FakeEngine(notes.engine, fail_at=5)
    broken = opened_again(notes, engine=engine)
    with pytest.raises(BaseException):  # noqa: B017 - a group of errors
        await broken.make("source_code")
    assert notes.project.store.projects.get("notes").state == "failed"
    finished = set(engine.answered)
    engine.heal()
    made = await broken.make("source_code")
    assert finished and not finished & set(engine.answered)
    assert isinstance(made.document, FileSet)
    assert len(finished) + len(set(engine.answered)) == len(made.document.files)


async def test_two_runs_of_one_step_do_the_work_once(notes: ProjectRun) -> None:
    await build(notes, until="documentation")
    engine = FakeEngine(notes.engine)
    runs = [opened_again(notes, engine=engine) for _ in range(2)]
    made = await asyncio.gather(*(run.make("ci_config") for run in runs))
    assert sorted(item.reused for item in made) == [False, True]
    assert len(engine.answered) == len(set(engine.answered)) == 6


async def test_provenance_ties_files_to_stories_and_requirements(notes: ProjectRun, tmp_path: Path) -> None:
    import json

    await build(notes, until="verified_build")
    record = json.loads((notes.project.folder.path("tree") / "PROVENANCE.json").read_text())
    entry = record["files"]["src/notes/services/notes.py"]
    assert entry["stories"] == ["US-001", "US-002", "US-003"]
    assert entry["requirements"] == ["REQ-001", "REQ-002", "REQ-003"]
    assert record["stories"]["US-004"]["status"] == "deferred"
    assert record["producers"]["source_code"]["engine"] == "blueprint"


async def test_of_several_at_a_time_the_first_failure_is_told(notes: ProjectRun, store: ProjectStore) -> None:
    await build(notes, until="requirements")
    notes.begin()

    async def produce(step: StepContext) -> Architecture:
        raise ExceptionGroup("several", [ExceptionGroup("one", [UnbuildableError("nothing to make")])])

    with pytest.raises(UnbuildableError, match="nothing to make"):
        await opened_again(notes, producers={"architecture": Producer(produce)}).make("architecture")
    project = store.projects.get("notes")
    assert (project.state, project.failed_step, project.reason) == (
        "blocked",
        "architecture",
        "nothing to make",
    )


async def test_a_producer_reads_what_the_graph_declares_and_nothing_else(notes: ProjectRun) -> None:
    await build(notes, until="stories")

    async def produce(step: StepContext) -> Architecture:
        step.read("stories", Stories)
        raise AssertionError("it was read")

    peeking = opened_again(notes, producers={"architecture": Producer(produce)}, min_coverage=81)
    peeking.begin()
    notes.project.store.projects.submit(read_brief(b"# Notes\n\n## Features\n- User can add a note\n"), "t")
    await build(notes, until="requirements")
    with pytest.raises(UndeclaredInputError, match="the producer of architecture reads stories"):
        await peeking.make("architecture")


def test_every_artifact_has_a_producer() -> None:
    assert PRODUCERS.keys() == STEPS.keys()


async def test_planning_and_looking_write_nothing(notes: ProjectRun, tmp_path: Path) -> None:
    kept = opened_again(notes, storage_url=f"file://{tmp_path}/kept")
    await build(kept)
    shutil.rmtree(kept.project.folder.root)
    before = sorted(path for path in tmp_path.rglob("*"))
    assert kept.plan() == ()
    assert {row.kind for row in kept.staleness.restorable()} == {
        "verified_build", "repository", "zip_archive", "tar_archive",
    }  # fmt: skip
    assert sorted(path for path in tmp_path.rglob("*")) == before, "a look has brought something back"


async def test_an_input_that_is_replaced_meanwhile_is_read_again(notes: ProjectRun) -> None:
    await build(notes, until="verified_build")
    seen = []

    async def produce(step: StepContext) -> Architecture:
        plan = step.read("requirements", Requirements)
        seen.append(plan.title)
        if len(seen) == 1:
            row = step.revision("requirements")
            changed = plan.model_copy(update={"title": "Another"})
            notes.project.store.artifacts.write(
                "notes", "requirements", changed, Provenance(row.inputs, row.code_version, "pipeline", "t")
            )
        return notes.project.read("architecture", Architecture).model_copy(update={"title": seen[-1]})

    racing = opened_again(notes, producers={"architecture": Producer(produce)})
    head = notes.project.store.artifacts.require("notes", "architecture")
    notes.project.store.artifacts.write(
        "notes", "architecture", notes.project.read("architecture", Architecture),
        Provenance(head.inputs, "older rules", "architect", "t"),
    )  # fmt: skip
    made = await racing.make("architecture")
    assert seen == ["Notes", "Another"] and made.document.title == "Another"
    assert (
        made.row.inputs["requirements"]
        == notes.project.store.artifacts.require("notes", "requirements").content_hash
    )
