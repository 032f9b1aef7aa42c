"""Problems of a brief: all at once, each with its place and its fix."""

import pytest

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief

YAML = b"""\
title: [a]
colour: red
key: Not A Key
stories:
  - {id: 1, title: Users can add a note, status: done}
  - ""
exports: [zip, ftp]
entities:
  - "Book: title, pages (1-x)"
  - "Shelf: room"
  - {title: x}
sprint: {capacity: 0}
"""
JSON = b"""{
\t"title": "T",
\t"licence": "GPL",
\t"github": {"ownr": "x"}
}"""
FRONT = b"""\
---
licence: GPL
sprint: {capacity: none}
---
# Notes

## Entities

- Note: title
- Book: name (blue)
"""


def _refused(raw: bytes, name: str) -> IdeaError:
    with pytest.raises(IdeaError) as caught:
        read_brief(raw, name)
    return caught.value


def test_every_problem_of_yaml_is_told_with_its_place() -> None:
    error = _refused(YAML, "x.yaml")
    assert error.field == "colour"
    for told in (
        "is not a field of a brief (line 2, column 1)",
        "title: is not a text (line 1, column 8)",
        "key: project key 'Not A Key' is not valid",
        "(line 3, column 6: Not A Key)",
        "features.0: String should have at least 1 character (line 6, column 5)",
        "exports.1: Input should be 'zip', 'tar', 'github' or 'gitlab' (line 7, column 16: ftp)",
        "'1-x' of attribute 'pages' is not understood",
        "(line 9, column 5: Book: title, pages (1-x))",
        "entities: has no 'name' (line 11, column 5)",
        "sprint.capacity: Input should be greater than or equal to 1 (line 12, column 20: 0)",
    ):
        assert told in str(error), str(error)
    assert "Shelf" not in error.problem
    assert "Change `key`." in error.fix
    assert "Correct `sprint.capacity`." in error.fix


def test_every_problem_of_json_is_told_with_its_place() -> None:
    error = _refused(JSON, "x.json")
    assert "(line 3, column 13: GPL)" in str(error)
    assert "github.ownr: is not a field (line 4, column 13)" in str(error)


def test_problems_of_front_matter_and_of_the_text_below_it() -> None:
    error = _refused(FRONT, "x.md")
    assert "(line 2, column 10: GPL)" in str(error)
    assert "(line 3, column 20: none)" in str(error)
    assert "entities: entity 'book': 'blue' of attribute 'name' is not understood" in str(error)
    assert "(line 10)" in str(error)


@pytest.mark.parametrize(
    ("raw", "name", "told"),
    [
        (
            b"title: T\ntitle: U\nkey: a\nkey: b\n",
            "x.yaml",
            ["(line 2, column 1: title)", "(line 4, column 1: key)"],
        ),
        (b'{"title": "T",\n "title": "U"}', "x.json", ["is given twice (line 2, column 2: title)"]),
        (b"a: &x [1]\nb: *x\nc: !t 1\n", "x.yaml", ["anchor", "line 1", "alias", "line 2", "tag", "line 3"]),
        (b"title: T\nkey: [\n", "x.yaml", ["is not valid YAML", "(line 3, column 1)"]),
        (b'{"title": T}', "x.json", ["is not valid JSON", "(line 1, column 11)"]),
        (b"---\ntitle: T\nkey: [\n---\n# T\n", "x.md", ["is not valid YAML", "(line 4, column 1)"]),
        (
            b"1: a\n2: b\ntitle: T\n",
            "x.yaml",
            ["has the key '1'", "has the key '2'", "(line 2, column 1: 2)"],
        ),
    ],
)
def test_what_is_not_allowed_in_yaml_and_json(raw: bytes, name: str, told: list[str]) -> None:
    problem = _refused(raw, name).problem
    assert all(words in problem for words in told), problem


def test_of_very_many_problems_the_first_are_told() -> None:
    raw = b"title: T\n" + b"".join(b"x%d: 1\n" % number for number in range(100))
    error = _refused(raw, "x.yaml")
    assert error.problem.count("is not a field") == 20
    assert error.problem.endswith("and 80 more problems")


def test_lines_of_a_text_that_was_made_from_another_format_are_not_told() -> None:
    csv = b"Summary,Description\n" + b"x" * 11_000 + b",y\n"
    assert "line" not in _refused(csv, "x.csv").problem
