"""Trees without implementation: which tests notice, and which only look as if they did."""

from pathlib import Path
from textwrap import dedent

import pytest

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.sandbox.interface import Limits
from hishamos_pipeline.verification.run_checks import Bare, RunResult, run_checks
from hishamos_pipeline.verification.running import Runner
from hishamos_pipeline.verification.stubs import Without, run_at_import, stubbed, without_implementation
from hishamos_pipeline.workspace.tree import TreeLimits, write_tree

CODE = dedent(
    """
    import csv
    import functools
    from dataclasses import dataclass
    from pathlib import Path

    LIMIT = 20
    KINDS = ("a", "b")
    RULES = {}


    def rule(code):
        def register(function):
            RULES[code] = function
            return function
        return register


    @rule("double")
    def double(x):
        return 2 * x


    @dataclass(frozen=True)
    class Pair:
        left: int
        right: int = 0


    def read(path):
        return path.read_text().split()


    class Index:
        words = read(Path(__file__).parent / "words.txt")


    def main():
        print(double(1))


    if __name__ == "__main__":
        main()
    """
)
TESTS = dedent(
    """
    from pathlib import Path

    from p import code


    def test_function():
        assert code.double(2) == 4


    def test_registry():
        assert code.RULES["double"](3) == 6


    def test_constant():
        assert code.LIMIT == 20 and code.KINDS == ("a", "b")


    def test_record():
        assert code.Pair(1) == code.Pair(1, 0)


    def test_data():
        assert "one" in (Path(code.__file__).parent / "words.txt").read_text()


    def test_what_also_runs_at_import(tmp_path):
        (tmp_path / "w").write_text("x y")
        assert code.read(tmp_path / "w") == ["x", "y"]


    def test_hollow():
        assert code is not None and 1 + 1 == 2


    def test_of_existence():
        assert Path(code.__file__).exists()
    """
)
COMMANDS = ("python -m pytest --cov --cov-report=term-missing",)
PROJECT = """[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src", "tests"]
[tool.coverage.run]
source = ["p"]
"""


async def checked(folder: Path, code: str = CODE, tests: str = TESTS) -> RunResult:
    texts = {
        "src/p/__init__.py": "", "src/p/code.py": code, "src/p/words.txt": "one two\n", "tests/test_code.py": tests,
        "pyproject.toml": PROJECT,
    }  # fmt: skip
    files = tuple(TreeFile(path=p, sha256=sha256_text(t), size=len(t.encode())) for p, t in texts.items())
    by_hash = {sha256_text(text): text for text in texts.values()}
    paths = {"src/p/__init__.py": "p", "src/p/code.py": "p.code"}
    write_tree(folder / "work", files, by_hash, TreeLimits())

    def lacking(without: Without) -> Bare:
        found, contents, gate = without_implementation(files, by_hash, paths, without)
        write_tree(folder / without, found, contents, TreeLimits())
        return Bare(folder / without, gate)

    runner = Runner(open_sandbox(), own_toolchain(), Limits(wall_seconds=100))
    return await run_checks(
        commands=COMMANDS, tree=folder / "work", lacking=lacking, runner=runner, min_coverage=0, stories={}
    )


def offending(result: RunResult) -> list[str]:
    (check,) = [check for check in result.checks if check.name == "tests_need_code"]
    return [item.split("::")[1].split(":")[0] for item in check.offending if "::" in item]


async def test_only_tests_that_show_nothing_are_named(tmp_path: Path) -> None:
    result = await checked(tmp_path)
    assert len(result.tests.passed) == 8
    assert offending(result) == ["test_hollow", "test_of_existence"]


LATE = dedent(
    """
    from dataclasses import dataclass
    from pathlib import Path


    @dataclass(frozen=True)
    class Size:
        n: int


    def number(text):
        return int(text)


    DEFAULT = Size(4)
    TABLE = list(map(number, ["1", "2"]))
    WORD = (Path(__file__).parent / "words.txt").read_text().split()[0]
    __tablename__ = "a"
    """
)
LATE_TESTS = dedent(
    """
    def test_hollow():
        from p import code

        assert code is not None


    def test_number():
        from p import code

        assert code.number("7") == 7


    def test_default():
        from p import code

        assert code.DEFAULT.n == 4


    class TestClass:
        def test_size(self):
            from p.code import Size

            assert Size(1) == Size(1)
    """
)


async def test_a_hollow_test_that_imports_late_is_hollow(tmp_path: Path) -> None:
    assert offending(await checked(tmp_path, LATE, LATE_TESTS)) == ["test_hollow"]


async def test_code_that_cannot_be_imported_on_its_own_is_at_fault(tmp_path: Path) -> None:
    code = "import sys\n\nif 'p.other' not in sys.modules:\n    raise RuntimeError('import it first')\nFIRST = 1\n"
    tests = (
        "import sys\n\n\ndef test_first():\n    sys.modules['p.other'] = sys\n    from p.code import FIRST\n\n"
        "    assert FIRST == 1\n"
    )
    result = await checked(tmp_path, code, tests)
    (check,) = [check for check in result.checks if check.name == "tests_need_code"]
    assert check.offending == (
        "tests/test_code.py::test_first: was not collected without the implementation",
    )
    assert "p.code cannot be imported" in check.output


def test_what_runs_at_import_is_found_through_calls() -> None:
    kept = run_at_import(
        [parse_python(CODE), parse_python("from p.code import rule\n@rule('x')\ndef y(): ...\n")]
    )
    assert {"rule", "read"} <= kept and not {"main", "y"} & kept


@pytest.mark.parametrize(
    ("code", "blank"),
    [
        ("X = -1\n", "X = -987654321\n"),
        ("X: tuple[str, ...] = ('a', 1)\n", "X: tuple[str, ...] = ('\u2205', -987654321)\n"),
        ("X = {'a': ['b']}\n", "X = {'a': ['\u2205']}\n"),
        ("X = re.compile('a')\n", "X = re.compile('a')\n"),
        (
            "class A:\n    __slots__ = ('x',)\n    k = 2\n",
            "class A:\n    __slots__ = ('x',)\n    k = -987654321\n",
        ),
    ],
)
def test_literals_are_blank_and_what_is_computed_stays(code: str, blank: str) -> None:
    assert stubbed(code, (), "constants") == blank
