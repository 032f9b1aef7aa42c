"""Files of projects that nobody needs any more: what killed builds left, trees that failed, old archives."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from hishamos_pipeline.core.text.ids import KEY_PATTERN
from hishamos_pipeline.errors import ProjectBusyError
from hishamos_pipeline.generation.stale_folders import is_stale_folder, remove_stale_folder
from hishamos_pipeline.operations.cleanup.candidates import RemovalCandidate, broken
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.workspace import disk
from hishamos_pipeline.workspace.project_folder import ProjectFolder

_STOPPED = ("failed", "blocked", "archived")


def folders(projects_dir: Path) -> Iterator[ProjectFolder]:
    """The folders of projects, by key."""
    if projects_dir.is_dir():
        for path in sorted(projects_dir.iterdir()):
            if path.is_dir() and KEY_PATTERN.fullmatch(path.name):
                yield ProjectFolder(projects_dir, path.name)


def staging(projects_dir: Path, before: datetime) -> Iterator[RemovalCandidate]:
    """What killed processes left: staging folders, links that were never put in place, folders that no link names."""
    for folder in folders(projects_dir):
        try:
            left = _left_in(folder, before)
        except OSError as error:
            yield broken(folder.key, error)
            continue
        for path in left:
            name = f"{folder.key}/{path.relative_to(folder.root)}"
            yield RemovalCandidate(name, disk.size_of(path), partial(_unless_in_work, folder, path))
    for path in _children(projects_dir):
        if disk.is_going(path):
            yield RemovalCandidate(path.name, disk.size_of(path), partial(disk.remove, path))


def _left_in(folder: ProjectFolder, before: datetime) -> list[Path]:
    linked = {path.resolve() for path in folder.root.iterdir() if path.is_symlink()}
    left = [
        *_children(folder.root / "staging"),
        *(path for path in _children(folder.root / "versions") if path.resolve() not in linked),
        *(path for path in folder.root.iterdir() if path.name.startswith(".") and path.is_symlink()),
    ]
    return [path for path in left if disk.changed_at(path) < before]


def deleted_elsewhere(
    store: ProjectStore, projects_dir: Path, before: datetime
) -> Iterator[RemovalCandidate]:
    """Folders of projects that were deleted before a time, on another machine: here nothing has changed since."""
    for folder in folders(projects_dir):
        if is_stale_folder(store, folder, before):
            yield RemovalCandidate(
                folder.key, disk.size_of(folder.root), partial(remove_stale_folder, store, folder)
            )


def failed_trees(store: ProjectStore, projects_dir: Path, before: datetime) -> Iterator[RemovalCandidate]:
    """Trees of projects whose last build failed; one that was verified is not among them."""
    for key in store.projects.keys_in(_STOPPED, before):
        tree = ProjectFolder(projects_dir, key).path("tree")
        if tree.is_symlink() and store.deliveries.newest_status(key) == "failed":
            target = tree.resolve()
            going = partial(_remove_tree, ProjectFolder(projects_dir, key), tree, target)
            yield RemovalCandidate(f"{key}/tree", disk.size_of(target), going)


def archives(store: ProjectStore, projects_dir: Path, before: datetime) -> Iterator[RemovalCandidate]:
    """Archives of projects that nothing has happened to; the next build of such a project makes them again."""
    for key in store.projects.keys_in(("exported", *_STOPPED), before):
        for path in archives_of(projects_dir, key):
            yield RemovalCandidate(f"{key}/{path.name}", disk.size_of(path), partial(disk.remove, path))


def archives_of(projects_dir: Path, key: str) -> list[Path]:
    """The archives of a project, and their checksums."""
    root = projects_dir / key
    return [path for path in sorted(root.glob(f"{key}.*")) if path.is_file()]


def _remove_tree(folder: ProjectFolder, link: Path, target: Path) -> None:
    """Remove a tree, unless a build has put another one in its place meanwhile."""
    with folder.lock("verified_build", wait_seconds=0):
        if link.is_symlink() and link.resolve() == target:
            link.unlink()
            disk.remove(target)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _unless_in_work(folder: ProjectFolder, path: Path) -> None:
    """Remove what a killed process left; who is staging an artifact right now holds its lock."""
    try:
        with folder.lock(path.name, wait_seconds=0):
            disk.remove(path)
    except ProjectBusyError:
        return
