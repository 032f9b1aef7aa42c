"""The stack of a brief that names none."""

import pytest

from hishamos_pipeline.intake.brief import read_brief


@pytest.mark.parametrize(
    ("text", "stack", "said"),
    [
        ("# Lending library\n\nNeighbours lend books.", "python-cli", "python-cli is taken."),
        ("# Geo\n\nA small Python\nlibrary that finds cities.", "python-library", "`Python library`"),
        ("# Lint\n\nThere is **no command line**; a small library.", "python-library", "`no command line`"),
        ("# Lint\n\nOther programs import it.", "python-library", "`programs import it`"),
        ("# Parcels\n\nWe want an HTTP service for parcels.", "python-api", "`an HTTP service`"),
        ("# Viewer\n\nUsers can see data of the GitHub REST API.", "python-cli", "taken."),
        ("# Shift\n\nA command line program. Later a REST API.", "python-cli", "`command line program`"),
        ("# Shift\n\nRecords.\n\n## Out of scope\n\nA REST API.", "python-cli", "taken."),
    ],
)
def test_it_is_chosen_by_the_first_clear_words_and_said(text: str, stack: str, said: str) -> None:
    idea = read_brief(text.encode())
    assert idea.stack == stack
    assert said in idea.stack_reason


def test_a_named_one_needs_no_reason() -> None:
    idea = read_brief(b"---\nstack: python-api\n---\n# A Python library\n")
    assert (idea.stack, idea.stack_reason) == ("python-api", "")
