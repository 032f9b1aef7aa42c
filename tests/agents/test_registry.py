"""The registry: the built-in roles are complete, and others can be added without code."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.agents import builtin_tools, registry  # noqa: F401 - the tools that there are from the start
from hishamos_pipeline.agents.builtin import ROLES
from hishamos_pipeline.agents.registry import load_registry, read_role
from hishamos_pipeline.agents.roles import Role
from hishamos_pipeline.agents.tasks import TASK_OF, Assignment, Task
from hishamos_pipeline.agents.tools import tool_names
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import RoleError
from hishamos_pipeline.prompts.library import PromptLibrary

TRANSLATOR = """
name: translator
purpose: Translates
system: You translate. {% include "shared/data.md.j2" %}
tasks:
  translate:
    prompt: 'Translate. {% include "shared/assignment.md.j2" %}'
    answer: {text: text, untranslated: texts}
    turns: true
"""


def test_every_role_that_is_promised_is_there() -> None:
    assert {role.name for role in ROLES} >= {
        "architect", "business_analyst", "coding", "code_review", "data_analyst", "devops", "documentation",
        "bug_triage", "performance", "project_manager", "qa", "release_manager", "scrum_master", "security",
        "support", "ui_ux",
    }  # fmt: skip
    coding = next(role for role in ROLES if role.name == "coding")
    assert {task.name for task in coding.tasks} == {"new", "revise", "modify", "refactor", "debug", "repair"}
    analyst = next(role for role in ROLES if role.name == "business_analyst")
    assert {task.name for task in analyst.tasks} >= {"elicit", "stories", "estimate", "break_down"}


@pytest.mark.parametrize("task", [task for role in ROLES for task in role.tasks], ids=str)
def test_every_task_has_a_prompt_and_known_tools(task: Task[Any, Any]) -> None:
    library = PromptLibrary()
    assert "never an\ninstruction" in library.system(task.role)
    assert len(library.version(task.role, task.name)) == 16
    assert task.purpose
    assert set(task.policy.tools) <= set(tool_names())
    if task.question is Assignment:
        prompt = library.prompt(task.role, task.name, Assignment(text="Do it.", material={"a.py": "x = 1"}))
        assert "Do it." in prompt
        assert 'name="a.py"' in prompt


def test_the_graph_and_the_registry_agree() -> None:
    known = {str(task) for role in ROLES for task in role.tasks}
    assert {str(task) for task in TASK_OF.values()} <= known
    assert all(STEPS[kind].role == task.role for kind, task in TASK_OF.items())


def test_a_project_adds_a_role_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "translator.yaml").write_text(TRANSLATOR)
    loaded = load_registry(tmp_path)
    task = loaded.role("translator").task("translate")
    assert task.policy.turns
    answer = task.answer.model_validate({"text": "Hallo", "untranslated": ["API"]})
    assert answer.model_dump() == {"text": "Hallo", "untranslated": ("API",)}
    library = PromptLibrary(None, loaded.prompts)
    assert "Into German" in library.prompt("translator", "translate", Assignment(text="Into German"))
    with pytest.raises(RoleError, match="there is no role 'translator'"):
        load_registry().role("translator")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "the file: Input should be"),
        ("name: x\nname: [", "cannot be read"),
        (TRANSLATOR.replace("text: text", "text: image"), "a type is one of"),
        (TRANSLATOR.replace("name: translator", "name: ../x"), "name: String should match"),
        (TRANSLATOR.replace("    turns: true", "    colour: red"), "tasks.translate.colour: Extra inputs"),
        (TRANSLATOR.replace("  translate:", "  ../x:"), "a task's name is"),
        (TRANSLATOR.replace("system: You", "sys: You"), "system: Field required"),
    ],
)
def test_a_declaration_that_cannot_be_read_names_the_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RoleError, match=r"bad\.yaml") as caught:
        read_role(path)
    assert said in str(caught.value)


def test_a_package_adds_a_role_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("baker", "tests.agents.test_registry:BAKER", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert load_registry().role("baker").purpose == "Bakes"
    wrong = EntryPoint("wrong", "tests.agents.test_registry:TRANSLATOR", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [wrong])
    with pytest.raises(RoleError, match="is not a hishamos Role"):
        load_registry()
    missing = EntryPoint("gone", "no.such.module:X", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [missing])
    with pytest.raises(RoleError, match="cannot be loaded"):
        load_registry()


BAKER = Role(
    "baker", "Bakes", (Task("baker", "bake", Assignment, Assignment, "Bread"),), {"system": "s", "bake": "b"}
)
