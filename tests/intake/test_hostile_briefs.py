"""Briefs that are meant to take for ever: counted before they are parsed, and read where they can be ended."""

import os
import time
from collections.abc import Callable

import pytest

from hishamos_pipeline.blueprints.reading.text import statement
from hishamos_pipeline.core.text.untrusted import neutralize_mentions
from hishamos_pipeline.delivery.hosts.issues import Issue
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake import guarded
from hishamos_pipeline.intake.attributes import parse_attributes
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.guarded import read_guarded
from hishamos_pipeline.intake.wording import sentences
from hishamos_pipeline.operations.issue_intake import brief_of
from hishamos_pipeline.settings import Settings
from tests.core.test_linear_re import patience

MEGABYTE = 990_000
PUMPS = (
    "a", " ", "(", "[", "](", "*", "**a", "_a", "`", "<!--", "- a\n", "# a\n", "## ", "a of b or ", "a, ", " and ",
    "\n", "a:\n",
    "> ", "|a|b\n", "a (b) ", "x can ", "[a](b", "1. a\n", "note has a of b or ", "must be ", "é", "> a\n\n",
)  # fmt: skip


def line(text: str) -> str:
    return text.replace("\n", " ").replace('"', "'").replace("\\", "")


PLACES: dict[str, Callable[[str], tuple[str, str]]] = {
    "prose": lambda text: ("# T\n\nA note has " + text + "(x", "a.md"),
    "feature": lambda text: ("# T\n\n## Features\n\n- User can add a " + text, "a.md"),
    "entity": lambda text: ("# T\n\n## Entities\n\n- Book: title " + text + "(x", "a.md"),
    "entity in YAML": lambda text: (f'title: T\nentities:\n  - "Book: title {line(text)}(x"\n', "a.yaml"),
    "rule": lambda text: ("# T\n\n## Rules\n\n- The title of " + text, "a.md"),
    "title": lambda text: ("# " + line(text), "a.md"),
    "one line": lambda text: ("make a " + line(text), ""),
    "front matter": lambda text: ("---\ntitle: T\n" + text, "a.md"),
    "JSON": lambda text: (f'{{"title": "T", "vision": "{line(text)}"}}', "a.json"),
}


@pytest.mark.parametrize("size", [18_000, MEGABYTE])
@pytest.mark.parametrize("place", PLACES)
def test_reading_ends(place: str, size: int) -> None:
    for pump in PUMPS:
        text, name = PLACES[place](pump * (size // len(pump)))
        with patience(f"{pump!r} as {place}", seconds=30):
            try:
                read_brief(text.encode(), name)
            except IdeaError as error:
                assert len(str(error)) < 2_000, "an error quotes a little of the text, not all of it"


def test_a_megabyte_of_ordinary_prose_is_read() -> None:
    prose = "The librarian lends a book to a member, who brings it back within two weeks or pays a fee.\n"
    idea = read_brief(("# Library\n\n" + prose * (MEGABYTE // len(prose))).encode(), "a.md")
    assert idea.title == "Library" and len(idea.vision) > 900_000


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("# T\n" + "a\n" * 30_000, "a.md", "30,002 lines, the limit is 20,000"),
        ("# a\n" * 3_000, "a.md", "3,000 headings, the limit is 2,000"),
        ("# T\n\n" + "- a\n" * 6_000, "a.md", "6,000 list items"),
        ("# T\n\n" + ("*" * 70 + "\n") * 1_000, "a.md", "70,000 characters of markup"),
        ("# T\n\n" + "a" * 30_000, "a.md", "30,000 characters on a line"),
        (
            "title: T\nentities:\n" + "".join(f"  - e{n}: a\n" for n in range(3_000)),
            "a.yaml",
            "3000 entries, the limit is 100",
        ),
        (
            "title: T\nentities:\n  - 'Book: " + "a, " * 899 + "a'",
            "a.yaml",
            "900 attributes, the limit is 60",
        ),
        ("title: T\nvision: " + "1:" * 1_000 + "1", "a.yaml", "more digits than can be read"),
        ("title: T\nvision: " + "[" * 400, "a.yaml", "nested too deeply"),
        ("title: T\nvision: " + "[" * 100_000, "a.yaml", "nested too deeply"),
    ],
)
def test_what_is_too_much_is_counted_and_said(text: str, name: str, said: str) -> None:
    with pytest.raises(IdeaError, match=said):
        read_brief(text.encode(), name)


def test_a_thousand_spaces_in_an_attribute() -> None:
    with patience("an attribute"), pytest.raises(ValueError, match="is not understood"):
        parse_attributes("title a" + " " * 1_200 + "(x")


@pytest.mark.parametrize("pump", PUMPS)
def test_sentences_and_mentions(pump: str) -> None:
    text = pump * (200_000 // len(pump))
    with patience(pump):
        sentences([text])
        statement(text)
        neutralize_mentions(text)


def test_a_brief_of_a_stranger_is_read_elsewhere(settings: Settings) -> None:
    text = b"# Notes\n\n## Features\n\n- User can add a note\n"
    assert read_guarded(text, "a.md", settings).idea == read_brief(text, "a.md")
    with pytest.raises(IdeaError) as caught:
        read_guarded(b"colour: red\ntitle: T\n", "a.yaml", settings)
    assert (caught.value.field, caught.value.problem) == (
        "colour",
        "is not a field of a brief (line 1, column 1)",
    )


def test_what_takes_too_long_is_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "_COMMAND", ("-c", "import time; time.sleep(600)"))
    begun = time.monotonic()
    with pytest.raises(IdeaError, match=r"takes longer than 0\.5 seconds"):
        read_guarded(b"# T\n", "", settings.model_copy(update={"brief_seconds": 0.5}))
    assert time.monotonic() - begun < 300


def test_a_reader_that_dies_is_an_error_of_the_brief(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "_COMMAND", ("-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(IdeaError, match="its reader ended with -9"):
        read_guarded(b"# T\n", "", settings)


def test_the_reader_gets_no_secret(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    show = "import json, os; print(json.dumps({'error': ['brief', ' '.join(os.environ.values()), '']}))"
    monkeypatch.setattr(guarded, "_COMMAND", ("-c", show))
    with pytest.raises(IdeaError) as caught:
        read_guarded(b"# T\n", "", settings)
    assert "canary" not in str(caught.value) and os.environ["PATH"] in str(caught.value)


def test_unclosed_comments_of_an_issue(settings: Settings) -> None:
    body = "# T\n\n" + "<!-- a\n" * 6_000
    with patience("comments"):
        assert brief_of(Issue(number=1, title="T", body=body, author="ada"), [], settings).title == "T"
