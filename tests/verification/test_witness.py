"""The witness of the tests: what it sees of small projects, and what it makes of results."""
# ruff: noqa: E501 - the texts are code

import dataclasses
import datetime
import enum
from collections import namedtuple
from decimal import Decimal
from pathlib import Path

import pytest

from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.verification.outside import installed_files, same_outside
from hishamos_pipeline.verification.running import Runner, TestRun
from hishamos_pipeline.verification.verify import run_limits
from hishamos_pipeline.verification.watching import watched_tests
from hishamos_pipeline.verification.witness_results import Nothing, other

PYPROJECT = (
    '[project]\nname = "p"\n[tool.pytest.ini_options]\npythonpath = ["src", "tests"]\n'
    '[tool.hatch.build.targets.wheel]\npackages = ["src/p"]\n'
)
CODE = (
    "import os\nfrom pathlib import Path\n\n\ndef double(number: int) -> int:\n    return 2 * number\n\n\n"
    "def keep(path: Path, text: str) -> None:\n    path.write_text(text)\n\n\n"
    "def refuse(text: str) -> None:\n    raise ValueError(text)\n\n\n"
    "def tell(path: Path) -> int:\n    print(path.read_text())\n    return 0\n"
    "\n\ndef token() -> str:\n    return os.urandom(4).hex()\n"
)
HEAD = "import pytest\nimport p.code\nfrom p.code import double, keep, refuse, tell, token\n\n\n"
Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Note:
    title: str
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "value",
    [
        True, 0, 1.5, "text", "", b"", [], [1], (), (1, "a"), {}, {"a": 1}, set(), frozenset({1}), Decimal("1.20"),
        Path("/tmp/a.txt"), datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1), Colour.RED, Note("a"), Point(1, 2),
    ],
)  # fmt: skip
def test_another_result_is_another_one_of_the_same_type(value: object) -> None:
    changed = other(value)
    assert changed != value and type(changed) is type(value)


def test_what_has_no_type_gets_another_one() -> None:
    assert isinstance(other(None), Nothing) and isinstance(other(object()), Nothing)
    assert list(other(n for n in (1, 2))) == []


async def seen(tmp_path: Path, tests: str, code: str = CODE) -> dict[str, list[str]]:
    """What the checks say of a small project, by their names."""
    texts = {
        "pyproject.toml": PYPROJECT,
        "src/p/__init__.py": "",
        "src/p/code.py": code,
        "tests/test_a.py": HEAD + tests,
    }
    tree = tmp_path / "tree"
    for path, text in texts.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    runner = Runner(open_sandbox(), own_toolchain(), run_limits(Settings(home=tmp_path)))
    names = [
        f"tests/test_a.py::{line.split('(')[0][4:]}"
        for line in tests.splitlines()
        if line.startswith("def test")
    ]
    checks, calls = await watched_tests(
        tree,
        texts,
        ["p", "p.code"],
        set(names),
        runner,
        TestRun(tuple(name for name in names if "cases" not in name)),
    )

    def write(files: object) -> Path:
        assert isinstance(files, dict)
        for path, text in files.items():
            (tmp_path / "installed" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "installed" / path).write_text(text)
        return tmp_path / "installed"

    outside = await same_outside(calls, write, texts, {"p.code": "src/p/code.py"}, runner)
    return {check.name: list(check.offending) for check in (*checks, outside)}


HONEST = """
def test_result():
    assert double(2) == 4


def test_effect(tmp_path):
    keep(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_refusal():
    with pytest.raises(ValueError, match="no"):
        refuse("no")


def test_printed(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("x")
    assert tell(tmp_path / "a.txt") == 0
    assert capsys.readouterr().out == "x\\n"


def test_absence(tmp_path):
    keep(tmp_path / "a.txt", "x")
    tell(tmp_path / "a.txt")
    assert "y" not in (tmp_path / "a.txt").read_text() and (tmp_path / "a.txt").exists()


def test_other_capture(tmp_path, capfd):
    (tmp_path / "a.txt").write_text("x")
    assert tell(tmp_path / "a.txt") == 0
    assert capfd.readouterr().out == "x\\n"


class TestGroup:
    def test_in_a_class(self):
        assert double(3) == 6


def test_moments():
    assert len(token()) == 8


@pytest.mark.parametrize("number", [1, 2])
def test_cases(number):
    assert double(number) == number + number
"""


async def test_an_honest_suite_raises_no_alarm(tmp_path: Path) -> None:
    assert await seen(tmp_path, HONEST) == {
        "results_noticed": [],
        "nothing_replaced": [],
        "same_outside_tests": [],
    }


async def test_calls_that_the_signature_refuses_are_no_calls(tmp_path: Path) -> None:
    tests = """
def test_a():
    with pytest.raises(TypeError):
        double()
    with pytest.raises(TypeError):
        double(2, 3)
    assert double(2) == 4
"""
    assert (await seen(tmp_path, tests))["results_noticed"] == []


DECORATED = (
    CODE
    + """

from contextlib import contextmanager


@contextmanager
def opened(path):
    yield path.read_text()


@contextmanager
def nothing(path):
    yield None
"""
)


async def test_functions_of_one_decorator_are_told_apart(tmp_path: Path) -> None:
    tests = """
from p.code import nothing, opened


def test_a(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with opened(tmp_path / "a.txt") as text:
        assert text == "x"
"""
    assert (await seen(tmp_path, tests, DECORATED))["results_noticed"] == []


@pytest.mark.parametrize(
    ("test", "check", "said"),
    [
        ("def test_a():\n    found = double(2)\n    assert found == found\n", "results_noticed",
         "test_a: passes although p.code.double gives another result"),
        ("def test_a():\n    assert isinstance(double(2), int)\n", "results_noticed", "another result of the same type"),
        ("def test_a():\n    if double(2) == 5:\n        assert double(2) == 4\n    assert double(1) == 2\n",
         "results_noticed", "the assertion in line 8 is never reached"),
        ("def test_a():\n    assert double(1) == 2\n    found = [double(1)] * 0\n    assert all(n == 1 for n in found)\n", "results_noticed",
         "holds of nothing"),
        ("def test_a(monkeypatch):\n    monkeypatch.setattr(p.code, 'double', lambda n: 4)\n    assert p.code.double(2) == 4\n",
         "nothing_replaced", "test_a: replaces p.code.double"),
        ("def test_a():\n    p.code.double.__code__ = (lambda number: 4).__code__\n    assert double(2) == 4\n",
         "nothing_replaced", "test_a: replaces p.code.double"),
        ("def test_a(tmp_path):\n    keep(tmp_path / 'a', 'x')\n    assert True\n", "results_noticed", "passes although p.code.keep"),
    ],
)  # fmt: skip
async def test_what_shows_nothing_is_named(tmp_path: Path, test: str, check: str, said: str) -> None:
    found = await seen(tmp_path, test)
    assert any(said in line for line in found[check]), found


async def test_code_that_knows_where_it_is_gives_itself_away(tmp_path: Path) -> None:
    code = CODE.replace("return 2 * number", 'return 2 * number if Path("pyproject.toml").exists() else 0')
    found = await seen(tmp_path, "def test_a():\n    assert double(2) == 4\n", code)
    assert found["results_noticed"] == [] and found["same_outside_tests"] == [
        "src/p/code.py: double gives '0' outside of the tests, and '4' in tests/test_a.py::test_a"
    ]


async def test_where_a_project_lies_is_no_difference(tmp_path: Path) -> None:
    code = (
        CODE
        + """

def beside(name):
    return str(Path(__file__).parent / "data" / name)


def here(path="."):
    return Path(path).absolute()


def missing(name):
    return Path(__file__).with_name(name).read_text()
"""
    )
    tests = """
from p.code import beside, here, missing


def test_beside():
    assert beside("a.txt").endswith("a.txt") and beside("a.txt") != "a.txt"


def test_beside_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.txt").write_text("x")
    assert beside("a.txt").endswith("a.txt") and beside("a.txt") != "a.txt"


def test_here():
    assert str(here()).startswith("/") and here() == here()
    assert str(here("a")).endswith("/a")


def test_here_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert here("a") == tmp_path / "a"


def test_missing():
    with pytest.raises(OSError, match="none"):
        missing("none")
"""
    found = await seen(tmp_path, tests, code)
    assert found["same_outside_tests"] == []


async def test_code_that_knows_is_seen_through_another_capture(tmp_path: Path) -> None:
    code = CODE.replace(
        "print(path.read_text())", 'print(path.read_text() if "PYTEST_CURRENT_TEST" in os.environ else "")'
    )
    tests = (
        "def test_a(tmp_path, capfd):\n    (tmp_path / 'a').write_text('x')\n    assert tell(tmp_path / 'a') == 0\n"
        "    assert capfd.readouterr().out == 'x\\n'\n"
    )
    assert (await seen(tmp_path, tests, code))["same_outside_tests"]


async def test_a_suite_that_ends_the_process_is_not_believed(tmp_path: Path) -> None:
    found = await seen(tmp_path, "import os\nos._exit(0)\n\n\ndef test_a():\n    assert double(2) == 4\n")
    assert "the tests ended the process" in found["results_noticed"][0]


def test_what_is_installed() -> None:
    texts = {"pyproject.toml": PYPROJECT, "src/p/a.py": "a", "src/p/data/b.txt": "b", "tests/test_a.py": "c"}
    assert installed_files(texts) == {"p/a.py": "a", "p/data/b.txt": "b"}
    assert installed_files({"pyproject.toml": "[", "src/p/a.py": "a"}) == {}
