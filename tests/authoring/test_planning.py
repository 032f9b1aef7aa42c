"""From plans to architectures: any layout that Python allows, and every fault of a plan at once."""

from typing import Any

import pytest

from hishamos_pipeline.agents.tasks import ArchitectureRevision, PlanningRequest
from hishamos_pipeline.authoring.drafts import ArchitectureDraft, RevisionDraft
from hishamos_pipeline.authoring.planning import PlanningRules, architecture, revised
from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.core.artifacts.idea import HandedFile, StackName
from hishamos_pipeline.core.artifacts.prescriptions import Example, ExampleStep, PrescribedName, Prescriptions
from hishamos_pipeline.core.text.ids import EXAMPLES
from tests.authoring.test_draft_assembly import REQUIREMENTS

KEEP = "def keep(text: str) -> None:\n    \"\"\"Says '''hi'''.\"\"\"\n"


def file(path: str = "src/notes_app/store.py", **changed: Any) -> dict[str, Any]:
    interface = KEEP if path.endswith(".py") else ""
    return {"path": path, "purpose": "Keeps.", "interface": interface, **changed}


def request(stack: StackName = "python-cli") -> PlanningRequest:
    handed = HandedFile(path="cities.csv", sha256="0" * 64, size=3, shown="a,b")
    return PlanningRequest(requirements=REQUIREMENTS.model_copy(update={"stack": stack, "files": (handed,)}))


def plan(*files: dict[str, Any], package: str = "notes_app", **changed: Any) -> ArchitectureDraft:
    given = {"package": package, "commands": "list: prints all", "files": list(files) or [file()], **changed}
    return ArchitectureDraft.model_validate(given)


def paths(made: Architecture) -> set[str]:
    return {item.path for item in made.files}


def test_a_plan_gets_what_every_package_has() -> None:
    made = architecture(request(), plan())
    assert {
        "pyproject.toml",
        "src/notes_app/cli.py",
        "src/notes_app/__init__.py",
        "README.md",
        "Dockerfile",
    } <= paths(made)
    assert made.entry == "notes_app.cli:main" and made.usage == "list: prints all"
    command_line = next(item for item in made.files if item.path.endswith("/cli.py"))
    assert command_line.signatures == ("def main(argv: Sequence[str] | None=None) -> int",)
    assert command_line.depends_on == ("src/notes_app/store.py",)


def test_a_library_has_no_program() -> None:
    made = architecture(request("python-library"), plan())
    assert made.entry == ""
    assert not {"src/notes_app/cli.py", "src/notes_app/__main__.py", "Dockerfile", ".dockerignore"} & paths(
        made
    )


def test_another_stack_has_its_own_entry_point_and_dependencies() -> None:
    draft = plan(file(), dependencies=["httpx>=0.28", "SQLAlchemy"])
    made = architecture(request("python-api"), draft)
    (app,) = [item for item in made.files if item.path.endswith("/app.py")]
    assert app.signatures == ("def create_app(database: Path) -> FastAPI",)
    assert made.entry == "notes_app.__main__:main"
    assert made.dependencies == ("fastapi>=0.115", "sqlalchemy>=2.0", "uvicorn>=0.30", "httpx>=0.28")
    with pytest.raises(ValueError, match="there already"):
        architecture(request("python-api"), plan(dependencies=["sqlalchemy[asyncio]>=2.1"]))
    with pytest.raises(ValueError, match="is taken"):
        architecture(request("python-api"), plan(package="fastapi"))


def test_packages_scripts_and_data_at_prescribed_places() -> None:
    made = architecture(
        request("python-library"),
        plan(
            file(
                "lint/__init__.py",
                interface='from lint.model import Entry, _hidden\n__version__: str = "1.0.0"\n',
            ),
            file("lint/model.py", interface="class Entry: ...\n"),
            file("lint/rules/balance.py", depends_on=["lint/model.py"]),
            file("lint/__about__.py", interface='__version__ = "1.0.0"\n'),
            file("lint/data/cities.csv", copy_of="cities.csv"),
            file("lint/data/codes.csv"),
            file("examples/check.py", interface=""),
            file("lint.py", interface=""),
            package="lint",
            layout="flat",
        ),
    )
    assert {"lint/rules/__init__.py", "lint/py.typed", "lint/data/cities.csv", "examples/check.py"} <= paths(
        made
    )
    assert "lint/data/__init__.py" not in paths(made)
    init = next(item for item in made.files if item.path == "lint/__init__.py")
    assert "__all__ = ['Entry', '__version__']" in init.interface
    assert made.module_of("lint/rules/__init__.py") == "lint.rules"
    assert {
        "lint/model.py",
        "examples/check.py",
        "lint.py",
    } <= made.code and "lint/data/codes.csv" not in made.code
    assert not made.in_package("lint.py") and not made.in_package("examples/check.py")


def test_a_package_may_be_a_single_module() -> None:
    made = architecture(
        request(),
        plan(
            file("shift.py", interface="def run() -> int: ...\n"),
            package="shift",
            layout="flat",
            entry="shift:run",
        ),
    )
    assert made.entry == "shift:run"
    assert not {"shift/__init__.py", "shift/cli.py", "shift/py.typed"} & paths(made)


def test_what_is_made_elsewhere_may_be_planned_in_vain() -> None:
    made = architecture(
        request(), plan(file(), file("tests/test_x.py"), file("README.md"), file("pyproject.toml"))
    )
    assert "tests/test_x.py" not in paths(made)
    assert [item.path for item in made.files].count("pyproject.toml") == 1


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (plan(file("README.md")), "nothing is planned in the package src/notes_app/"),
        (plan(file(), file()), "store.py is planned twice"),
        (plan(file(depends_on=["gone.py"])), "gone.py, which is not planned"),
        (plan(file("src/notes_app/a.py", depends_on=["src/notes_app/b.py"]),
              file("src/notes_app/b.py", depends_on=["src/notes_app/a.py"])), "in a circle"),
        (plan(file(requirements=["REQ-009"])), "REQ-009, which is no requirement"),
        (plan(file(interface="")), "offers nothing"),
        (plan(file(interface=KEEP + KEEP)), "has keep twice"),
        (plan(file(interface="def f(")), "no Python"),
        (plan(file("src/notes_app/my-store.py")), "'my-store' is no name in Python"),
        (plan(file("src/notes_app/class.py")), "'class' is no name in Python"),
        (plan(file("../x.py")), "has an empty, '.' or '..' part"),
        (plan(file("src/other/x.py")), "not in the package, which is src/notes_app/"),
        (plan(file("data.csv", copy_of="gone.csv")), "a copy of gone.csv, which was not handed in"),
        (plan(file("data.csv", interface="x")), "is no module"),
        (plan(file(), file("pytest.py")), "pytest.py would be imported in place of a module"),
        (plan(file(), file("_pytest/__init__.py", interface="")), "would be imported in place of a module"),
        (plan(file(), file("json.py")), "would be imported in place of a module"),
        (plan(file(), file(".github/workflows/release.yml")), "is hidden, and nobody has asked for it"),
        (plan(file(), file(".envrc")), "is hidden"),
        (plan(file(), file(".vscode/tasks.json")), "is hidden"),
        (plan(file(), file(".gitΙgnore")), "is hidden"),
        (plan(file(), file("a;rm x.md")), "a shell reads as more than a name"),
        (plan(file(), file("$(id).md")), "a shell reads as more than a name"),
        (plan(file("src/notes_app/D.csv"), file("src/notes_app/d.csv"), file()), "differs from another file only in"),
        (plan(file(), file("run.py", interface="def go() -> int: ..."), entry="run:go"), "is not in the package"),
        (plan(file("src/notes_app/__init__.py", interface="from notes_app.store import *"), file()), "imports `*`"),
        (plan(package="json"), "that name is taken"),
        (plan(package="class"), "that name is taken"),
        (plan(entry="notes_app.start:run"), "`entry` names notes_app.start, which is not planned"),
        (plan(entry="notes_app.store:run"), "has to offer run()"),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_hold_together_is_refused(draft: ArchitectureDraft, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        architecture(request(), draft)
    assert said in str(caught.value)


def test_examples_are_held_against_the_program_and_the_stack() -> None:
    step = ExampleStep(command=("notes-app", "list"), stdout="a")
    asked = prescribed(examples=(Example(title="List", steps=(step,)),))
    cli = PlanningRequest(requirements=asked.requirements.model_copy(update={"stack": "python-cli"}))
    with pytest.raises(ValueError, match="calls 'notes-app', and the program is called 'notes'"):
        architecture(cli, plan())
    assert architecture(cli, plan(program="notes-app")).distribution == "notes-app"
    request_step = ExampleStep(request="GET /notes", status=200)
    with pytest.raises(ValueError, match="is a request, and a python-library answers none"):
        architecture(prescribed(examples=(Example(title="Get", steps=(request_step,)),)), plan())


def test_data_for_tests_may_be_planned_and_tests_may_not() -> None:
    made = architecture(
        request(), plan(file(), file("tests/data/cities.csv", copy_of="cities.csv"), file("tests/test_x.py"))
    )
    assert "tests/data/cities.csv" in paths(made) and "tests/test_x.py" not in paths(made)


def test_a_hidden_file_that_is_prescribed_may_be_planned() -> None:
    asked = prescribed(paths=(".env.example",))
    made = architecture(asked, plan(file(), file(".env.example")))
    assert ".env.example" in paths(made)


def test_the_version_of_python_is_the_prescribed_one_where_that_can_be_verified() -> None:
    assert architecture(prescribed(python=">=3.10"), plan()).requires_python == ">=3.10"
    assert architecture(prescribed(python=">=3.13"), plan()).requires_python == ">=3.11"


def test_all_faults_go_back_at_once() -> None:
    draft = plan(file(interface=""), file("../x.py"), file("src/notes_app/b.py", requirements=["REQ-9"]))
    with pytest.raises(ValueError) as caught:
        architecture(request(), draft)
    for said in ("offers nothing", "'..' part", "REQ-9"):
        assert said in str(caught.value)


def test_how_many_files_may_be_planned_is_a_setting() -> None:
    files = [file(f"src/notes_app/m{n}.py") for n in range(3)]
    with pytest.raises(ValueError, match="at most 2 may be"):
        architecture(request(), plan(*files), PlanningRules(most_files=2))


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
        architecture(request(), plan(dependencies=[dependency]))


def test_a_revision_changes_what_it_names_and_adds_what_new_folders_need() -> None:
    before = architecture(request(), plan())
    draft = RevisionDraft.model_validate(
        {
            "files": [file("src/notes_app/rules/sizes.py", requirements=["REQ-002"])],
            "commands": "show: prints one",
        }
    )
    asked = ArchitectureRevision(
        architecture=before, requirements=request().requirements, changed=("REQ-002",)
    )
    after = revised(asked, draft)
    assert paths(after) - paths(before) == {"src/notes_app/rules/sizes.py", "src/notes_app/rules/__init__.py"}
    assert after.usage == "show: prints one"
    entry = next(item for item in after.files if item.path.endswith("/cli.py"))
    assert "src/notes_app/rules/sizes.py" in entry.depends_on
    same = {item.path: item for item in before.files}
    assert all(
        item == same[item.path] for item in after.files if item.path in same and item.path != entry.path
    )


def prescribed(**given: Any) -> PlanningRequest:
    wanted = REQUIREMENTS.model_copy(
        update={"stack": "python-library", "prescriptions": Prescriptions(**given)}
    )
    return PlanningRequest(requirements=wanted)


def test_a_plan_is_held_to_what_is_prescribed() -> None:
    asked = prescribed(
        paths=("shop/store.py", "examples/demo.py", "README.md"),
        names=(
            PrescribedName(module="shop", stub="def keep(text): ..."),
            PrescribedName(module="shop.store", stub="class Full(ValueError): ..."),
            PrescribedName(module="shop.gone", stub="x = 1"),
        ),
        dependencies=("wheel>=0.40",),
    )
    store = "class Full(Exception):\n    ...\n\ndef keep(text: str, twice: bool=False) -> None:\n    ...\n"
    files = [
        file("shop/store.py", interface=store),
        file("shop/__init__.py", interface="from shop.store import keep\n"),
    ]
    with pytest.raises(ValueError) as caught:
        architecture(asked, plan(*files, package="shop", layout="flat"))
    for said in (
        "prescribes the file examples/demo.py",
        "prescribes keep otherwise: the plan's shop/store.py has def keep(text: str, twice: bool=False)",
        "shop/store.py has class Full derived from Exception, wanted is ValueError",
        "prescribes the module shop.gone",
    ):
        assert said in str(caught.value)
    assert "README.md" not in str(caught.value)


def test_a_plan_that_keeps_them_gets_the_examples_as_a_test() -> None:
    step = ExampleStep(command=("python", "examples/demo.py"), stdout="hi")
    asked = prescribed(
        names=(PrescribedName(module="shop", stub="def keep(text): ..."),),
        examples=(Example(title="Demo", steps=(step,)),),
        dependencies=("wheel>=0.40",),
    )
    files = [
        file("shop/store.py", interface="def keep(text): ...\n"),
        file("shop/__init__.py", interface="from shop.store import keep\n"),
    ]
    made = architecture(
        asked, plan(*files, file("examples/demo.py", interface=""), package="shop", layout="flat")
    )
    assert made.dependencies == ("wheel>=0.40",)
    assert EXAMPLES in paths(made)
