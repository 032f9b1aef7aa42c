"""The test files of a ``python-cli`` project: what the tests share, and one file for each story."""

from collections.abc import Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.python_cli.context import fixtures, render, test_body
from hishamos_pipeline.blueprints.python_cli.model import PackageModel
from hishamos_pipeline.blueprints.python_cli.scenarios import scenarios
from hishamos_pipeline.blueprints.reading.operations import Operation
from hishamos_pipeline.core.documents import Criterion, Story


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    criterion: Criterion
    fixtures: str
    body: str

    @property
    def runs(self) -> bool:
        """Whether it runs the command line."""
        return "run: Run" in self.fixtures


def shared_test_file(path: str, model: PackageModel) -> str:
    """``conftest.py`` or ``factories.py``."""
    return render(f"tests/{path.rsplit('/', 1)[-1]}.j2", p=model)


def story_test_file(story: Story, operations: Sequence[Operation], model: PackageModel) -> str:
    """The tests of a story's criteria.

    A criterion that no scenario of the story's operations words in the same way gets no test; the
    check of criteria without a test then names it.
    """
    by_text = {
        (scenario.given, scenario.when, scenario.then): scenario
        for operation in operations
        for scenario in scenarios(operation, model.entity(operation.entity))
    }
    tests = []
    for criterion in story.criteria:
        scenario = by_text.get((criterion.given, criterion.when, criterion.then))
        if scenario is None:
            continue
        entity = model.entity(scenario.operation.entity)
        body = test_body(model, entity, scenario.operation, scenario)
        number = criterion.id.rsplit("-", 1)[-1].lower()
        tests.append(_Test(f"test_{number}_{scenario.title}"[:90], criterion, fixtures(body), body))
    return render("tests/story.py.j2", p=model, story=story, tests=tests)
