"""A project whose folder was lost comes back from the storage: what the store knows, and nothing else."""

import shutil
from pathlib import Path

import pytest

from hishamos_pipeline.core.documents import RepositoryRecord
from hishamos_pipeline.delivery.repository import open_repository, write_bundle
from hishamos_pipeline.generation.project import ProjectRun
from tests.generation.test_project import build

pytestmark = pytest.mark.slow


@pytest.fixture
def kept(notes: ProjectRun, tmp_path: Path) -> ProjectRun:
    """The small project, built with a storage."""
    settings = notes.settings.model_copy(update={"storage_url": f"file://{tmp_path}/kept"})
    return ProjectRun(
        notes.key, store=notes.store, engine=notes.engine, sandbox=notes.sandbox, toolchains=notes.toolchains,
        settings=settings,
    )  # fmt: skip


async def test_a_lost_folder_comes_back_and_a_foreign_one_does_not(kept: ProjectRun, tmp_path: Path) -> None:
    await build(kept)
    before = kept.read("repository", RepositoryRecord)
    archive = kept.folder.path("notes.zip").read_bytes()
    shutil.rmtree(kept.folder.root)
    assert kept.plan() == ()
    assert kept.folder.path("notes.zip").read_bytes() == archive
    repo = open_repository(kept.folder.path("repository"))
    assert repo.head.commit.hexsha == before.head and not repo.is_dirty(untracked_files=True)
    repo.close()
    assert set((await build(kept)).values()) == {"reused"}

    # Somebody who can write to the storage gets nothing in.
    stored = tmp_path / "kept" / "notes"
    manifest = stored / "tree.json"
    good = manifest.read_text()
    manifest.write_text(good.replace('"README.md"', '"EVIL.md"'))
    shutil.rmtree(kept.folder.root)
    assert "verified_build" in {step.kind for step in kept.plan()}
    manifest.write_text(good)
    other = tmp_path / "other"
    repo = open_repository(kept.folder.path("repository"))
    shutil.copytree(repo.working_tree_dir or "", other, symlinks=True)
    repo.close()
    (other / "evil.py").write_text("evil\n")
    evil = open_repository(other)
    evil.git.add("--all")
    evil.git.execute(["git", "-c", "user.name=Eve", "-c", "user.email=e@x", "commit", "-qm", "evil"])
    evil.close()
    assert kept.storage
    write_bundle(other, tmp_path / "repository.bundle")
    kept.storage.publish("notes", "repository.bundle", tmp_path / "repository.bundle", before.head)
    shutil.rmtree(kept.folder.root)
    assert "repository" in {step.kind for step in kept.plan()}
    assert not kept.folder.path("repository").exists()
