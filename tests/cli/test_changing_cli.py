"""Edit, change, plan, history, diff, proposals and trace, as a person types them."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.built import BuiltProject
from tests.support.commands import hishamos

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, built_notes: BuiltProject) -> Path:
    """A home with a built project, which each test changes further."""
    return built_notes.copy_to(tmp_path_factory.mktemp("changing"))


def test_set_plan_build_diff_and_history(home: Path) -> None:
    done = hishamos(home, "edit", "notes", "stories", "US-001", "--set", "title=Write a note", "--by", "ann")
    assert done.returncode == 0 and "recorded as stories@2" in done.stdout
    plan = json.loads(hishamos(home, "plan", "notes", "--json").stdout)
    by_asset = {item["asset"]: item for item in plan}
    assert by_asset["test_suite"]["units"] == ["tests/test_us_001_write_a_note.py"]
    assert by_asset["source_code"]["units"] == [] and "stories" not in by_asset
    shown = hishamos(home, "plan", "notes").stdout
    assert "1 of 4: test_us_001" in " ".join(shown.split())
    assert hishamos(home, "build", "notes").returncode == 0
    shown = hishamos(home, "diff", "notes", "stories@1", "stories@2").stdout
    assert "MODIFIED stories US-001" in shown and "+title: Write a note" in shown
    rows = json.loads(hishamos(home, "history", "notes", "stories", "--json").stdout)
    assert [(row["revision"], row["origin"]) for row in rows] == [(1, "blueprint"), (2, "human")]
    assert rows[1]["by"] == "ann"
    whole = json.loads(hishamos(home, "diff", "notes", "1", str(rows[1]["state"]), "--json").stdout)
    assert {item["kind"] for item in whole} >= {"requirements", "stories"}


def test_an_editor_a_file_and_nothing_changed(home: Path) -> None:
    editor = home / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/^benefit: .*/benefit: I forget nothing/' \"$1\"\n")
    editor.chmod(0o755)
    done = hishamos(home, "edit", "notes", "stories", "US-002", EDITOR=str(editor))
    assert "recorded as stories@" in done.stdout, done.stderr
    assert "nothing changed" in hishamos(home, "edit", "notes", "stories", "US-002", EDITOR="true").stdout
    path = "src/notes/errors.py"
    text = hishamos(home, "files", "show", "notes", path).stdout
    given = home / "errors.py"
    given.write_text(text + "\n\n# By hand.\n")
    done = hishamos(home, "edit", "notes", "source_code", path, "--file", str(given))
    assert "recorded as source_code@" in done.stdout, done.stderr
    done = hishamos(home, "edit", "notes", "source_code", path, "--file", "-", stdin=text)
    assert done.returncode == 0


def test_an_editor_undoes_nothing_that_was_changed_while_it_was_open(home: Path) -> None:
    editor = home / "editor.sh"
    meanwhile = f"{sys.executable} -m hishamos_pipeline.cli.main edit notes requirements"
    editor.write_text(
        f"#!/bin/sh\nset -e\n{meanwhile} REQ-001 --set statement=Theirs. >/dev/null\n"
        "sed -i 's/^\\( *statement: \\).*list notes.*/\\1Mine./' \"$1\"\n"
    )
    editor.chmod(0o755)
    done = hishamos(home, "edit", "notes", "requirements", EDITOR=str(editor))
    assert done.returncode == 0, done.stderr
    shown = hishamos(home, "artifacts", "show", "notes", "requirements").stdout
    assert "Theirs." in shown and "Mine." in shown, shown


def test_wrong_edits_say_what_to_do(home: Path) -> None:
    for arguments, words in (
        (("stories", "US-001"), "--file or --set"),
        (("stories", "US-001", "--set", "points"), "lacks a value"),
        (("stories", "US-099", "--set", "points=1"), "no item 'US-099'"),
        (("stories", "US-001", "--set", "points=99"), "more than a sprint's capacity"),
        (("stories", "--set", "x=1"), "name the ITEM"),
        (("source_code",), "name the ITEM"),
        (("source_code", "src/notes/errors.py", "--file", "nowhere"), "cannot read nowhere"),
        (("stories", "US-001", "--remove", "--set", "a=1"), "exclude one another"),
    ):
        done = hishamos(home, "edit", "notes", *arguments, EDITOR="", VISUAL="")
        assert done.returncode in (2, 3) and words in done.stderr, (arguments, done.stderr)
    assert hishamos(home, "edit", "nobody", "stories", "US-001", "--set", "a=1").returncode == 3


def test_a_change_is_shown_and_taken_only_if_accepted(home: Path) -> None:
    shown = hishamos(home, "change", "notes", "User can count notes", "--dry-run")
    assert "ADDED    stories US-003" in shown.stdout and "nothing was changed" in shown.stdout
    done = json.loads(hishamos(home, "change", "notes", "User can count notes", "--yes", "--json").stdout)
    assert done["accepted"] == "revision 2 of the idea" and {i["status"] for i in done["items"]} == {"ADDED"}
    again = json.loads(
        hishamos(home, "change", "notes", "User can search notes", "--dry-run", "--json").stdout
    )
    names = [item["item"] for item in again["items"] if item["kind"] == "stories"]
    assert names == ["US-004"], "what was accepted before is not shown again"
    part = home.parent / "part-two.md"
    part.write_text("# Part two\n\n## Features\n\n- User can search notes by text\n")
    shown = hishamos(home, "change", "notes", "--file", str(part), "--dry-run")
    assert "part-two.md is added to the brief." in shown.stdout and "search notes by text" in shown.stdout
    both = hishamos(home, "change", "notes", "User can count notes", "--file", str(part), "--yes")
    assert both.returncode == 2 and "one of the two" in both.stderr
    refused = hishamos(home, "change", "notes", "User can dance with a parrot", "--yes")
    assert refused.returncode == 1 and "blueprint engine understands wishes such as" in refused.stderr
    assert hishamos(home, "change", "notes", "Make it faster", "--yes").returncode == 1
    removed = hishamos(home, "change", "notes", "remove US-002", "--dry-run")
    assert "`User can list notes` is removed" in removed.stdout, removed.stderr


def test_rules_that_nobody_checks_are_named(home: Path) -> None:
    (home / "shed.md").write_text(
        "# Shed\n\n## Features\n- User can add a tool\n\n## Constraints\n- Only admins may add tools\n"
    )
    done = hishamos(home, "build", "shed.md")
    assert "unchecked    REQ-002 Only admins may add tools." in done.stdout, done.stderr
    readme = hishamos(home, "files", "show", "shed", "README.md").stdout
    assert "- Only admins may add tools." in readme.split("## What nobody has checked")[1]


def test_trace_and_proposals(home: Path) -> None:
    assert hishamos(home, "build", "notes").returncode == 0
    rows = json.loads(hishamos(home, "trace", "notes", "US-001", "--json").stdout)["rows"]
    assert {row["result"] for row in rows} == {"passed"} and rows[0]["commit"]
    assert "REQ-001" in hishamos(home, "trace", "notes").stdout
    assert hishamos(home, "trace", "notes", "nothing").returncode == 3
    assert "no open proposal" in hishamos(home, "proposals", "list", "notes").stdout
    for verb in ("accept", "reject", "show"):
        assert hishamos(home, "proposals", verb, "notes", "7").returncode == 3


def test_a_project_without_a_plan_cannot_be_edited(home: Path) -> None:
    (home / "bare.md").write_text("# Bare\n\n## Features\n- User can add a note\n")
    hishamos(home, "ideas", "submit", "bare.md")
    done = hishamos(home, "edit", "bare", "stories", "US-001", "--set", "points=1")
    assert done.returncode == 3 and "has no stories yet" in done.stderr
    assert hishamos(home, "trace", "bare").returncode == 3


def test_code_of_models_does_not_run_unprotected(home: Path) -> None:
    given = {
        "HISHAMOS_SANDBOX": "unsafe-subprocess",
        "HISHAMOS_LLM": "compatible:m",
        "HISHAMOS_LLM_FREE": "compatible:*",
        "HISHAMOS_LLM_URLS": '{"compatible": "http://127.0.0.1:9/v1"}',
    }
    done = hishamos(home, "build", "notes", **given)
    assert done.returncode == 5 and "HISHAMOS_SANDBOX_UNSAFE_MODELS" in done.stderr
    (home / "other.md").write_text("# Other\n\n## Features\n- User can add a note\n")
    done = hishamos(home, "build", "other.md", HISHAMOS_SANDBOX="unsafe-subprocess")
    assert done.returncode == 0
    facts = json.loads(hishamos(home, "artifacts", "show", "other", "verified_build").stdout)["content"]
    assert (facts["sandbox"], facts["isolated"]) == ("unsafe-subprocess", False)
    assert "UNPROTECTED" in hishamos(home, "doctor", HISHAMOS_SANDBOX="unsafe-subprocess").stdout


def test_edits_are_listed_and_taken_back(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    readme = home / "state" / "projects" / "notes" / "tree" / "README.md"
    before = readme.read_text()
    assert "no edit" in hishamos(home, "edits", "list", "notes").stdout
    (home / "mine.md").write_text(before + "\nAsk Ada.\n")
    edit = ("edit", "notes", "documentation", "README.md")
    assert hishamos(home, *edit, "--file", "mine.md", "--by", "ada").returncode == 0
    assert hishamos(home, "edit", "notes", "stories", "US-002", "--set", "title=See notes").returncode == 0
    listed = json.loads(hishamos(home, "edits", "list", "notes", "--json").stdout)
    assert [item["item"] for item in listed] == ["README.md", "US-002"] and listed[0]["author"] == "ada"
    assert hishamos(home, "build", "notes").returncode == 0 and "Ask Ada." in readme.read_text()
    assert hishamos(home, *edit, "--revert").returncode == 0
    again = hishamos(home, *edit, "--revert")
    assert again.returncode == 2 and "README.md: it was not edited; edited is nothing" in again.stderr
    assert hishamos(home, "edit", "notes", "stories", "--revert", "--remove").returncode == 2
    assert hishamos(home, "edit", "notes", "stories", "--revert").returncode == 0
    assert "no edit" in hishamos(home, "edits", "list", "notes").stdout
    assert hishamos(home, "build", "notes").returncode == 0
    assert readme.read_text() == before and "nothing to make" in hishamos(home, "build", "notes").stdout
