"""The collection of attacks: none of them ends verified, and what stops each is no matter of style."""

from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.stacks.python.formatting import tidy
from hishamos_pipeline.verification.verify import Assembled
from tests.support.assembling import changed, failed, judged, text_of, without_style
from tests.verification.attacks import Attack
from tests.verification.attacks.code import KNOWING
from tests.verification.attacks.files import FILES
from tests.verification.attacks.suites import SUITES
from tests.verification.attacks.tests import TESTS

pytestmark = pytest.mark.slow
ATTACKS = [*SUITES, *TESTS, *KNOWING, *FILES]


@pytest.fixture
def notes_idea() -> Idea:
    """What the attacks are about."""
    return read_brief(
        b"# Notes\n\n## Features\n\n- User can add a note with a title and a text\n- User can list notes\n"
        b"- User can delete a note\n"
    )


async def attacked(tree: Assembled, attack: Attack) -> Assembled:
    for path, change in attack.changes.items():
        text = change(text_of(tree, path))
        tree = changed(tree, path, await tidy(text, "notes") if path.endswith(".py") else text)
    return tree


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len(ATTACKS) >= 40 and len({attack.name for attack in ATTACKS}) == len(ATTACKS)


async def test_without_an_attack_it_is_verified(assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(without_style(assembled), tmp_path)
    assert build.passed, failed(build)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_an_attack_is_never_verified(attack: Attack, assembled: Assembled, tmp_path: Path) -> None:
    build = await judged(await attacked(without_style(assembled), attack), tmp_path)
    # What the README says of the linter is a matter of style, too.
    assert failed(build) - {"readme_commands"}, f"{attack.name}: {attack.hides}"
    if attack in TESTS:
        assert "tests_pass" not in failed(build), "nothing is shown by tests that fail"
