"""Planted mistakes: the same verdicts in one share and in several, and whatever tests think of what is imported."""

import ast
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.sandbox.interface import Limits
from hishamos_pipeline.verification import deep_checks
from hishamos_pipeline.verification.deep_checks import planted_mistakes
from hishamos_pipeline.verification.mutants import mutants
from hishamos_pipeline.verification.running import Runner, TestRun

pytestmark = pytest.mark.slow

_CODE = {
    "src/sums/plain.py": "def more(a):\n    return a + 1\n\n\ndef less(a):\n    return a - 1\n\n\ndef is_big(a):\n"
    "    return a > 9\n",
    "src/sums/deep.py": "from sums.plain import more\n\n\ndef twice(a):\n    return more(more(a))\n\n\ndef unseen(a):\n"
    "    return a * 2 + 7\n",
    "src/sums/__init__.py": "",
}
_TESTS = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
    "tests/test_plain.py": "from sums.plain import is_big, less, more\n\n\ndef test_all():\n"
    "    assert (more(1), less(1), is_big(9), is_big(10)) == (2, 0, False, True)\n",
    "tests/test_deep.py": "from sums.deep import twice, unseen\n\n\ndef test_twice():\n    assert twice(1) == 3\n\n\n"
    "def test_unseen():\n    unseen(1)\n",
}
# It was never imported before: what is imported once for all mutants makes this test fail.
_ALONE = {
    "tests/test_alone.py": "import sys\n\nALREADY = 'colorsys' in sys.modules\nimport colorsys\n\n\n"
    "def test_alone():\n    assert colorsys and not ALREADY\n",
}


async def tried(tree: Path, texts: dict[str, str], at_once: int) -> CheckOutcome:
    for path, text in texts.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    runner = Runner(open_sandbox(), own_toolchain(), Limits(wall_seconds=250), at_once)
    covered = {path: frozenset(range(100)) for path in texts if path.startswith("src/")}
    real = TestRun(passed=("tests/test_plain.py::test_all",), covered=covered)
    code = {path for path in texts if path.startswith("src/")}
    return await planted_mistakes(tree, texts, code, runner, real, per_module=20, least=100)


async def test_shares_say_what_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_checks, "_LEAST_SHARE", 1)
    one = await tried(tmp_path / "one", _CODE | _TESTS, 1)
    three = await tried(tmp_path / "three", _CODE | _TESTS, 3)
    assert len(list((tmp_path / "three").glob(".hishamos-mutants-*"))) == 3
    assert one == three, (one, three)
    assert 0 < one.figure < 100
    assert {line.split(":")[0] for line in one.offending[1:]} == {"src/sums/deep.py"}


async def test_tests_that_want_to_import_first_are_tried_all_the_same(tmp_path: Path) -> None:
    usual = await tried(tmp_path / "usual", _CODE | _TESTS, 1)
    assert await tried(tmp_path / "alone", _CODE | _TESTS | _ALONE, 1) == usual


async def test_a_share_whose_tests_fail_without_a_mistake_is_named(tmp_path: Path) -> None:
    broken = {"tests/test_broken.py": "def test_broken():\n    assert False\n"}
    outcome = await tried(tmp_path / "broken", _CODE | _TESTS | broken, 2)
    assert not outcome.passed and outcome.figure == 0
    assert "mistakes could be tried: exit code 1" in outcome.offending[0]


_NASTY = '''"""Größe: ein Modul."""  # a comment


def size(  # what it is
    a: int, b: "int" = 1
) -> str:
    if (a > 1 and b < 2) or a == 0:  # ö
        return f"{a + 1} ist größer"
    größe = (a +
             b * 2)
    return "é" if größe > 3 else str(not b)
'''


def test_a_mistake_changes_nothing_else_of_a_file() -> None:
    lines = frozenset(range(20))
    made = mutants({"m.py": _NASTY}, {"m.py": lines}, 100)
    assert len(made) > 10
    for mutant in made:
        ast.parse(mutant.text)
        assert mutant.text != _NASTY
        # Of what stands inside of a text with values, older versions of Python do not know the place.
        if "größer" not in _NASTY.splitlines()[mutant.line - 1]:
            assert "# what it is" in mutant.text and "# a comment" in mutant.text, mutant
            changed = set(_NASTY.splitlines()) ^ set(mutant.text.splitlines())
            assert len(changed) <= 4, (str(mutant), changed)
