"""The rules that read files without running them, each on its own."""

import os
import subprocess
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.verification.ci_files import ci_commands
from hishamos_pipeline.verification.failures import cleaned, failures
from hishamos_pipeline.verification.imports import declared_requirements, undeclared_imports
from hishamos_pipeline.verification.inverting import inverted
from hishamos_pipeline.verification.mutants import mutants
from hishamos_pipeline.verification.readme import as_script, console_scripts, failed_commands, readme_commands
from hishamos_pipeline.verification.running import TestRun
from hishamos_pipeline.verification.security import dangerous_calls, secrets
from hishamos_pipeline.verification.tampering import tampering
from hishamos_pipeline.verification.weakening import weakened

PROJECT = """
[project]
dependencies = ["fastapi>=0.1", "PyYAML"]
[project.optional-dependencies]
dev = ["pytest>=8", "httpx"]
"""
CODE = '''"""Doc 1."""
LIMIT = 3


def f(a: int) -> bool:
    """More than 2."""
    if a > 2 and a < LIMIT:
        return True
    return a + 1 == 4
'''
README = """# A
```
pip install .
app add \\
  --title x
# note
```
```python
import app
```
```sh
$ app list
x
```
"""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import _pytest.runner", "imports _pytest.runner"),
        ("from os import _exit", "uses os._exit"),
        ("import sys\nsys.modules['pytest'] = None", "uses sys.modules"),
        ("import pytest\npytest.fail = print", "replaces pytest.fail"),
        ("import pytest\nsetattr(pytest, 'fail', print)", "replaces a part of pytest"),
        ("def pytest_runtest_makereport(item, call):\n    return 1", "hooks into pytest"),
        ("eval('1')", "calls eval"),
        ("open('.hishamos-junit.xml')", "names .hishamos-junit"),
        ("import importlib.metadata", "imports importlib.metadata"),
        ("from importlib import metadata", "imports importlib"),
        ("import importlib.metadata as data", "imports importlib.metadata"),
        ("from importlib.metadata import version, EntryPoint", "imports importlib.metadata"),
        ("from importlib.metadata import import_module", "imports importlib.metadata"),
        ("import sys\ngetattr(sys, 'mod' + 'ules')", "reaches into sys"),
        ("import sys\ngetattr([sys][0], 'x')", "reaches into sys"),
        ("import sys\ngetattr(sys.stdin, '__class__')", "reaches into sys"),
    ],
)
def test_reaching_for_the_judge(line: str, found: str) -> None:
    assert any(found in item for item in tampering({"tests/test_a.py": line}, {"src/p/a.py"}))


def test_a_test_like_others_reaches_for_nothing() -> None:
    text = (
        "from importlib.resources import files\nfrom importlib.metadata import PackageNotFoundError, version\n"
        "import sys\nimport pytest\n\n"
        "raw = getattr(sys.stdin, 'buffer', None)\n"
        "def test_a(capsys):\n    with pytest.raises(ValueError): sys.exit(1)\n"
    )
    assert tampering({"tests/test_a.py": text, "pyproject.toml": PROJECT}, {"src/p/a.py"}) == []


@pytest.mark.parametrize(
    "settings",
    [
        "[tool.pytest.ini_options]\naddopts = '--collect-only'",
        "[tool.coverage.run]\nomit = ['src/p/hard.py']",
        "[tool.coverage.report]\nexclude_lines = ['.']",
        "half [",
    ],
)
def test_settings_that_leave_something_out(settings: str) -> None:
    assert tampering({"pyproject.toml": settings}, {"src/p/a.py"})
    assert tampering({"setup.cfg": ""}, {"src/p/a.py"}) and tampering({"x.pth": ""}, {"src/p/a.py"})


FIRST = "    assert total() == 5\n"
BEFORE = """
def test_a():
    assert total() == 5
    assert name() == "x"

def test_b():
    with pytest.raises(ValueError): f()
"""


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (BEFORE.replace('    assert name() == "x"\n', ""), "asserts 1 things instead of 2"),
        (BEFORE.replace("== 5", "is not None"), "asserts less exactly"),
        (BEFORE.replace("total() == 5", "total() == 5 or True"), "asserts less exactly"),
        (BEFORE.replace("total() == 5", "5 == 5"), "asserts"),
        (BEFORE.replace("== 5", "== pytest.approx(5, abs=2)"), "tolerates larger"),
        (BEFORE.replace("def test_b", "@pytest.mark.skip\ndef test_b"), "is skipped"),
        (BEFORE.replace("def test_b", "def check_b"), "is gone"),
        ("pytestmark = pytest.mark.xfail\n" + BEFORE, "is skipped"),
        (BEFORE.replace("pytest.raises(ValueError)", "suppress(ValueError)"), "asserts 0"),
        (BEFORE.replace(FIRST, f"    with suppress(AssertionError):\n    {FIRST}"), "asserts 1"),
        (BEFORE.replace(FIRST, f"    return\n{FIRST}"), "asserts 0"),
        (BEFORE.replace(FIRST, f"    if total() == 5:\n    {FIRST}"), "less exactly"),
        (BEFORE.replace("raises(ValueError)", "raises(Exception)"), "less exactly"),
        (BEFORE.replace("total() == 5", "type(total()) is int"), "less exactly"),
        (None, "was deleted"),
    ],
)
def test_tests_are_never_weakened(after: str | None, what: str) -> None:
    found = weakened({"tests/test_a.py": BEFORE}, {} if after is None else {"tests/test_a.py": after})
    assert any(what in item for item in found), found


def test_correcting_and_strengthening_is_allowed() -> None:
    better = BEFORE.replace("== 5", "== 6").replace("    with", "    assert more() == 1\n    with")
    assert weakened({"tests/test_a.py": BEFORE}, {"tests/test_a.py": better}) == []


def test_imports_against_what_is_declared() -> None:
    texts = {
        "pyproject.toml": PROJECT,
        "src/p/a.py": "import os\nimport yaml\nfrom starlette.requests import Request\nimport p.b\nfrom . import c\n",
        "src/p/b.py": "import requests\nimport pytest\n",
        "tests/test_a.py": "import httpx\nimport factories\nimport numpy\n",
        "tests/factories.py": "",
    }
    count, found = undeclared_imports(texts, "p")
    assert count == 9
    assert [line.split(",")[0] for line in found] == [
        "src/p/b.py:1: imports requests", "src/p/b.py:2: imports pytest", "tests/test_a.py:3: imports numpy",
    ]  # fmt: skip
    assert declared_requirements(PROJECT) == ("fastapi>=0.1", "PyYAML", "httpx")
    assert declared_requirements("half [") == ()


def test_secrets_are_named_and_never_shown() -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    token, digest = "glpat-" + "a" * 20, '{"sha": "' + "a1" * 32 + '"}'
    found = secrets({"src/p/a.py": f'KEY = "{key}"\n', "docs/a.md": token, "b.json": digest}, {"src/p/a.py"})
    assert {line.split(":")[0] for line in found} == {"src/p/a.py", "docs/a.md"}
    assert key not in "".join(found)


async def test_dangerous_calls() -> None:
    code = "import pickle\n\ndef f(x):\n    exec(x)  # noqa: S102\n    return pickle.loads(x)\n"
    found = await dangerous_calls({"src/p/a.py": code, "tests/test_a.py": code}, {"src/p/a.py"})
    assert [line.split(" ")[0:2] for line in found] == [["src/p/a.py:4:", "S102"], ["src/p/a.py:5:", "S301"]]


def test_the_commands_of_ci_files() -> None:
    texts = {
        ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - name: Install\n        run: pip install .\n"
        "      - run: |\n          ruff check .\n          pytest\n",
        ".gitlab-ci.yml": "stages: [test]\n.hidden: {}\ntest:\n  script:\n    - ruff check .\n    - pytest\n",
    }
    found, problems = ci_commands(texts)
    assert problems == [] and set(map(tuple, found.values())) == {("ruff check .", "pytest")}
    assert len(ci_commands({".gitlab-ci.yml": "x: ["})[1]) == 2


def test_the_commands_of_a_readme() -> None:
    commands = readme_commands(README, ["app"])
    assert commands == ("app add    --title x", "app list")
    script, mark = as_script(commands, {"app": "p.cli:main"})
    assert "from p.cli import main" in script
    assert failed_commands(f"out\n{mark} 1\n{mark} 9\n", mark, commands) == ["app list"]
    assert console_scripts('[project.scripts]\napp = "p.cli:main"\n') == {"app": "p.cli:main"}


def test_programs_that_serve_are_stopped_and_those_that_fail_are_named(tmp_path: Path) -> None:
    commands = ("serve --port 1", "PORT=1 python -m module", "serve --help", "once --port 1", "once --fail")
    script, mark = as_script(
        commands, {"serve": "module:serve", "once": "module:once"}, ["src/module.py"], servers=True
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src/module.py").write_text(
        "import sys, time\ndef serve(): return 0 if '--help' in sys.argv else time.sleep(60)\n"
        "def once(): return '--fail' in sys.argv\n"
        "if __name__ == '__main__': serve()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert failed_commands(done.stdout, mark, commands) == ["once --fail"]


def test_programs_run_as_installed_whatever_lies_at_the_root(tmp_path: Path) -> None:
    script, mark = as_script(("app",), {"app": "shelf.cli:main"}, ["src/shelf"])
    (tmp_path / "src" / "shelf").mkdir(parents=True)
    (tmp_path / "src" / "shelf" / "cli.py").write_text("def main():\n    print('the package')\n")
    (tmp_path / "shelf.py").write_text("raise SystemExit('the file at the root')\n")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "the package" in done.stdout and failed_commands(done.stdout, mark, ("app",)) == []


def test_mutants_are_small_and_the_same_every_time() -> None:
    every = mutants({"m.py": CODE}, {"m.py": frozenset(range(20))}, 100)
    assert {m.what for m in every} == {
        "Gt becomes LtE", "Lt becomes GtE", "And becomes Or", "True becomes False", "2 becomes 3", "1 becomes 2",
        "4 becomes 5", "Add becomes Sub", "Eq becomes NotEq", "a condition is turned round", "returns None",
    }  # fmt: skip
    assert all("LIMIT = 3" in m.text and m.text != CODE for m in every)
    few = mutants({"m.py": CODE}, {"m.py": frozenset({9})}, 2)
    assert len(few) == 2 and {m.line for m in few} == {9}
    assert few == mutants({"m.py": CODE}, {"m.py": frozenset({9})}, 2)
    assert mutants({"m.py": CODE}, {}, 2) == []


def failed(name: str, *offending: str, output: str = "") -> CheckOutcome:
    return CheckOutcome(name=name, passed=False, figure=0, unit="", offending=offending, output=output)


@pytest.mark.parametrize(
    ("message", "cause", "side"),
    [
        ("AssertionError: assert 2 == 3\ntests/test_a.py:3: AssertionError", "assertion", "code"),
        ("fixture 'db' not found", "fixture", "test"),
        ("ImportError: cannot import name 'x'\ntests/test_a.py:1", "import", "test"),
        ("src/p/a.py:1: in <module>\nModuleNotFoundError: No module named 'q'", "import", "code"),
        (
            "TypeError: f() got an unexpected keyword argument 'a'\ntests/test_a.py:4: TypeError",
            "interface",
            "test",
        ),
        ("tests/test_a.py:4: in test\nsrc/p/a.py:9: TypeError: takes 1 positional", "interface", ""),
        ("src/p/a.py:9: KeyError", "other", "code"),
        ("TimeoutError: timed out", "timeout", "code"),
    ],
)
def test_triage_by_rule(message: str, cause: str, side: str) -> None:
    tests = TestRun((), ("tests/test_a.py::test_x",), messages={"tests/test_a.py::test_x": message})
    (found,) = failures(
        [failed("tests_pass", "tests/test_a.py::test_x")], tests, {"tests/test_a.py": ["src/p/a.py"]}
    )
    assert (found.cause, found.side) == (cause, side)
    assert found.files[0] == ("tests/test_a.py" if side == "test" else "src/p/a.py")


def test_findings_name_their_files() -> None:
    checks = [
        failed("no_dangerous_calls", "src/p/a.py:4: S102 exec"),
        failed("readme_commands", "README.md: `app` fails"),
        failed("lint", "ruff check .: exit code 1", output="F401 [*] x\n --> tests/test_a.py:1:8\n"),
        failed("coverage", "70 %", "src/p/a.py: never run: 3, 5-7", "src/p/other.py: never run: 1"),
        failed("mistakes_noticed", "40 % noticed", "src/p/a.py:9: `<` becomes `<=`"),
        failed("report_is_honest", "tests/test_a.py::test_x: asserting the opposite, it was not reported"),
        failed(
            "criteria_shown", "tests/test_a.py::test_x: did not pass", "tests/test_a.py::test_y: did not pass"
        ),
    ]
    tests = TestRun(failed=("tests/test_a.py::test_y[1]",))
    found = failures(checks, tests, {"tests/test_a.py": ["src/p/a.py"]})
    theirs = ("test", ("tests/test_a.py",))
    untested = ("test", ("tests/test_a.py", "src/p/a.py"))
    assert [(f.side, f.files) for f in found] == [
        ("code", ("src/p/a.py",)), ("document", ("README.md",)), theirs, untested, untested, theirs, theirs,
    ]  # fmt: skip


def test_what_differs_from_run_to_run_makes_no_new_question() -> None:
    one = "<object at 0x7f12ab34cd>\n/tmp/pytest-of-root/pytest-17/test_a0/x.db\n1 failed in 0.12s"
    two = "<object at 0x7f99ee55aa>\n/tmp/pytest-of-1032/pytest-0/test_a0/x.db\n1 failed in 0.31s"
    assert cleaned(one) == cleaned(two)
    assert len(cleaned("x" * 10_000)) < 3_100


OPPOSED = """import pytest


def test_a() -> None:
    with connection() as c:
        assert (
            c
            == 'é'
        )


def test_b() -> None:
    with pytest.raises(ValueError):
        assert f()


def test_c() -> None:
    for x in y:
        assert x


def test_d() -> None:
    assert 'é' == g(), 'why'
    assert h()
"""


def test_tests_that_assert_the_opposite() -> None:
    opposite, names = inverted(OPPOSED)
    assert names == ["test_a", "test_d"], "what is run in any case"
    assert "    assert not ('é' == g()), 'why'\n    assert h()\n" in opposite
    assert "not (c\n            == 'é')" in opposite
    compile(opposite, "t", "exec")
