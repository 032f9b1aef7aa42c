"""Evaluations: what is delivered is put to hidden tests, and a verdict that was wrong is counted."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hishamos_pipeline.application.evaluations import (
    EvaluateSuite,
    EvaluationView,
    compare,
    evaluate,
    read_evaluation,
)
from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.core.pipeline.evaluation import EvaluatedStep, figures, regressions
from hishamos_pipeline.errors import IdeaError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.suites import read_suite
from hishamos_pipeline.settings import Settings
from tests.conftest import ROOT
from tests.support.building import build

SUITE = ROOT / "examples" / "suites" / "keyless"
ACTOR = Actor("", "sensor", EVERY_ORGANIZATION, "test")


def step(**given: object) -> EvaluatedStep:
    base = {
        "case": "a",
        "checkpoint": 1,
        "project": "p",
        "state": "exported",
        "delivered": True,
        "stories": 2,
        "verified": 2,
    }
    return EvaluatedStep.model_validate({**base, **given})


def evaluated(settings: Settings, folder: Path, **given: object) -> EvaluationView:
    services = Services(settings)

    def made(key: str) -> bool:
        asyncio.run(build(Services(settings).project(key)))
        return True

    command = EvaluateSuite.model_validate({"folder": folder, **given})
    return evaluate(services, ACTOR, command, made, lambda _: None)


def test_a_verdict_is_wrong_where_all_is_verified_and_a_hidden_test_fails() -> None:
    good, wrong = step(passed=("a",)), step(passed=("a",), failed=("b",))
    partly, nothing = step(verified=1, failed=("b",)), step(delivered=False, verified=0, failed=("a",))
    assert [item.was_wrong for item in (good, wrong, partly, nothing)] == [False, True, False, False]
    found = figures([good, wrong, partly, nothing])
    assert (found.checkpoints, found.delivered, found.hidden_tests, found.verified_was_wrong) == (
        4,
        0.75,
        5,
        1,
    )
    assert found.hidden_passed == 0.4
    assert regressions(
        step(passed=("t/test_1.py::test_x",)), ("t/test_2.py::test_x", "t/test_2.py::test_y")
    ) == ("t/test_2.py::test_x",)
    assert figures([]).hidden_passed == 0.0


@pytest.mark.slow
def test_a_suite_is_built_along_its_checkpoints_and_compared(settings: Settings) -> None:
    done = evaluated(settings, SUITE)
    assert [(s.checkpoint, s.delivered, s.verified) for s in done.evaluation.steps] == [
        (1, True, 2),
        (2, True, 3),
    ]
    assert [len(s.passed) for s in done.evaluation.steps] == [2, 3]
    assert done.figures.verified_was_wrong == 0 and done.figures.hidden_passed == 1.0
    kept = read_evaluation(Path(done.kept_as))
    assert kept == done.evaluation
    both = compare(kept, kept.model_copy(update={"steps": kept.steps[:1]}))
    assert both.first == both.second and both.first.checkpoints == 1


@pytest.mark.slow
def test_a_hidden_test_that_fails_shows_that_the_verdict_was_wrong(
    settings: Settings, tmp_path: Path
) -> None:
    suite = tmp_path / "harder"
    shutil.copytree(SUITE, suite)
    tests = suite / "notes" / "tests" / "test_checkpoint_1.py"
    tests.write_text(
        tests.read_text()
        + "\n\ndef test_secret_wish() -> None:\n    assert not Path('project/README.md').exists()\n"
    )
    (suite / "notes" / "checkpoint_2.md").unlink()
    (step,) = evaluated(settings, suite).evaluation.steps
    assert step.was_wrong and step.failed == ("tests/test_checkpoint_1.py::test_secret_wish",)


def test_a_suite_that_lacks_something_names_all_of_it(tmp_path: Path) -> None:
    with pytest.raises(IdeaError, match="there is no case"):
        read_suite(tmp_path)
    for name, files in {
        "a": ["brief.md"],
        "b": ["tests/t.py"],
        "c": ["brief.md", "tests/t.py", "case.yaml"],
    }.items():
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text("colour: red\n")
    with pytest.raises(IdeaError) as caught:
        read_suite(tmp_path)
    for said in ("a: it has no folder tests/", "b: it has neither brief.md", "c: case.yaml:"):
        assert said in str(caught.value)


def test_wrong_use_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no case 'gone'"):
        evaluated(settings, SUITE, case="gone")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UsageError, match="is no evaluation that was kept"):
        read_evaluation(tmp_path / "x.json")
