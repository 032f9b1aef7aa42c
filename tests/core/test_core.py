"""Ids, hashes, graph, staleness and the rules across artifacts."""

from datetime import UTC, datetime, timedelta

import pytest

from hishamos_pipeline.core.artifacts.criteria import criterion_tests
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.clock import SystemClock
from hishamos_pipeline.core.pipeline import graph
from hishamos_pipeline.core.pipeline.graph import EXPORTS
from hishamos_pipeline.core.pipeline.staleness import SUBMITTED, Head, plan, reason_to_make
from hishamos_pipeline.core.text import ids
from hishamos_pipeline.core.text.hashing import canonical_json, content_hash
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.errors import ProjectKeyError
from tests.fakes.clock import FixedClock


@pytest.mark.parametrize("key", ["a", "a-b", "0x", "a" * 63])
def test_good_keys(key: str) -> None:
    assert ids.check_key(key) == key


@pytest.mark.parametrize("key", ["", "-a", "A", "a_b", "a" * 64, "a/b", "..", "a\nb", "a...b", "ä"])
def test_bad_keys(key: str) -> None:
    with pytest.raises(ProjectKeyError, match="a key is 1 to 63"):
        ids.check_key(key)


def test_a_bad_key_gets_a_suggestion() -> None:
    with pytest.raises(ProjectKeyError, match="try 'my-shop'"):
        ids.check_key("My Shop!")


def test_slugs() -> None:
    assert ids.slug("Café & Bücher — 2nd") == "cafe-bucher-2nd"
    assert ids.slug("مكتبة") == ""
    assert len(ids.slug("x" * 200)) == 63


def test_equal_content_has_an_equal_hash_whatever_the_order() -> None:
    assert content_hash({"b": 1, "a": [1, 2]}) == content_hash({"a": [1, 2], "b": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    assert canonical_json(Idea(key="a", title="é")).count("é") == 1


def test_the_graph_is_closed_and_topological() -> None:
    order = graph.topological()
    assert set(order) == set(graph.STEPS)
    assert all(
        order.index(name) < order.index(kind) for kind, step in graph.STEPS.items() for name in step.inputs
    )


VERSIONS = dict.fromkeys(graph.STEPS, "v1")


def complete() -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for kind in graph.topological():
        inputs = {name: heads[name].content_hash for name in graph.STEPS[kind].inputs}
        if kind == "idea":
            inputs = {SUBMITTED: "hash of brief"}
        heads[kind] = Head(f"hash of {kind}", inputs, "v1")
    return heads


def test_nothing_is_stale_when_nothing_changed() -> None:
    assert plan(complete(), VERSIONS, "hash of brief") == ()


def test_everything_is_made_at_first() -> None:
    steps = plan({}, VERSIONS, "x")
    assert [step.kind for step in steps] == list(graph.topological())
    assert {step.reason for step in steps} == {"first revision"}


def test_a_new_idea_makes_the_rest_uncertain() -> None:
    steps = {step.kind: step for step in plan(complete(), VERSIONS, "another")}
    assert steps["idea"].certain
    assert not steps["repository"].certain
    assert steps["requirements"].reason == "if changed: idea"


def test_a_changed_input_and_a_changed_version_are_reasons() -> None:
    heads = complete()
    heads["stories"] = Head("new", heads["stories"].inputs, "v1")
    steps = {step.kind: step for step in plan(heads, VERSIONS, "hash of brief")}
    assert steps["sprint_plan"].reason == "changed: stories"
    assert "ci_config" not in steps and "architecture" not in steps
    steps = {step.kind for step in plan(complete(), {**VERSIONS, "ci_config": "v2"}, "hash of brief")}
    assert steps == {"ci_config", "verified_build", "code_review", "repository", *EXPORTS.values()}


def test_missing_files_are_a_reason() -> None:
    head = Head("h", {"idea": "i", "repository": "r"}, "v1", problem="its files are missing")
    assert (
        reason_to_make("zip_archive", head, {"idea": "i", "repository": "r"}, "v1") == "its files are missing"
    )


def test_signatures_are_read_off_the_code() -> None:
    source = "class A(Exception):\n    pass\ndef _p(): ...\ndef f(a: int, *, b: str = 'x') -> None:\n    return None\n"
    assert public_signatures(source) == ("class A(Exception)", "def f(a: int, *, b: str='x') -> None")


def test_a_test_names_its_criterion_in_its_docstring() -> None:
    source = (
        'def test_a():\n    """US-001-AC2.\n\n    Given."""\n    assert 1\n'
        'def test_b():\n    assert 1\ndef helper():\n    """US-001-AC3."""\n'
    )
    (link,) = criterion_tests("tests/test_x.py", source)
    assert (link.criterion, link.test) == ("US-001-AC2", "tests/test_x.py::test_a")


def test_clocks() -> None:
    fixed = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    fixed.advance(timedelta(hours=1))
    assert fixed.now() == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert SystemClock().now().tzinfo is UTC


def test_parsing_in_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from hishamos_pipeline.core.text.parsing import parse_python

    text = (
        "x = "
        + "(" * 40
        + "1"
        + ")" * 40
        + "\n"
        + "def f(a, b):\n    return [a + b * (c - 1) for c in a if c]\n" * 40
    )
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(parse_python, [text] * 400))) == 400


@pytest.mark.parametrize("text", ["x = " + "-" * 60_000 + "1", "def (:", "\0"])
def test_what_cannot_be_parsed_is_a_syntax_error(text: str) -> None:
    from hishamos_pipeline.core.text.parsing import parse_python

    with pytest.raises(SyntaxError):
        parse_python(text)
