"""Documents at the command line: explained, submitted from folders, traced by their own ids, never confused."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import hishamos, hishamos_process

SPEC = (
    "# Feature Specification: Seeds\n\n## Requirements\n\n- **FR-001**: Users can add a packet with a name\n"
)
GERMAN = (
    "# Seeds\n\n## Funktionen\n\n- Gärtner können ein Päckchen mit einem Namen anlegen und die Liste sehen\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "seeds.md").write_text(SPEC + "- Users can draw a map\n\n## Later\n\n- Users can pay\n")
    folder = tmp_path / "shop" / "specs" / "001-seeds"
    folder.mkdir(parents=True)
    (folder / "spec.md").write_text(SPEC)
    (folder / "plan.md").write_text("# Plan\n")
    return tmp_path


def test_each_statement_is_explained(home: Path) -> None:
    told = hishamos(home, "ideas", "explain", "seeds.md")
    assert told.returncode == 0 and "needs a language model: no rule for 'draw a map'" in told.stdout
    read = [(item["line"], item["read_as"]) for item in json.loads(
        hishamos(home, "ideas", "explain", "seeds.md", "--json").stdout
    )]  # fmt: skip
    assert read == [(5, "story"), (6, "not understood"), (10, "not asked for")]
    (home / "front.md").write_text(f"---\nauthor: Ada\n---\n{SPEC}")
    below = json.loads(hishamos(home, "ideas", "explain", "front.md", "--json").stdout)
    assert [item["line"] for item in below] == [8]  # of the file
    assert json.loads(hishamos(home, "ideas", "list", "--json").stdout) == []  # nothing was submitted
    assert hishamos(home, "ideas", "explain", "missing.md").returncode == 2
    assert hishamos(home, "ideas", "explain", "missing").returncode == 3


def test_folders_and_archives_are_briefs_with_their_files(home: Path) -> None:
    with zipfile.ZipFile(home / "shop.zip", "w") as archive:
        for path in (home / "shop").rglob("*.md"):
            archive.write(path, path.relative_to(home))
    done = json.loads(hishamos(home, "ideas", "submit", "shop", "--json").stdout)
    assert (done["key"], done["files"]) == ("seeds", ["specs/001-seeds/plan.md"])
    again = json.loads(hishamos(home, "ideas", "submit", "shop.zip", "--json").stdout)
    assert (again["revision"], again["changed"]) == (1, False)
    assert "FR-001" in hishamos(home, "ideas", "explain", "shop.zip").stdout
    assert "FR-001" in hishamos(home, "ideas", "explain", "shop").stdout
    assert "FR-001" in hishamos(home, "ideas", "explain", "seeds").stdout  # a project's


@pytest.mark.slow
def test_a_briefs_own_ids_are_traced_and_old_figures_are_said_to_be_old(home: Path) -> None:
    built = hishamos(home, "build", "seeds.md")
    assert built.returncode == 0, built.stderr
    traced = hishamos(home, "trace", "seeds", "FR-001")
    assert "REQ-001 (FR-001) -> US-001 (verified)" in traced.stdout
    (home / "german.md").write_text(GERMAN)
    other = hishamos(home, "build", "german.md")
    assert other.returncode == 2 and "would be replaced" in other.stderr
    replaced = hishamos(home, "build", "german.md", "--replace")
    assert replaced.returncode != 0 and "this looks like German" in replaced.stderr + replaced.stdout
    shown = hishamos(home, "projects", "show", "seeds").stdout
    assert "figures      of revision 1 of the brief; the newest is 2" in shown


def test_a_terminal_that_lacks_characters_ends_nothing(home: Path) -> None:
    (home / "seeds.md").write_text(SPEC.replace("Seeds", "Seeds “2” – new"))
    done = hishamos_process(home, "ideas", "submit", "seeds.md", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    told = hishamos_process(home, "ideas", "list", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert told.returncode == 0 and "Seeds ?2? ? new" in told.stdout
