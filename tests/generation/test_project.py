"""A project on its way: what is made, what is reused, and which state it is left in."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.core.documents import FileSet, Stories
from hishamos_pipeline.core.graph import EXPORTS, STEPS, topological
from hishamos_pipeline.core.idea import Idea
from hishamos_pipeline.errors import (
    ApprovalNeededError,
    ArtifactMissingError,
    UnbuildableError,
    VerificationError,
)
from hishamos_pipeline.generation import checking, delivering, planning, steps
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.store.artifacts import Producer
from hishamos_pipeline.store.store import ProjectStore
from tests.fakes.engine import FakeEngine


async def build(run: ProjectRun, until: str = "gitlab_project") -> dict[str, str]:
    """Make every artifact in order, as a run would, and tell which were made and which reused."""
    producers = {
        "idea": lambda: as_async(run.submitted_idea()),
        "requirements": lambda: run.ask("requirements", tasks.REQUIREMENTS, run.read("idea", Idea)),
        "architecture": lambda: planning.design(run),
        "stories": lambda: planning.write_stories(run),
        "sprint_plan": lambda: steps.cut_sprints(run),
        "source_code": lambda: steps.write_files(run, "source"),
        "test_suite": lambda: steps.write_tests(run),
        "documentation": lambda: steps.write_files(run, "docs"),
        "ci_config": lambda: steps.write_files(run, "ci"),
        "verified_build": lambda: checking.verify_build(run),
        "code_review": lambda: steps.review_code(run),
        "repository": lambda: delivering.build_repository(run),
        "zip_archive": lambda: delivering.write_archive(run, "zip"),
        "tar_archive": lambda: delivering.write_archive(run, "tar"),
        "github_repository": lambda: delivering.publish(run, "github"),
        "gitlab_project": lambda: delivering.publish(run, "gitlab"),
    }
    done = {}
    run.begin()
    order = ("idea", "requirements", "architecture", "stories", "sprint_plan", "source_code", "test_suite",
             "documentation", "ci_config", "verified_build", "code_review",
             "repository", "zip_archive", "tar_archive", "github_repository", "gitlab_project")  # fmt: skip
    assert set(order) == set(topological())
    for kind in order:
        made = await run.make(kind, producers[kind])  # type: ignore[type-var]
        done[kind] = "reused" if made.reused else "made"
        if kind == until:
            break
    run.settle()
    return done


async def as_async(value: Idea) -> Idea:
    return value


async def test_everything_is_made_once(notes: ProjectRun) -> None:
    assert set((await build(notes)).values()) == {"made"}
    assert notes.store.projects.get("notes").state == "exported"
    assert notes.plan() == ()
    assert set((await build(notes)).values()) == {"reused"}
    tree = notes.store.deliveries.newest("notes")
    assert tree is not None and {e.type: e.status for e in tree.exports} == {
        "git": "completed", "zip": "completed", "tar": "completed",
    }  # fmt: skip


async def test_a_changed_idea_makes_again_what_follows_and_nothing_else(
    notes: ProjectRun, notes_idea: Idea
) -> None:
    await build(notes)
    before = notes.read("repository", STEPS["repository"].document)
    units_before = set(notes.store.units.find("notes", unit_keys(notes)))
    richer = notes_idea.model_copy(update={"features": (*notes_idea.features, "User can count notes")})
    notes.store.projects.submit(richer, "test")
    assert notes.plan()[0].reason == "a new revision was submitted"
    done = await build(notes)
    assert done["source_code"] == "made" and done["ci_config"] == "made"
    after = notes.read("repository", STEPS["repository"].document)
    assert after.commits[:-1] == before.commits  # type: ignore[attr-defined]
    again = set(unit_keys(notes))
    assert len(again & units_before) > len(again) / 2
    assert "count_notes" in (notes.folder.path("repository") / "src/notes/services/notes.py").read_text()


def unit_keys(run: ProjectRun) -> list[str]:
    plan, stories = run.read("architecture", STEPS["architecture"].document), run.read("stories", Stories)
    asks = steps.planned_asks(plan, stories, "source")  # type: ignore[arg-type]
    return [run.engine.fingerprint(tasks.SOURCE_FILE, ask.question({})) for ask in asks]


async def test_a_change_that_changes_nothing_stops_the_ripple(notes: ProjectRun, notes_idea: Idea) -> None:
    await build(notes)
    notes.store.projects.submit(notes_idea.model_copy(update={"users": ("parrot",)}), "test")
    done = await build(notes)
    made = [kind for kind, what in done.items() if what == "made"]
    # The archives look at the idea itself, for the exports that it asks for.
    assert made == ["idea", "requirements", *EXPORTS.values()]


async def test_going_back_to_an_earlier_idea(notes: ProjectRun, notes_idea: Idea) -> None:
    await build(notes)
    tree = notes.read("verified_build", STEPS["verified_build"].document)
    notes.store.projects.submit(notes_idea.model_copy(update={"features": ("User can add a note",)}), "t")
    await build(notes)
    assert not (notes.folder.path("repository") / "tests/test_us_003_delete_a_note.py").exists()
    notes.store.projects.submit(notes_idea, "t")
    await build(notes)
    assert notes.read("verified_build", STEPS["verified_build"].document) == tree
    assert notes.plan() == ()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("notes.zip", {"zip_archive"}), ("repository", {"repository"}), ("tree", {"verified_build"})],
)
async def test_missing_files_are_made_again(notes: ProjectRun, name: str, kinds: set[str]) -> None:
    await build(notes)
    path = notes.folder.path(name)
    if path.is_symlink():
        shutil.rmtree(path.resolve())
        path.unlink()
    else:
        path.unlink()
    certain = {step.kind for step in notes.plan() if step.certain}
    assert certain == kinds
    done = await build(notes)
    assert kinds <= {kind for kind, what in done.items() if what == "made"}
    assert notes.plan() == () and notes.folder.path(name).exists()


async def test_a_step_without_its_input_says_what_to_do(notes: ProjectRun) -> None:
    notes.begin()
    with pytest.raises(ArtifactMissingError, match="no architecture yet"):
        await notes.make("ci_config", lambda: steps.write_files(notes, "ci"))
    project = notes.store.projects.get("notes")
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
        await notes.make("source_code", lambda: steps.write_files(notes, "source"))
    assert store.projects.get("notes").state == "blocked"


async def test_the_first_reason_stands(notes: ProjectRun) -> None:
    notes.begin()
    notes.stop("blocked", "stories", "first")
    notes.stop("failed", "ci_config", "second")
    notes.settle()
    project = notes.store.projects.get("notes")
    assert (project.state, project.failed_step, project.reason) == ("blocked", "stories", "first")


async def test_nothing_unverified_is_delivered(notes: ProjectRun) -> None:
    await build(notes, until="verified_build")
    good = notes.read("verified_build", STEPS["verified_build"].document)
    row = notes.store.artifacts.require("notes", "verified_build")
    bad = good.model_copy(update={"passed": False})
    notes.store.artifacts.write(
        "notes", "verified_build", bad, Producer(row.inputs, row.code_version, "pipeline", "t")
    )
    assert notes.plan()[0].reason == "its verification failed"
    with pytest.raises(VerificationError, match="has not passed verification"):
        await notes.make("repository", lambda: delivering.build_repository(notes))
    assert not notes.folder.path("repository").exists()


async def test_an_approval_is_waited_for(store: ProjectStore, notes: ProjectRun, notes_idea: Idea) -> None:
    store.projects.submit(notes_idea.model_copy(update={"approvals": ("requirements",)}), "t")
    with pytest.raises(ApprovalNeededError, match="hishamos approve notes requirements"):
        await build(notes)
    assert store.projects.get("notes").state == "blocked"
    store.artifacts.approve("notes", "requirements", "ada")
    await build(notes)
    assert store.projects.get("notes").state == "exported"


async def test_archives_are_made_only_when_asked_for(
    store: ProjectStore, notes: ProjectRun, notes_idea: Idea
) -> None:
    store.projects.submit(notes_idea.model_copy(update={"exports": ("tar",)}), "t")
    await build(notes)
    assert notes.folder.path("notes.tar.gz").exists() and not notes.folder.path("notes.zip").exists()
    store.projects.submit(notes_idea, "t")
    await build(notes)
    assert notes.folder.path("notes.zip").exists()


def with_engine(run: ProjectRun, engine: FakeEngine) -> ProjectRun:
    """The same project with another engine."""
    return ProjectRun(
        run.key,
        store=run.store,
        engine=engine,
        sandbox=run.sandbox,
        toolchains=run.toolchains,
        settings=run.settings,
    )


async def test_finished_units_survive_a_failure(notes: ProjectRun) -> None:
    await build(notes, until="sprint_plan")
    notes.begin()
    engine = FakeEngine(notes.engine, fail_at=5)
    broken = with_engine(notes, engine)
    with pytest.raises(BaseException):  # noqa: B017 - a group of errors
        await broken.make("source_code", lambda: steps.write_files(broken, "source"))
    assert notes.store.projects.get("notes").state == "failed"
    finished = set(engine.answered)
    engine.heal()
    made = await broken.make("source_code", lambda: steps.write_files(broken, "source"))
    assert finished and not finished & set(engine.answered)
    assert isinstance(made.document, FileSet)
    assert len(finished) + len(set(engine.answered)) == len(made.document.files)


async def test_two_runs_of_one_step_do_the_work_once(notes: ProjectRun) -> None:
    await build(notes, until="sprint_plan")
    engine = FakeEngine(notes.engine)
    runs = [with_engine(notes, engine) for _ in range(2)]
    made = await asyncio.gather(
        *(run.make("ci_config", lambda run=run: steps.write_files(run, "ci")) for run in runs)  # type: ignore[misc]
    )
    assert sorted(item.reused for item in made) == [False, True]
    assert len(engine.answered) == len(set(engine.answered)) == 6


async def test_provenance_ties_files_to_stories_and_requirements(notes: ProjectRun, tmp_path: Path) -> None:
    import json

    await build(notes, until="verified_build")
    record = json.loads((notes.folder.path("tree") / "PROVENANCE.json").read_text())
    entry = record["files"]["src/notes/services/notes.py"]
    assert entry["stories"] == ["US-001", "US-002", "US-003"]
    assert entry["requirements"] == ["REQ-001", "REQ-002", "REQ-003"]
    assert record["stories"]["US-004"]["status"] == "deferred"
    assert record["producers"]["source_code"]["engine"] == "blueprint"


async def test_of_several_at_a_time_the_first_failure_is_told(notes: ProjectRun, store: ProjectStore) -> None:
    await build(notes, until="requirements")
    notes.begin()

    async def produce() -> FileSet:
        raise ExceptionGroup("several", [ExceptionGroup("one", [UnbuildableError("nothing to make")])])

    with pytest.raises(UnbuildableError, match="nothing to make"):
        await notes.make("architecture", produce)
    project = store.projects.get("notes")
    assert (project.state, project.failed_step, project.reason) == (
        "blocked",
        "architecture",
        "nothing to make",
    )
