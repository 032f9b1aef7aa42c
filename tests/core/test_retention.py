"""What may go of a project's revisions, for any history."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.pipeline.retention import Revision, superseded

START = datetime(2026, 1, 1, tzinfo=UTC)


def history(rounds: list[list[str]]) -> list[Revision]:
    """Revisions as builds make them: in each round, some artifacts get a new content, in the order of the graph."""
    heads: dict[str, Revision] = {}
    made: list[Revision] = []
    for day, changed in enumerate(rounds):
        for kind, step in STEPS.items():
            stale = kind in changed or kind not in heads
            stale = stale or any(
                heads[kind].inputs.get(name) != heads[name].content_hash for name in step.inputs
            )
            if not stale:
                continue
            inputs = {name: heads[name].content_hash for name in step.inputs}
            number = heads[kind].number + 1 if kind in heads else 1
            made.append(
                Revision(
                    len(made) + 1,
                    kind,
                    number,
                    f"{kind}-{len(made)}",
                    inputs,
                    START + timedelta(days=day),
                    10,
                )
            )
            heads[kind] = made[-1]
    return made


HISTORIES = st.lists(st.lists(st.sampled_from(list(STEPS)), max_size=3), min_size=1, max_size=12).map(history)


@given(HISTORIES, st.integers(1, 3), st.integers(0, 14), st.data())
def test_nothing_that_is_kept_loses_what_it_was_made_from(
    revisions: list[Revision], keep: int, days: int, data: st.DataObject
) -> None:
    builds = [item.id for item in revisions if item.kind == "verified_build"]
    verified = data.draw(st.sampled_from([None, *builds]))
    before = START + timedelta(days=days)
    gone = {item.id for item in superseded(revisions, keep=keep, before=before, verified=verified)}
    kept = [item for item in revisions if item.id not in gone]
    hashes = {(item.kind, item.content_hash) for item in kept}
    for item in kept:
        assert all((kind, digest) in hashes for kind, digest in item.inputs.items())
    for kind in STEPS:
        mine = [item for item in revisions if item.kind == kind]
        assert {item.id for item in mine[-keep:]}.isdisjoint(gone)
    assert verified not in gone
    assert all(item.created_at < before for item in revisions if item.id in gone)


def test_what_is_superseded_goes() -> None:
    revisions = history([[], ["source_code"], ["source_code"], ["source_code"]])
    sources = [item.id for item in revisions if item.kind == "source_code"]
    builds = [item.id for item in revisions if item.kind == "verified_build"]
    far = START + timedelta(days=99)
    gone = {item.id for item in superseded(revisions, keep=1, before=far, verified=builds[1])}
    assert gone & set(sources) == {sources[0], sources[2]}
    assert gone & set(builds) == {builds[0], builds[2]}
    assert superseded(revisions, keep=9, before=far, verified=None) == []
