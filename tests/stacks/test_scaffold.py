"""What is rendered for any plan passes the project's own checks: nobody could repair it."""

import asyncio
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.agents.tasks import PlanningRequest
from hishamos_pipeline.authoring.drafts import ArchitectureDraft
from hishamos_pipeline.authoring.planning import architecture
from hishamos_pipeline.core.artifacts.documents import Architecture, Requirement, Requirements, Stories
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.text.untrusted import docstring
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.formatting import ruff_path, tidy_file

NO_STORIES = Stories(epics=(), stories=(), sprint=SprintRules())
HOSTILE = (
    '"""',
    "\\",
    "`",
    "```",
    "{{ x }}",
    "{% if %}",
    "<b>",
    "Ünïcode ☃",
    "'",
    '"',
    "# x",
    "%(prog)s",
    "a" * 90,
)
TEXT = st.lists(
    st.sampled_from(HOSTILE) | st.text("ab c", min_size=1, max_size=9), min_size=1, max_size=5
).map(lambda parts: " ".join(parts).strip() or "x")
TYPES = st.sampled_from(
    [
        "str",
        "int | None",
        "dict[str, list[tuple[int, str]]]",
        "Callable[[int, str], Iterator[bytes]]",
        "Path",
        "Decimal",
    ]
)
DEFAULTS = st.sampled_from(["", "'x'", '"it\'s"', "None", "('a', 'b')", "1.5", "'" + "z" * 60 + "'"])


@st.composite
def functions(draw: st.DrawFn, name: str, indent: str = "", first: str = "") -> str:
    defaults = sorted(draw(st.lists(DEFAULTS, max_size=6)), key=bool)
    parameters = [
        f"parameter_{number}_{'x' * draw(st.integers(0, 25))}: {draw(TYPES)}"
        + (f" = {default}" if default else "")
        for number, default in enumerate(defaults)
    ]
    listed = ", ".join([*([first] if first else []), *parameters])
    word = draw(st.sampled_from(["def", "async def"]))
    return f"{indent}{word} {name}({listed}) -> {draw(TYPES)}:\n{docstring(draw(TEXT), indent + '    ')}\n"


@st.composite
def stubs(draw: st.DrawFn, number: int) -> str:
    base = draw(st.sampled_from(["", "(ValueError)", "(Generic[T])", "(Enum)"]))
    text = f"class C{number}{base}:\n{docstring(draw(TEXT), '    ')}\n    field: {draw(TYPES)} = None\n"
    text += draw(functions(f"m{number}", "    ", "self"))
    constant = f"LIMIT_{number}: {draw(TYPES)} = {draw(DEFAULTS) or '0'}\n"
    return f"{constant}\n{text}\n{draw(functions(f'f{number}'))}"


@st.composite
def plans(draw: st.DrawFn) -> Architecture:
    layout = draw(st.sampled_from(["src", "flat"]))
    root = "src/shelf" if layout == "src" else "shelf"
    files = [
        {"path": f"{root}/{draw(st.sampled_from(['', 'deep/', 'deep/er/']))}part_{number}.py", "purpose": draw(TEXT),
         "interface": draw(stubs(number))}
        for number in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    passed_on = f"from shelf.part import C0\nVERSION: str = {draw(DEFAULTS) or '0'}\n"
    files.append({"path": f"{root}/part.py", "purpose": "p", "interface": "class C0: ..."})
    files.append({"path": f"{root}/__init__.py", "purpose": draw(TEXT), "interface": passed_on})
    draft = ArchitectureDraft.model_validate(
        {"package": "shelf", "layout": layout, "commands": draw(TEXT), "files": files}
    )
    wanted = Requirements(
        title=draw(TEXT), summary=draw(TEXT), licence=draw(st.sampled_from(["MIT", "Apache-2.0", "Proprietary"])),
        author=draw(st.just("") | TEXT), sprint=SprintRules(), entities=(),
        stack=draw(st.sampled_from(["python-library", "python-cli", "python-api"])),
        requirements=(Requirement(id="REQ-001", kind="functional", title="T", statement="S.", acceptance=("A.",)),),
    )  # fmt: skip
    return architecture(PlanningRequest(requirements=wanted), draft)


@pytest.mark.slow
@settings(max_examples=40)
@given(plans())
def test_what_is_rendered_for_any_plan_passes_its_checks(plan: Architecture) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for file in plan.files:
            text = scaffold.text_of(FileRequest(path=file.path, architecture=plan, stories=NO_STORIES))
            if text is not None:
                (root / file.path).parent.mkdir(parents=True, exist_ok=True)
                (root / file.path).write_text(asyncio.run(tidy_file(file.path, text, plan.package)))
        for verb in (["format", "--check"], ["check"]):
            done = subprocess.run(
                [ruff_path(), *verb, "--no-cache", "."], cwd=root, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
        tomllib.loads((root / "pyproject.toml").read_text())
        for name in (".gitlab-ci.yml", ".github/workflows/ci.yml", ".pre-commit-config.yaml"):
            assert isinstance(yaml.safe_load((root / name).read_text()), dict), name
