"""The command as a process of its own ends, and prints, as it does inside the tests' process."""

from pathlib import Path

import pytest

from tests.support.built import NOTES, BuiltProject
from tests.support.commands import hishamos, hishamos_process

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["nonsense"], 2),
        (["plan", "nope"], 3),
        (["build", "Not A Key"], 2),
        (["ideas", "submit", "-"], 0),
        (["projects", "list", "--json"], 0),
        (["worker"], 2),
    ],
)
def test_inside_and_outside_are_the_same(tmp_path: Path, arguments: list[str], code: int) -> None:
    ends = []
    for name, run in (("inside", hishamos), ("outside", hishamos_process)):
        (tmp_path / name).mkdir()
        done = run(tmp_path / name, *arguments, stdin=NOTES, HISHAMOS_MISSPELT="1")
        ends.append((done.returncode, done.stdout, done.stderr))
    assert ends[0] == ends[1]
    assert ends[0][0] == code


def test_a_setting_that_is_not_valid_ends_a_process(tmp_path: Path) -> None:
    inside, outside = (
        run(tmp_path, "projects", "list", HISHAMOS_MIN_COVERAGE="much")
        for run in (hishamos, hishamos_process)
    )
    assert inside.returncode == outside.returncode == 2
    assert inside.stderr == outside.stderr and "HISHAMOS_MIN_COVERAGE" in outside.stderr


def test_a_copy_of_what_was_built_is_as_good_as_built(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    for run in (hishamos, hishamos_process):
        done = run(home, "build", "notes")
        assert done.returncode == 0 and "nothing to make" in done.stdout, done.stderr
        assert f"{home}/state/projects/notes/tree" in done.stdout
    listed = hishamos(home, "exports", "list", "notes")
    assert listed.returncode == 0 and str(built_notes.home) not in listed.stdout
    assert hishamos(home, "export", "notes", "--output", "out").returncode == 0
    assert (home / "out" / "notes" / ".git").is_dir()
