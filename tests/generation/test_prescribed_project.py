"""A library whose author has prescribed layout, names and examples, with a file beside the brief: built by a model."""

import json
from collections.abc import Iterator

import pytest

from hishamos_pipeline.core.artifacts.brief import not_taken_up
from hishamos_pipeline.core.artifacts.documents import Architecture, FileSet, Requirements, VerifiedBuild
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.settings import Settings
from tests.generation.conftest import Recorded, record
from tests.support.answering import answering
from tests.support.building import build

pytestmark = pytest.mark.slow
SCRIPT = "examples/show.py"


@pytest.fixture
def prices(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The recorded library."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recorded-0123456789")
    with record("price-list", settings) as made:
        yield made


def texts(run: ProjectRun) -> dict[str, str]:
    build = run.project.read("verified_build", VerifiedBuild)
    found = run.project.blobs(file.sha256 for file in build.files)
    return {file.path: found[file.sha256] for file in build.files}


async def test_it_is_built_as_prescribed(prices: Recorded) -> None:
    run = prices.run(repair_rounds=0)
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed, [check for check in result.checks if not check.passed]
    assert run.project.store.projects.get(run.key).state == "exported"
    plan, wanted = (
        run.project.read("architecture", Architecture),
        run.project.read("requirements", Requirements),
    )
    assert (plan.stack, plan.layout, plan.package, plan.entry) == ("python-library", "flat", "pricelist", "")
    assert any("The stack is python-library" in item for item in wanted.assumptions)
    assert not_taken_up(wanted) == ()
    found = texts(run)
    assert found["pricelist/data/prices.csv"] == "code;price\nA1;2.50\nB2;10.00\n"
    assert '__all__ = ["CURRENCY", "UnknownCode", "find"]' in found["pricelist/__init__.py"]
    assert "[project.scripts]" not in found["pyproject.toml"] and "Dockerfile" not in found
    assert 'find("A1")' in found["README.md"], "code in Markdown is formatted"
    checks = {check.name: check for check in result.checks}
    assert checks["prescribed"].figure == 7
    passed = {
        node.split("::")[1] for node in result.passed_tests if node.startswith("tests/test_examples.py")
    }
    assert passed == {"test_prices_of_two_codes", "test_an_unknown_code"}
    tasks = sorted(task for task in prices.model.tasks if task.startswith("coding/new"))
    assert tasks == [f"coding/new {SCRIPT}", "coding/new pricelist/prices.py"], (
        "what follows from the plan is not asked for"
    )


async def test_what_is_asked_for_has_the_authors_words(prices: Recorded) -> None:
    await build(prices.run(), until="test_suite")
    asked = {task: prices.server.asked[number].text for number, task in enumerate(prices.model.tasks)}
    code = asked["coding/new pricelist/prices.py"]
    assert "no price for 'Z9'" in code and "code;price" in code
    assert "## 3. The example script" not in code
    assert "## 3. The example script" in asked["qa/story_tests tests/test_us_002_show_prices.py"]
    analyst = asked["business_analyst/requirements"]
    assert analyst.index("These sections say what is not asked for") < analyst.index("## 4. Out of scope")


async def test_code_that_breaks_an_example_is_at_fault_and_is_mended(prices: Recorded) -> None:
    good = (prices.model.folder / "coding" / "show.py.txt").read_text()
    bad = good.replace("print(error, file=sys.stderr)", "print(error)")
    answers = {
        "coding/new for examples": [json.dumps({"text": bad})],
        "coding/repair": [json.dumps({"text": good})],
    }
    asked = answering(prices, answers)
    run = prices.run(repair_rounds=2)
    await build(run)
    result = run.project.read("verified_build", VerifiedBuild)
    assert result.passed and [item.side for item in result.rounds] == ["code"]
    assert asked == ["coding/new for examples", "coding/repair"]
    assert result.rounds[0].failed == ("tests_pass: tests/test_examples.py::test_an_unknown_code",)


async def test_a_file_that_is_taken_back_blocks_what_copies_it(prices: Recorded) -> None:
    run = prices.run()
    await build(run, until="source_code")
    files = run.project.read("source_code", FileSet).files
    assert any(file.path.endswith("prices.csv") for file in files)
    idea = run.project.idea()
    run.project.store.projects.submit(idea.model_copy(update={"files": ()}), "test", {})
    answering(prices, {"business_analyst/revise_requirements": ["{}"]})
    with pytest.raises(Exception, match="was not handed in"):
        await build(prices.run(), until="source_code")
