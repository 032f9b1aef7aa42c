"""The house: producers read what they declare, each room says what it is; ``make lint`` holds the imports."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text.parsing import parse_python

PACKAGE = Path(__file__).parent.parent / "hishamos_pipeline"


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(parse_python(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_producers_reach_nothing_but_their_context() -> None:
    """An artifact's lineage is true: what is not declared cannot be read past the context."""
    guilty = [
        f"{path.name}: {node.attr}"
        for path in (PACKAGE / "generation" / "producers").glob("*.py")
        for node in ast.walk(parse_python(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("store", "project", "_services", "_inputs")
    ]
    assert guilty == []
    assert not [
        name
        for path in (PACKAGE / "generation" / "producers").glob("*.py")
        for name in imported(path)
        if name.startswith(("hishamos_pipeline.store", "hishamos_pipeline.generation.project"))
    ]


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["ideas", "submit", "--help"]])
def test_help_does_not_import_dagster(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom hishamos_pipeline.cli.main import main\n"
        f"sys.argv = ['hishamos', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert error.code == 0, error.code\n"
        "assert 'dagster' not in sys.modules, 'dagster was imported'\n"
        "assert 'inflect' not in sys.modules, 'inflect was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_files_stay_small() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py"))
    lengths = [length for length in lengths if length > 3]
    assert lengths[len(lengths) // 2] <= 130
    assert sum(length > 400 for length in lengths) <= 4


def test_the_architecture_page_has_the_graph_as_it_is() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    for kind, step in STEPS.items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {step.group} | `{kind}` |")]
        inputs = line.split("|")[3].strip()
        assert inputs == (", ".join(step.inputs) or "–"), kind


def test_every_room_says_what_it_is() -> None:
    silent = [
        room.name
        for room in PACKAGE.iterdir()
        if (room / "__init__.py").is_file()
        and not ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    ]
    assert silent == []


def test_a_class_name_means_one_thing() -> None:
    names = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in parse_python(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
