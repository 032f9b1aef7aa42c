"""The tests, written from the acceptance criteria and not from the code."""

from typing import Any

import dagster as dg

from hishamos_pipeline.assets.build.files import file_materialization
from hishamos_pipeline.assets.declare import project_asset, project_check
from hishamos_pipeline.core.artifacts.documents import Stories, TestSuite
from hishamos_pipeline.core.artifacts.traceability import criteria_without_test, tests_without_criterion
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult


@project_asset(kinds={"python"})
def test_suite(project: Project, made: StepResult[Any]) -> dg.MaterializeResult[Any]:
    """Tests from the acceptance criteria, written against the planned signatures."""
    return file_materialization(
        project, made, important="conftest.py", extra={"tests": len(made.document.tests)}
    )


@project_check(artifact="test_suite", fix="Write the missing test, or remove the one that shows nothing.")
def criteria_have_tests(project: Project) -> list[str]:
    """Every criterion of a planned story has a test, and every test a criterion."""
    backlog, suite = project.read("stories", Stories), project.read("test_suite", TestSuite)
    return [
        *(f"{name}: no test shows it" for name in criteria_without_test(backlog, suite)),
        *(f"{name}: shows no criterion" for name in tests_without_criterion(backlog, suite)),
    ]
