"""The cleanup on real projects, rows and a real disk: what goes, what stays, and what goes on after interruptions."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import (
    DeletionRefusedError,
    ProjectBusyError,
    ProjectNotFoundError,
    StorageError,
)
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.operations.cleanup import projects, quota
from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate, Swept
from hishamos_pipeline.operations.cleanup.cleaning import clean
from hishamos_pipeline.operations.cleanup.runs import EndedRun
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.storage import open_storage
from tests.fakes.clock import FixedClock
from tests.fakes.run_history import FakeRuns
from tests.support.building import build, opened_again

Clean = Callable[..., dict[str, Swept]]


@pytest.fixture
def clock() -> FixedClock:
    """Now: files on disk have the machine's times."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def history() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def cleaned(store: ProjectStore, settings: Settings, history: FakeRuns, tmp_path: Path) -> Clean:
    """The cleanup, with settings of the test."""

    def run(*, dry_run: bool = False, **changed: object) -> dict[str, Swept]:
        given = settings.model_copy(update={"toolchains": tmp_path / "toolchains", **changed})
        services = Services(given)
        services.__dict__["store"] = store  # the one whose clock can be moved
        return clean(services, history, dry_run=dry_run)

    return run


def aged(path: Path, days: float = 2) -> Path:
    then = datetime.now(UTC).timestamp() - days * 86400
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def total(swept: dict[str, Swept]) -> dict[str, int]:
    return {kind: done.count for kind, done in swept.items() if done.count}


async def test_a_live_project_survives_everything(
    notes: ProjectRun, store: ProjectStore, clock: FixedClock, cleaned: Clean
) -> None:
    """However little is kept: what was verified last, and all that it was made from, is there."""
    for vision in ("one", "two", "three"):
        store.projects.submit(notes.project.idea().model_copy(update={"vision": vision}), "test")
        await build(notes)
    before = {kind: row.content_hash for kind, row in store.artifacts.heads("notes").items()}
    clock.advance(timedelta(days=400))
    done = cleaned(keep_revisions=1, keep_revision_days=0, keep_run_days=0, keep_failed_days=0)
    assert done["revisions"].count > 0
    assert {kind: row.content_hash for kind, row in store.artifacts.heads("notes").items()} == before
    assert set((await build(notes)).values()) == {"reused"}
    assert total(cleaned(keep_revisions=1, keep_revision_days=0)) == {}


async def test_texts_go_with_the_last_that_names_them(
    notes: ProjectRun, store: ProjectStore, clock: FixedClock, cleaned: Clean
) -> None:
    await build(notes)
    old = {item.sha256 for item in notes.project.read("verified_build", _verified()).files}
    idea = notes.project.idea()
    fewer = idea.model_copy(update={"features": idea.features[:1], "title": "Jotter"})
    store.projects.submit(fewer, "test")
    clock.advance(timedelta(days=100))
    await build(notes)
    new = {item.sha256 for item in notes.project.read("verified_build", _verified()).files}
    assert old - new
    clock.advance(timedelta(days=100))
    cleaned(keep_revisions=1, keep_revision_days=1)
    assert set(store.units.blobs(new)) == new
    for digest in old - new:
        with pytest.raises(KeyError):
            store.units.blobs([digest])


async def test_a_project_in_work_and_young_texts_are_left_alone(
    notes: ProjectRun, store: ProjectStore, clock: FixedClock, cleaned: Clean
) -> None:
    for vision in ("one", "two"):
        store.projects.submit(notes.project.idea().model_copy(update={"vision": vision}), "test")
        await build(notes, until="stories")
    clock.advance(timedelta(days=400))
    store.units.add_blobs(["just begun"])
    store.projects.set_state("notes", "building")
    rows = len(store.artifacts.history("notes"))
    assert "revisions" not in total(cleaned(keep_revisions=1, keep_revision_days=0))
    assert len(store.artifacts.history("notes")) == rows
    assert store.housekeeping.unused_blobs(clock.now() - timedelta(days=1)) == {}


def _verified():
    from hishamos_pipeline.core.artifacts.documents import VerifiedBuild

    return VerifiedBuild


def test_what_killed_processes_left_goes_when_it_is_old(
    settings: Settings, cleaned: Clean, tmp_path: Path
) -> None:
    folder = ProjectFolder(settings.projects_dir, "notes")
    old, young = folder.root / "staging" / "old", folder.root / "staging" / "young"
    for path in (old, young):
        path.mkdir(parents=True)
        (path / "file").write_text("x" * 1000)
    linked = folder.root / "versions" / "tree-1"
    unlinked = folder.root / "versions" / "tree-0"
    for path in (linked, unlinked):
        path.mkdir(parents=True)
    (folder.root / "tree").symlink_to("versions/tree-1")
    for path in (old, linked, unlinked, folder.root / "tree"):
        aged(path)
    going = settings.projects_dir / ".gone-1234"
    going.mkdir()
    (settings.projects_dir / "Not A Project").mkdir()
    would = cleaned(dry_run=True)
    assert total(would) == {"staging": 3} and would["staging"].bytes == 1000 and old.exists()
    with folder.lock("old", wait_seconds=0):
        cleaned()  # somebody is at it
    assert old.exists() and not unlinked.exists() and not going.exists()
    cleaned()
    assert not old.exists() and young.exists() and linked.exists() and (folder.root / "tree").is_dir()


def test_toolchains_go_by_last_use(cleaned: Clean, tmp_path: Path) -> None:
    folder = tmp_path / "toolchains"
    folder.mkdir()
    for name, days in (("python-old", 40), ("python-used", 3), (".making-x", 2), (".pip-young", 0.5)):
        (folder / name).mkdir()
        aged(folder / name, days)
    aged_file = folder / "resolved-old.json"
    aged_file.write_text("{}")
    aged(aged_file, 40)
    done = cleaned()
    assert done["toolchains"].count == 3
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [".pip-young", "python-used"]


async def test_archives_and_failed_trees_go_when_nobody_comes_back(
    notes: ProjectRun, store: ProjectStore, settings: Settings, clock: FixedClock, cleaned: Clean
) -> None:
    await build(notes)
    root = settings.projects_dir / "notes"
    clock.advance(timedelta(days=50))
    assert total(cleaned()) == {}  # archives are kept for ever unless a setting says otherwise
    assert cleaned(keep_archive_days=40)["archives"].count == 4
    assert not (root / "notes.zip").exists() and (root / "tree").is_dir()
    again = await build(notes)
    assert {kind for kind, how in again.items() if how == "made"} == {"zip_archive", "tar_archive"}
    assert (root / "notes.zip").exists()
    store.projects.set_state("notes", "failed", step="repository", reason="x")
    clock.advance(timedelta(days=50))
    assert "failed_trees" not in total(cleaned())  # its tree was verified


def test_the_quota_evicts_the_longest_unused_first(
    store: ProjectStore, settings: Settings, clock: FixedClock, cleaned: Clean
) -> None:
    for number, key in enumerate(("first", "second", "third")):
        store.projects.submit(Idea(key=key, title=key), "test")
        store.projects.set_state(key, "exported")
        clock.advance(timedelta(days=1))
        root = settings.projects_dir / key
        (root / "repository").mkdir(parents=True)
        (root / "repository" / "data").write_bytes(b"x" * 300_000)
        (root / f"{key}.zip").write_bytes(b"x" * 400_000)
        assert number < 3
    clock.advance(timedelta(days=5))
    done = cleaned(disk_quota_mb=2)
    assert done["over_quota"].names == ["first/first.zip"]
    done = cleaned(disk_quota_mb=1)
    assert done["over_quota"].names == ["second/second.zip", "third/third.zip"]
    assert all(
        (settings.projects_dir / key / "repository" / "data").exists() for key in ("first", "second", "third")
    )


def test_what_is_young_is_never_evicted() -> None:
    now = datetime.now(UTC)
    item = quota.Evictable(RemovalCandidate("a", 100, lambda: None), now)
    assert quota.evicted([item], used=1000, quota=1, grace=now - timedelta(hours=1)) == []


def exported(store: ProjectStore, settings: Settings, history: FakeRuns, key: str) -> None:
    store.projects.submit(Idea(key=key, title=key), "test")
    store.projects.set_state(key, "exported")
    (settings.projects_dir / key).mkdir(parents=True)
    (settings.projects_dir / key / "file").write_text("x")
    history.partitions.add(key)
    history.runs.append(EndedRun(f"run-{key}", key, frozenset({"idea"}), True, datetime.now(UTC)))


def test_a_project_is_archived_and_then_deleted(
    store: ProjectStore, settings: Settings, history: FakeRuns, clock: FixedClock, cleaned: Clean
) -> None:
    exported(store, settings, history, "old")
    clock.advance(timedelta(days=31))
    exported(store, settings, history, "new")
    history.working.add("old")
    done = cleaned(keep_idle_days=30)
    assert "being built" in done["idle_projects"].failed[0]
    history.working.clear()
    assert cleaned(keep_idle_days=30)["idle_projects"].names == ["old"]
    assert store.projects.get("old").state == "archived" and (settings.projects_dir / "old").exists()
    clock.advance(timedelta(days=31))
    assert cleaned(keep_archived_days=30)["archived_projects"].names == ["old"]
    with pytest.raises(ProjectNotFoundError):
        store.projects.get("old")
    assert not (settings.projects_dir / "old").exists()
    assert history.partitions == {"new"} and [run.project for run in history.runs] == ["new"]


@pytest.mark.parametrize("broken_at", ["files", "rows", "runs"])
def test_a_deletion_that_was_interrupted_is_finished(
    store: ProjectStore,
    settings: Settings,
    history: FakeRuns,
    cleaned: Clean,
    monkeypatch: pytest.MonkeyPatch,
    broken_at: str,
) -> None:
    exported(store, settings, history, "notes")
    projects.archive(store, history, "notes")
    store.housekeeping.begin_deletion("notes", "ann")
    with monkeypatch.context() as patched:
        if broken_at == "files":
            patched.setattr("shutil.rmtree", lambda *_: (_ for _ in ()).throw(OSError("disk")))
        elif broken_at == "rows":
            patched.setattr(
                store.housekeeping, "remove_project", lambda _: (_ for _ in ()).throw(OSError("away"))
            )
        else:
            history.broken = True
        assert cleaned()["deletions"].failed
    history.broken = False
    with pytest.raises(ProjectBusyError, match="being deleted"):
        store.projects.submit(Idea(key="notes", title="Other"), "test")
    assert cleaned()["deletions"].names == ["notes"]
    assert history.partitions == set() and history.runs == []
    assert [path.name for path in settings.projects_dir.iterdir()] == []
    assert store.projects.submit(Idea(key="notes", title="Other"), "test").revision == 1


def test_nothing_is_built_while_it_is_deleted_and_its_secrets_go(
    store: ProjectStore, settings: Settings, history: FakeRuns
) -> None:
    exported(store, settings, history, "notes")
    with pytest.raises(DeletionRefusedError, match="not archived"):
        store.housekeeping.begin_deletion("notes", "ann")
    keys = ("vRjRHVhl7yPpyHSyoz2x_1xVTRmbEIXHqS6HlGqhd5k=",)
    for name in ("secret:notes/TOKEN", "secret:notes-2/TOKEN", "GITHUB_TOKEN"):
        store.credentials.set(name, "a-secret-of-some-length", keys)
    projects.archive(store, history, "notes")
    store.housekeeping.begin_deletion("notes", "ann")
    with pytest.raises(ProjectBusyError, match="being deleted"):
        store.projects.set_state("notes", "building")
    projects.finish_deletion(store, history, settings.projects_dir, "notes")
    assert set(store.credentials.names()) == {"secret:notes-2/TOKEN", "GITHUB_TOKEN"}


async def test_what_is_kept_nowhere_else_is_not_deleted(
    notes: ProjectRun, store: ProjectStore, settings: Settings, history: FakeRuns, clock: FixedClock, cleaned: Clean,
    tmp_path: Path,
) -> None:  # fmt: skip
    await build(notes)
    with pytest.raises(DeletionRefusedError, match="not archived"):
        projects.require_deletable(store, history, None, "notes")
    projects.archive(store, history, "notes")
    clock.advance(timedelta(days=99))
    done = cleaned(keep_archived_days=30)
    assert "no other copy" in done["archived_projects"].failed[0]
    assert store.projects.get("notes").state == "archived"
    projects.copy_to(store, settings.projects_dir, "notes", tmp_path / "out")
    copy = tmp_path / "out" / "notes"
    log = subprocess.run(
        ["git", "-C", copy / "repository", "log", "--oneline"], capture_output=True, text=True
    )
    assert log.returncode == 0 and log.stdout and (copy / "notes.zip").stat().st_size > 0
    settings_with_storage = {"storage_url": f"file://{tmp_path}/kept"}
    kept = settings.model_copy(update=settings_with_storage)
    again = opened_again(notes, **settings_with_storage)
    await build(again)
    projects.archive(store, history, "notes")
    moved = notes.project.idea().model_copy(update={"vision": "another"})
    store.projects.submit(moved, "test")
    await build(notes)  # without the storage: what is there is not the newest any more
    projects.archive(store, history, "notes")
    with pytest.raises(DeletionRefusedError, match="no other copy"):
        projects.require_deletable(store, history, open_storage(kept), "notes")
    (settings.projects_dir / "notes" / "repository").unlink()
    (settings.projects_dir / "notes" / "tree").unlink()
    await build(again)
    projects.archive(store, history, "notes")
    clock.advance(timedelta(days=99))
    assert cleaned(keep_archived_days=30, **settings_with_storage)["archived_projects"].names == ["notes"]


def test_one_cleanup_at_a_time(cleaned: Clean, settings: Settings) -> None:
    from filelock import FileLock

    settings.home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.home / ".cleanup.lock"), pytest.raises(ProjectBusyError, match="another cleanup"):
        cleaned()


async def deleted_on_another_machine(
    notes: ProjectRun, store: ProjectStore, history: FakeRuns, elsewhere: Path
) -> Path:
    """A project's folder that nobody has touched for days when the project is deleted on another machine."""
    await build(notes, until="source_code")
    (notes.project.folder.root / "tree").mkdir(parents=True)
    projects.archive(store, history, "notes")
    store.housekeeping.begin_deletion("notes", "test")
    for path in [*notes.project.folder.root.rglob("*"), notes.project.folder.root]:
        aged(path)
    projects.finish_deletion(store, history, elsewhere, "notes")
    return notes.project.folder.root


async def test_what_was_deleted_on_another_machine_goes_here_too(
    notes: ProjectRun,
    store: ProjectStore,
    history: FakeRuns,
    clock: FixedClock,
    cleaned: Clean,
    tmp_path: Path,
) -> None:
    """Only what the audit log tells of, and nobody has touched since: other folders may be all that there is."""
    here = await deleted_on_another_machine(notes, store, history, tmp_path / "other")
    (here.parent / "stranger").mkdir()
    aged(here.parent / "stranger")
    assert "deleted_elsewhere" not in total(cleaned())  # within the grace time
    clock.advance(timedelta(days=2))
    role = here / "agents" / "translator.yaml"
    role.parent.mkdir()
    role.write_text("put here for a new project of this key")
    assert "deleted_elsewhere" not in total(cleaned())
    for path in (role, role.parent, here):
        aged(path)
    store.projects.submit(Idea(key="notes", title="Another"), "test")
    assert cleaned(dry_run=True)["deleted_elsewhere"].names == ["notes"] and role.is_file()
    assert total(cleaned()) == {"deleted_elsewhere": 1}
    assert [path.name for path in here.parent.iterdir()] == ["stranger"]


async def test_a_new_project_finds_nothing_of_the_one_before(
    notes: ProjectRun, store: ProjectStore, history: FakeRuns, tmp_path: Path
) -> None:
    here = await deleted_on_another_machine(notes, store, history, tmp_path / "other")
    store.projects.submit(Idea(key="notes", title="Another"), "test")
    notes.begin()
    assert not here.exists()
    (here / "agents").mkdir(parents=True)
    notes.begin()
    assert (here / "agents").is_dir()


async def test_a_copy_of_what_is_not_here_is_refused(
    notes: ProjectRun, store: ProjectStore, settings: Settings, tmp_path: Path
) -> None:
    await build(notes)
    with pytest.raises(StorageError, match="the repository of notes is not on this machine"):
        projects.copy_to(store, tmp_path / "projects of this machine", "notes", tmp_path / "out")
    projects.copy_to(store, settings.projects_dir, "notes", tmp_path / "out")
    assert (tmp_path / "out" / "notes" / "repository" / ".git").is_dir()


def test_downloads_go_when_they_are_old_or_space_is_short(cleaned: Clean, tmp_path: Path) -> None:
    kept = tmp_path / "toolchains" / "pip-cache"
    old, new = kept / "a" / "b" / "old", kept / "a" / "new"
    for path in (old, new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0" * 1_500_000)
    assert total(cleaned(keep_toolchain_days=30, disk_quota_mb=1)) == {}  # within the grace time
    aged(old, 29)
    assert total(cleaned(keep_toolchain_days=30, disk_quota_mb=100)) == {}
    assert cleaned(keep_toolchain_days=30, disk_quota_mb=1, dry_run=True)["over_quota"].bytes == 1_500_000
    aged(old, 31)
    assert total(cleaned(keep_toolchain_days=30)) == {"toolchains": 1}
    assert [path.name for path in (kept / "a").iterdir()] == ["new"]
