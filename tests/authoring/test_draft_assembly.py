"""From drafts to documents: what is added, and what is refused with a sentence for the model."""

from typing import Any

import pytest

from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.authoring import draft_assembly
from hishamos_pipeline.authoring.drafts import ArchitectureDraft, ModuleDraft, StoriesDraft
from hishamos_pipeline.authoring.interfaces import module_interface
from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements
from hishamos_pipeline.core.artifacts.idea import SprintRules

REQUIREMENTS = Requirements(
    title="Notes",
    summary="Notes.",
    licence="MIT",
    author="",
    sprint=SprintRules(),
    requirements=tuple(
        Requirement(id=f"REQ-00{n}", kind="functional", title=f"T{n}", statement="S.", acceptance=("A.",))
        for n in (1, 2)
    ),
    entities=(),
)
GIVEN = PlanningRequest(requirements=REQUIREMENTS)
FUNCTION = {
    "name": "keep",
    "parameters": [{"name": "text", "type": "string"}],
    "description": 'Says """hi""".',
}


def module(path: str = "store.py", **changed: Any) -> dict[str, Any]:
    return {"path": path, "purpose": "Keeps.", "functions": [FUNCTION], **changed}


def plan(*modules: dict[str, Any], package: str = "notes_app") -> ArchitectureDraft:
    given = {"package": package, "commands": "list: prints all", "modules": list(modules) or [module()]}
    return ArchitectureDraft.model_validate(given)


def test_a_plan_gets_what_every_package_has() -> None:
    made = draft_assembly.architecture(GIVEN, plan())
    assert {"pyproject.toml", "src/notes_app/cli.py", "README.md", ".gitlab-ci.yml"} <= {
        f.path for f in made.files
    }
    command_line = next(file for file in made.files if file.path.endswith("/cli.py"))
    assert command_line.signatures == ("def main(argv: Sequence[str] | None=None) -> int",)
    assert command_line.depends_on == ("src/notes_app/store.py",)
    store = next(file for file in made.files if file.path.endswith("/store.py"))
    assert store.signatures == ("def keep(text: str) -> None",)


def test_a_plan_of_the_other_stack_has_its_own_surface_and_dependencies() -> None:
    given = PlanningRequest(requirements=REQUIREMENTS.model_copy(update={"stack": "python-api"}))
    draft = plan(module(), module("app.py")).model_copy(
        update={"dependencies": ["httpx>=0.28", "SQLAlchemy"]}
    )
    made = draft_assembly.architecture(given, draft)
    (surface,) = [file for file in made.files if file.path.endswith("/app.py")]
    assert surface.signatures == ("def create_app(database: Path) -> FastAPI",)
    assert not any(file.path.endswith("/cli.py") for file in made.files)
    with pytest.raises(ValueError, match="there already"):
        draft_assembly.architecture(
            given, draft.model_copy(update={"dependencies": ["sqlalchemy[asyncio]>=2.1"]})
        )
    with pytest.raises(ValueError, match="is taken"):
        draft_assembly.architecture(given, plan(package="fastapi"))
    assert made.dependencies == ("fastapi>=0.115", "sqlalchemy>=2.0", "uvicorn>=0.30", "httpx>=0.28")


@pytest.mark.parametrize(
    ("dependency", "said"),
    [
        ("reqeusts", "looks like the popular requests"),
        ("two words", "is no requirement"),
        ("tomli>=2; python_version < '3.11'", "has a marker"),
        ("x @ https://example.org/x.whl", "names an address"),
    ],
)
def test_a_dependency_that_cannot_be_meant_goes_back_to_the_model(dependency: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draft_assembly.architecture(GIVEN, plan().model_copy(update={"dependencies": [dependency]}))


def test_modules_that_every_package_has_may_be_planned_in_vain() -> None:
    made = draft_assembly.architecture(GIVEN, plan(module("cli.py"), module(depends_on=["cli.py"])))
    assert [file.path for file in made.files].count("src/notes_app/cli.py") == 1


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (plan(module("cli.py")), "no module besides cli.py"),
        (plan(module(), module()), "planned twice"),
        (plan(module(depends_on=["gone.py"])), "gone.py, which is not planned"),
        (plan(module("a.py", depends_on=["b.py"]), module("b.py", depends_on=["a.py"])), "in a circle"),
        (plan(module(requirements=["REQ-009"])), "REQ-009, which is no requirement"),
        (plan(module(functions=[])), "neither a class nor a function"),
        (plan(module(functions=[FUNCTION, FUNCTION])), "keep twice"),
        (plan(module(functions=[{**FUNCTION, "returns": "a b"}])), "'a b' is no Python type"),
        (plan(package="json"), "that name is taken"),
        (plan(package="class"), "that name is taken"),
    ],
)
def test_a_plan_that_does_not_hold_together_is_refused(draft: ArchitectureDraft, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draft_assembly.architecture(GIVEN, draft)


def test_an_interface_is_python_whatever_its_texts_say() -> None:
    classes = [
        {"name": "Note", "kind": "dataclass", "description": "A note\\.", "fields": [
            {"name": "at", "type": "int", "default": "0"}, {"name": "text", "type": "str"}]},
        {"name": "Full", "kind": "exception", "description": 'ends in "quotes"'},
        {"name": "Box", "kind": "class", "description": "Several\nlines", "methods": [FUNCTION]},
    ]  # fmt: skip
    text = module_interface(ModuleDraft.model_validate(module(classes=classes)))
    compile(text, "interface", "exec")
    assert "    text: str\n    at: int = 0" in text
    assert "class Full(Exception):" in text
    assert "    def keep(self, text: str) -> None:" in text


def stories(*changed: dict[str, Any]) -> StoriesDraft:
    base = {"title": "T", "actor": "user", "want": "w", "requirements": ["REQ-001", "REQ-002"],
            "criteria": [{"given": "g", "when": "w", "then": "t"}]}  # fmt: skip
    return StoriesDraft.model_validate(
        {"epics": [{"title": "E", "stories": [{**base, **one} for one in changed]}]}
    )


def test_stories_may_depend_on_later_ones_but_not_in_a_circle() -> None:
    made = draft_assembly.stories(GIVEN, stories({"depends_on": [2]}, {}))
    assert made.stories[0].depends_on == ("US-002",)
    with pytest.raises(ValueError, match="in a circle"):
        draft_assembly.stories(GIVEN, stories({"depends_on": [2]}, {"depends_on": [1]}))
    with pytest.raises(ValueError, match="depends on story 7, but there are 2"):
        draft_assembly.stories(GIVEN, stories({"depends_on": [7]}, {}))
    with pytest.raises(ValueError, match="no story serves REQ-002"):
        draft_assembly.stories(GIVEN, stories({"requirements": ["REQ-001"]}))
    with pytest.raises(ValueError, match="REQ-099, which is no requirement"):
        draft_assembly.stories(GIVEN, stories({"requirements": ["REQ-099"]}))
