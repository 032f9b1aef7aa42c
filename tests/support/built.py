"""A project that was built once for all tests; each has a copy of its home to itself."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.commands import hishamos

NOTES = "# Notes\n\n## Features\n- User can add a note\n- User can list notes\n"
# Where the store has the places of what was made.
_PLACES = (("generated_projects", "output_directory"), ("repository_exports", "url"))


@dataclass(frozen=True)
class BuiltProject:
    """The project ``notes`` of the brief ``notes.md``, exported, in a home that nobody changes."""

    home: Path

    def copy_to(self, home: Path) -> Path:
        """Copy the brief and the state into a home of one's own, as if it had been built there."""
        shutil.copytree(self.home, home, symlinks=True, dirs_exist_ok=True)
        with closing(sqlite3.connect(home / "state" / "store.db")) as store, store:
            for table, column in _PLACES:
                moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                store.execute(moved, (str(self.home), str(home)))
        return home


def build_once(folder: Path, toolchains: Path) -> BuiltProject:
    """Build it in a folder that several processes of a test session may share: the first one does."""
    home = folder / "built-notes"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "built-notes.lock"):
        if not (folder / "built-notes.made").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            (home / "notes.md").write_text(NOTES)
            with pytest.MonkeyPatch.context() as patch:
                for name in [
                    name for name in os.environ if name.startswith(("HISHAMOS_", "DAGSTER_", "GIT_"))
                ]:
                    patch.delenv(name)
                patch.setenv("HOME", str(folder))
                done = hishamos(home, "build", "notes.md", HISHAMOS_TOOLCHAINS=str(toolchains))
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "built-notes.made").touch()
    return BuiltProject(home)
