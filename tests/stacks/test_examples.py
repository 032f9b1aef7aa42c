"""Examples of a brief as tests: rendered for any text, and free of the project's own findings."""

import subprocess
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.core.artifacts.prescriptions import Example, ExampleStep, GivenFile, Prescriptions
from hishamos_pipeline.stacks.python.examples import examples_test
from hishamos_pipeline.stacks.python.formatting import ruff_path, tidy
from hishamos_pipeline.stacks.python.layout import LINT

NASTY = "A – B “x” {{ 1 }} {% if %} \\n \"\"\" ''' \\"
STEPS = (
    ExampleStep(command=("shop", NASTY), stdin=NASTY, stdout=NASTY, stderr="", exit_code=3),
    ExampleStep(command=("python", "run.py"), exit_code=None),
    ExampleStep(command=("python", "-m", "shop"), stdout="a\nb\n"),
)
REQUESTS = (
    ExampleStep(request="POST /books", headers={"X-Key": NASTY}, body='{"a": NaN}', status=422),
    ExampleStep(request="POST /books", body='{"a": [1, null, true]}', status=201, answer='{"id": 1}'),
    ExampleStep(request="GET /health", answer="plain – text"),
    ExampleStep(request="GET /nothing"),
    ExampleStep(request="POST /deep", body="[" * 5_000),
)


def plan(*examples: Example, stack: str = "python-cli", entry: str = "shop.cli:main") -> Architecture:
    return Architecture(
        title="Shop", stack=stack, distribution="shop", package="shop", entry=entry, summary="S.", licence="MIT",
        author="", files=(), data_model=(), decisions=(), commands=(), lint=LINT,
        prescriptions=Prescriptions(examples=examples),
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "stack", "entry"),
    [(STEPS, "python-cli", "shop.cli:main"), (STEPS[1:], "python-library", ""),
     (REQUESTS, "python-api", "shop.__main__:main"), (STEPS + REQUESTS, "python-api", "shop.__main__:main")],
)  # fmt: skip
async def test_any_example_is_a_test_without_findings(
    tmp_path: Path, steps: tuple[ExampleStep, ...], stack: str, entry: str
) -> None:
    examples = [
        Example(title=NASTY, steps=(step,), files=(GivenFile(path="a b.txt", text=NASTY),)) for step in steps
    ]
    examples += [Example(title="", steps=steps), Example(title="图", steps=steps)]
    text = await tidy(examples_test(plan(*examples, stack=stack, entry=entry)), "shop")
    compile(text, "examples", "exec")
    assert text.count("def test_") == len(examples)
    (tmp_path / "test_examples.py").write_text(text)
    ignored = ("--ignore", "RUF001,RUF002,RUF003")
    settings = ("--config", "line-length=100", "--config", "lint.isort.known-first-party=['shop']")
    command = [
        ruff_path(),
        "check",
        "--isolated",
        "--no-cache",
        *settings,
        "--select",
        ",".join(LINT),
        *ignored,
        ".",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
