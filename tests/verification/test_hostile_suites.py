"""Suites that would have themselves judged well: none of them ends verified, and the report names why."""

import re
from pathlib import Path

import pytest

from hishamos_pipeline.stacks.python.formatting import tidy
from hishamos_pipeline.verification.verify import Assembled
from tests.support.assembling import changed, failed, judged, text_of, without_style
from tests.verification.attacks.suites import QUIET

pytestmark = pytest.mark.slow
CONFTEST, CODE = "tests/conftest.py", "src/notes/services/notes.py"
_ALWAYS = f"import sys as _s\n{QUIET}"
_UNLESS_STUBS = """
import pathlib as _p, sys as _s
if "NotImplementedError" not in _p.Path("src/notes/services/notes.py").read_text():
""" + "\n".join(f"    {line}" for line in QUIET.splitlines())
_REWRITES = """
import pathlib as _p
_p.Path("src/notes/errors.py").write_text('\"\"\"Changed.\"\"\"\\n' + _p.Path("src/notes/errors.py").read_text())
"""
SUITES = {
    "prints a gigabyte": ("for _ in range(1024): print('x' * 2**20)\n", "tests_pass"),
    "hangs": ("import time\ntime.sleep(600)\n", "tests_pass"),
    "ends with 0 before a test": ("import os as _o\ngetattr(_o, '_exit')(0)\n", "tests_pass"),
    "says so openly": ("import os\n\nos._exit(0)\n", "no_tampering"),
    "runs nothing": ("def pytest_collection_modifyitems(items):\n    items.clear()\n", "no_tampering"),
    "collects nothing": ("collect_ignore_glob = ['*']\n", "tests_pass"),
    "rewrites the code": (_REWRITES, "tests_pass"),
    "rewrites itself": ("open(__file__, 'a').write('# more\\n')\n", "tests_pass"),
    "replaces the runner": (_ALWAYS, "tests_need_code"),
    "replaces the runner unless it sees stubs": (_UNLESS_STUBS, "no_tampering"),
}


async def tidied(text: str) -> str:
    return await tidy(text, "notes")


@pytest.mark.parametrize("name", SUITES)
async def test_a_hostile_suite_never_passes(name: str, assembled: Assembled, tmp_path: Path) -> None:
    addition, check = SUITES[name]
    # Its style is not what has to stop it.
    conftest = text_of(assembled, CONFTEST) + "\n" + addition
    tree = changed(without_style(assembled), CONFTEST, await tidied(conftest))
    build = await judged(tree, tmp_path, check_seconds=20, check_printed_mb=32)
    assert not build.passed and build.stories_verified == ()
    assert check in failed(build), (failed(build), [c for c in build.checks if not c.passed])


async def test_code_that_patches_pytest_is_seen_too(assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(changed(assembled, CODE, text_of(assembled, CODE) + "\nimport pytest\n"), tmp_path)
    assert {"no_tampering", "declared_dependencies"} <= failed(build) and not build.passed


async def test_a_test_that_is_right_only_once_is_not_reliable(assembled: Assembled, tmp_path: Path) -> None:
    path = next(f.path for f in assembled.files if f.path.startswith("tests/test_us_001"))
    text = text_of(assembled, path)
    planted = "    assert len(list(Path('tests').glob('test_*.py'))) == 3\n    assert "
    unreliable = text.replace("    assert ", planted, 1)
    if "from pathlib import Path" not in unreliable:
        unreliable = unreliable.replace('"""\n', '"""\n\nfrom pathlib import Path\n', 1)
    build = await judged(changed(without_style(assembled), path, await tidied(unreliable)), tmp_path)
    assert "report_is_honest" in failed(build)
    (check,) = [c for c in build.checks if c.name == "report_is_honest"]
    assert any("passed once, and not the second time" in line for line in check.offending)


async def test_mistakes_that_nobody_notices_are_named(assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(assembled, tmp_path, mutants_per_module=20, min_mutants_killed=100)
    (check,) = [c for c in build.checks if not c.passed]
    assert check.name == "mistakes_noticed" and 50 < check.figure < 100
    assert "HISHAMOS_MIN_MUTANTS_KILLED" in check.offending[0]
    assert all(re.match(r"src/notes/[\w/]+\.py:\d+: ", line) for line in check.offending[1:])
