"""Suites of cases for evaluations: briefs, checkpoint by checkpoint, with tests that nobody who builds may see."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.structured import read_yaml

_FIELD = "suite"
_CHECKPOINT = re.compile(r"checkpoint_(\d{1,3})\.(?:md|markdown|txt|yaml|yml|json)")


class HowToTest(BaseModel):
    """``case.yaml``: how the hidden tests of a case are run, and what they need besides the project's dependencies.

    In ``run``, ``{project}`` is the delivered tree, ``{tests}`` the folder of the hidden tests, ``{checkpoint}`` the
    number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: tuple[str, ...] = Field(("python", "-m", "pytest", "-q", "{tests}"), min_length=1)
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case: its briefs in order, the files beside them, and its hidden tests."""

    name: str
    briefs: tuple[Path, ...]
    files: Path | None
    tests: Path
    how: HowToTest


def read_suite(folder: Path) -> tuple[Case, ...]:
    """The cases of a suite, by name.

    Raises:
        IdeaError: names every case that lacks something.
    """
    problems: list[str] = []
    cases = []
    places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for place in places:
        try:
            cases.append(_case(place))
        except (ValueError, OSError, IdeaError) as error:
            problems.append(f"{place.name}: {error}")
    if not places:
        problems.append("there is no case: each is a folder with brief.md and tests/")
    if problems:
        raise IdeaError(_FIELD, "; ".join(problems), "See docs/evaluation.md.")
    return tuple(cases)


def _case(place: Path) -> Case:
    if not slug(place.name):
        raise ValueError("its folder needs a name of letters and digits")
    numbered = sorted(
        (int(match[1]), path) for path in place.iterdir() if (match := _CHECKPOINT.fullmatch(path.name))
    )
    briefs = tuple(path for _, path in numbered) or tuple(sorted(place.glob("brief.*"))[:1])
    if not briefs:
        raise ValueError("it has neither brief.md nor checkpoint_1.md")
    tests = place / "tests"
    if not tests.is_dir():
        raise ValueError("it has no folder tests/")
    given = place / "case.yaml"
    try:
        how = (
            HowToTest.model_validate(read_yaml(given.read_text(encoding="utf-8")))
            if given.exists()
            else HowToTest()
        )
    except ValidationError as error:
        raise ValueError(f"case.yaml: {error.errors()[0]['msg']}") from None
    files = place / "files"
    return Case(slug(place.name), briefs, files if files.is_dir() else None, tests, how)
