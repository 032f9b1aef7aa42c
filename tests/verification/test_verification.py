"""Verification tells good trees from bad ones; each check has a tree that it catches."""

from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import Stories, TestSuite
from hishamos_pipeline.sandbox.interface import Outcome
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.verification.stubs import stubbed
from hishamos_pipeline.verification.verify import Assembled, verify
from tests.fakes.sandbox import FakeSandbox
from tests.support.assembling import READY, changed, failed, judged, text_of


async def test_a_good_tree_passes(assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(assembled, tmp_path)
    assert failed(build) == set()
    assert build.passed and build.tests > 5 and build.coverage > 80
    assert build.stories_verified == ("US-001", "US-002", "US-003") and build.deferred == ("US-004",)
    again = await judged(assembled, tmp_path, "again")
    assert again == build


async def test_a_wrong_implementation_fails_its_tests(assembled: Assembled, tmp_path: Path) -> None:
    path = "src/notes/services/notes.py"
    build = await judged(
        changed(
            assembled,
            path,
            text_of(assembled, path).replace(".everything(connection)", ".everything(connection)[:1]"),
        ),
        tmp_path,
    )
    assert {"tests_pass", "criteria_shown"} <= failed(build)
    assert not build.passed and build.stories_verified == ()


async def test_tests_that_show_nothing_are_caught(assembled: Assembled, tmp_path: Path) -> None:
    path = next(file.path for file in assembled.files if file.path.startswith("tests/test_us_001"))
    hollow = text_of(assembled, path) + "\n\ndef test_nothing() -> None:\n    assert 1 + 1 == 2\n"
    build = await judged(changed(assembled, path, hollow), tmp_path)
    assert failed(build) == {"tests_need_code"}
    (check,) = [check for check in build.checks if not check.passed]
    assert "test_nothing: passes without the implementation" in check.offending[0]


async def test_no_tests_at_all_never_pass(assembled: Assembled, tmp_path: Path) -> None:
    tree = assembled
    for file in assembled.files:
        if file.path.startswith("tests/test_"):
            tree = changed(tree, file.path, "")
    build = await judged(tree, tmp_path)
    assert "tests_pass" in failed(build) and not build.passed and build.tests == 0


async def test_a_suite_that_ends_early_with_success_does_not_pass(
    assembled: Assembled, tmp_path: Path
) -> None:
    conftest = text_of(assembled, "tests/conftest.py") + "\nimport os\n\nos._exit(0)\n"
    build = await judged(changed(assembled, "tests/conftest.py", conftest), tmp_path)
    assert "tests_pass" in failed(build) and not build.passed


async def test_skipped_tests_do_not_count(assembled: Assembled, tmp_path: Path) -> None:
    path = next(file.path for file in assembled.files if file.path.startswith("tests/test_us_001"))
    skipped = text_of(assembled, path).replace("def test_", "@pytest.mark.skip\ndef test_", 1)
    if "import pytest" not in skipped:
        skipped = skipped.replace("from sqlite3", "import pytest\nfrom sqlite3", 1)
    build = await judged(changed(assembled, path, skipped), tmp_path)
    assert "criteria_shown" in failed(build)


async def test_a_hanging_suite_is_stopped(assembled: Assembled, tmp_path: Path) -> None:
    conftest = text_of(assembled, "tests/conftest.py") + "\nimport time\n\ntime.sleep(600)\n"
    build = await judged(changed(assembled, "tests/conftest.py", conftest), tmp_path, check_seconds=3)
    (check,) = [check for check in build.checks if check.name == "tests_pass"]
    assert any("HISHAMOS_CHECK_SECONDS" in item for item in check.offending)


@pytest.mark.parametrize(
    ("path", "text", "check"),
    [
        ("src/notes/cli/main.py", None, "planned_files"),
        ("src/notes/extra.py", '"""Extra."""\n', "planned_files"),
        ("src/notes/errors.py", "def broken(:\n", "syntax"),
        (
            "src/notes/values.py",
            '"""V."""\n\n\ndef to_text(value: object) -> str:\n    """T."""\n    raise NotImplementedError\n',
            "placeholders",
        ),
        (
            "src/notes/values.py",
            '"""V."""\n\n\ndef to_text(value: object) -> str:\n    """T."""\n    return str(value)  # TODO\n',
            "placeholders",
        ),
        (
            "src/notes/values.py",
            '"""V."""\n\n\ndef to_string(value: object) -> str:\n    """T."""\n    return str(value)\n',
            "signatures",
        ),
        (
            "src/notes/domain/note.py",
            '"""N."""\n\nimport requests\n\nNote = requests\n',
            "declared_dependencies",
        ),
        (".gitlab-ci.yml", "check:\n  script:\n    - echo ok\n", "ci_commands"),
        (".github/workflows/ci.yml", "jobs: [\n", "ci_commands"),
        ("src/notes/errors.py", '"""E."""\nimport os\nclass NotesError(Exception):\n    """B."""\n', "lint"),
    ],
)
async def test_each_check_catches_its_tree(
    path: str, text: str | None, check: str, assembled: Assembled, tmp_path: Path
) -> None:
    fake = FakeSandbox({("ruff", "check", "."): Outcome(1, "F401", 0.1)} if check == "lint" else {})
    build = (
        await verify(changed(assembled, path, text), tmp_path / "w", fake, READY, Settings(home=tmp_path))
    ).build
    assert check in failed(build) and not build.passed


async def test_a_criterion_without_a_test_is_named(assembled: Assembled, tmp_path: Path) -> None:
    tree = Assembled(
        assembled.files,
        assembled.texts,
        assembled.architecture,
        assembled.stories,
        TestSuite(files=(), tests=assembled.suite.tests[1:]),
    )
    build = (await verify(tree, tmp_path / "w", FakeSandbox({}), READY, Settings(home=tmp_path))).build
    (check,) = [check for check in build.checks if check.name == "criteria_tested"]
    assert check.offending == ("US-001-AC1: no test shows it",)


async def test_nothing_is_run_where_code_does_not_parse(assembled: Assembled, tmp_path: Path) -> None:
    fake = FakeSandbox({})
    await verify(
        changed(assembled, "src/notes/errors.py", "def (:"),
        tmp_path / "w",
        fake,
        READY,
        Settings(home=tmp_path),
    )
    assert fake.runs == []


async def test_low_coverage_fails(assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(assembled, tmp_path, min_coverage=100)
    assert failed(build) == {"coverage"}


def test_a_stub_keeps_signatures_and_loses_behaviour() -> None:
    source = "X = 1\nclass A:\n    def f(self, a: int) -> int:\n        return a\nasync def g(): return 1\n"
    stub = stubbed(source)
    assert "return" not in stub and stub.count("raise NotImplementedError") == 2
    assert "def f(self, a: int) -> int" in stub and "X = 1" in stub


def test_the_commands_are_those_of_the_plan(assembled: Assembled) -> None:
    assert isinstance(assembled.stories, Stories)
    text = text_of(assembled, ".github/workflows/ci.yml")
    assert all(" ".join(command) in text for command in assembled.architecture.commands)


async def test_a_test_that_asserts_nothing_is_caught(assembled: Assembled, tmp_path: Path) -> None:
    link = assembled.suite.tests[0]
    path, name = link.test.split("::")
    hollow = f'"""T."""\n\n\ndef {name}(connection: object) -> None:\n    """{link.criterion}."""\n    assert True\n'
    build = (
        await verify(
            changed(assembled, path, hollow), tmp_path / "w", FakeSandbox({}), READY, Settings(home=tmp_path)
        )
    ).build
    (check,) = [check for check in build.checks if check.name == "tests_assert"]
    assert f"{link.test}: asserts nothing" in check.offending
