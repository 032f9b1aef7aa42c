"""A project whose folder was lost comes back from the storage: what the store knows, and nothing else."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from hishamos_pipeline.application.restoring import restore_files
from hishamos_pipeline.core.artifacts.documents import RepositoryRecord
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.delivery.repository import open_repository, write_bundle
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.run import ProjectRun
from tests.support.building import build, opened_again

pytestmark = pytest.mark.slow


@pytest.fixture
def kept(notes: ProjectRun, tmp_path: Path) -> ProjectRun:
    """The small project, built with a storage."""
    return opened_again(notes, storage_url=f"file://{tmp_path}/kept")


def _lost(*_: object) -> dict[str, str]:
    raise KeyError("lost")


async def test_a_lost_folder_comes_back_and_a_foreign_one_does_not(kept: ProjectRun, tmp_path: Path) -> None:
    await build(kept)
    before = kept.project.read("repository", RepositoryRecord)
    archive = kept.project.folder.path("notes.zip").read_bytes()
    shutil.rmtree(kept.project.folder.root)
    assert kept.plan() == (), "what can be brought back is not made again"
    done = restore_files(kept)
    assert (
        set(done.restored) == {"verified_build", "repository", "zip_archive", "tar_archive"} and not done.lost
    )
    assert kept.project.folder.path("notes.zip").read_bytes() == archive
    repo = open_repository(kept.project.folder.path("repository"))
    assert repo.head.commit.hexsha == before.head and not repo.is_dirty(untracked_files=True)
    repo.close()
    assert set((await build(kept)).values()) == {"reused"}

    # Somebody who can write to the storage gets nothing in.
    stored = tmp_path / "kept" / "notes"
    manifest = stored / "tree.json"
    good = manifest.read_text()
    manifest.write_text(good.replace('"README.md"', '"EVIL.md"'))
    shutil.rmtree(kept.project.folder.root)
    assert restore_files(kept).lost == (), "the store has the texts of the tree itself"
    tree = kept.project.folder.path("tree")
    assert (tree / "README.md").is_file() and not (tree / "EVIL.md").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Project, "blobs", _lost)  # a store that was brought back from an older backup
        shutil.rmtree(kept.project.folder.root)
        assert restore_files(kept).lost == ("verified_build",)
    manifest.write_text(good)
    other = tmp_path / "other"
    repo = open_repository(kept.project.folder.path("repository"))
    shutil.copytree(repo.working_tree_dir or "", other, symlinks=True)
    repo.close()
    (other / "evil.py").write_text("evil\n")
    evil = open_repository(other)
    evil.git.add("--all")
    evil.git.execute(["git", "-c", "user.name=Eve", "-c", "user.email=e@x", "commit", "-qm", "evil"])
    evil.close()
    assert kept.project.storage
    write_bundle(other, tmp_path / "repository.bundle")
    kept.project.storage.publish("notes", "repository.bundle", tmp_path / "repository.bundle", before.head)
    shutil.rmtree(kept.project.folder.root)
    assert "repository" in restore_files(kept).lost
    assert not kept.project.folder.path("repository").exists()


async def test_a_change_goes_on_from_the_history_that_another_machine_made(
    kept: ProjectRun, notes_idea: Idea
) -> None:
    await build(kept)
    before = kept.project.read("repository", RepositoryRecord).head
    shutil.rmtree(kept.project.folder.root)
    richer = notes_idea.model_copy(update={"features": (*notes_idea.features, "User can count notes")})
    kept.project.store.projects.submit(richer, "test")
    assert (await build(kept))["repository"] == "made"
    with closing(open_repository(kept.project.folder.path("repository"))) as repo:
        assert before in {commit.hexsha for commit in repo.iter_commits()}
