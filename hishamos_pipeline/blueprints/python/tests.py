"""The test files of a project: what the tests share, and one file for each story."""

from collections.abc import Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.python.fields import FieldModel
from hishamos_pipeline.blueprints.python.model import EntityModel
from hishamos_pipeline.blueprints.python.package import PackageModel
from hishamos_pipeline.blueprints.python.rendering import render
from hishamos_pipeline.blueprints.python.scenarios import Scenario, scenarios
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.documents import Criterion, Story
from hishamos_pipeline.core.text import linear_re as re


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
    return render(model.stack, f"tests/{path.rsplit('/', 1)[-1]}.j2", p=model)


def story_test_file(story: Story, operations: Sequence[Operation], model: PackageModel) -> str:
    """The tests of a story's criteria.

    A criterion that no scenario of the story's operations words in the same way gets no test; the
    check of criteria without a test then names it.
    """
    by_text = {
        (scenario.given, scenario.when, scenario.then): scenario
        for operation in operations
        for scenario in scenarios(operation, model)
    }
    tests = []
    for criterion in story.criteria:
        scenario = by_text.get((criterion.given, criterion.when, criterion.then))
        if scenario is None:
            continue
        entity = model.entity(scenario.operation.entity)
        body = _body(model, entity, scenario.operation, scenario)
        number = criterion.id.rsplit("-", 1)[-1].lower()
        tests.append(_Test(f"test_{number}_{scenario.title}"[:90], criterion, _fixtures(body), body))
    return render(model.stack, "tests/story.py.j2", p=model, story=story, tests=tests)


def _body(model: PackageModel, entity: EntityModel, operation: Operation, scenario: Scenario) -> str:
    """The statements of one test."""

    def referring_field(other: EntityModel, target: EntityModel) -> FieldModel:
        return next(item for item in other.references if item.attribute.target == target.entity.name)

    def store_with(field: FieldModel, value: str) -> str:
        """Source that makes a record and gives it a value which no command sets when it is added."""
        make = f"make_{entity.var}(connection).id"
        for item in entity.operations:
            if item.attributes[:1] != (field.attribute.name,):
                continue
            if item.kind == "tag":
                tagged = f'{entity.service}.tag_{entity.var}(connection, {make}, "new")'
                return f'{entity.service}.tag_{entity.var}(connection, {tagged}.id, "signed")'
            if item.kind == "assign":
                return f"{entity.service}.{entity.assign_function(item)}(connection, {make}, {value})"
            if item.kind == "status" and entity.status_value(item) == value:
                return f"{entity.service}.{entity.status_function(item)}(connection, {make})"
        return f"make_{entity.var}(connection, {field.name}={value})"

    def import_second(target: EntityModel, name: str) -> str:
        if name != "broken":
            return ""
        required = [field for field in target.fields if field.required]
        return next((field.name for field in required if field.broken[0]), required[0].name)

    return render(
        model.stack,
        "tests/bodies.j2",
        p=model,
        e=entity,
        op=operation,
        scenario=scenario,
        referring_field=referring_field,
        store_with=store_with,
        import_second=import_second,
    ).strip("\n")


def _fixtures(body: str) -> str:
    """The fixtures that a test's body uses, as parameters."""
    wanted = [
        (r"\bconnection\b", "connection: Connection", "open_database" not in body),
        (r"\bdatabase\b", "database: Path", True),
        (r"\brun\(", "run: Run", True),
        (r"\bhttp_client\.", "http_client: testclient.TestClient", True),
        (r"\btmp_path\b", "tmp_path: Path", True),
    ]
    used = body.replace(" as connection", "")
    return ", ".join(text for pattern, text, allowed in wanted if allowed and re.search(pattern, used))
