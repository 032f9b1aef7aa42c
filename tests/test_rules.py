"""The lock of rule sets: it is current, complete, and says what a change of a file means."""

import shutil
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.pipeline import rules
from hishamos_pipeline.core.pipeline.rules import digest_of, locked, rule_version, shape_version
from scripts import rules as keeper


def test_the_lock_is_current() -> None:
    """If this fails, say what the change means: ``python -m scripts.rules keep``, or ``bump`` with the sets' names."""
    assert keeper.differences() == []


def test_every_file_of_every_set_exists_and_none_is_empty() -> None:
    for name, found in locked().items():
        assert all((rules.PACKAGE / file).is_file() for file in found.files), name
        assert found.files or name.startswith(("answer/", "draft/")), name
    with pytest.raises(LookupError, match="matches no file"):
        keeper.files_of(["blueprints/nowhere/*.py"])


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("artifact/verified_build", {"generation/repair.py", "generation/assembling.py", "sandbox/supervisor.py"}),
        ("artifact/repository", {"delivery/repository.py", "delivery/commits.py"}),
        ("artifact/sprint_plan", {"core/artifacts/sprints.py"}),
        ("artifact/stories", {"core/artifacts/continuity.py", "generation/producers/stories.py"}),
        ("assembly", {"authoring/draft_assembly.py", "authoring/file_validation.py", "toolchains/vetting.py"}),
        ("blueprint/coding/new", {"blueprints/python/model.py", "blueprints/python/templates/shared/src/domain.py.j2"}),
    ],
)  # fmt: skip
def test_what_shapes_an_artifact_is_in_its_set(name: str, files: set[str]) -> None:
    assert files <= set(locked()[name].files)


def test_nothing_that_stores_or_runs_is_in_a_set() -> None:
    for name, found in locked().items():
        assert not [file for file in found.files if file.startswith(("store/", "llm/", "settings"))], name


def test_the_version_stands_for_the_files_as_they_are(tmp_path: Path) -> None:
    assert rule_version("artifact/sprint_plan") == locked()["artifact/sprint_plan"].version
    files = locked()["artifact/sprint_plan"].files
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(rules.PACKAGE / file, tmp_path / file)
    assert digest_of(files, tmp_path) == locked()["artifact/sprint_plan"].digest
    # A file that is moved and is as it was changes nothing; one that is not as it was does.
    (tmp_path / "core/artifacts/sprints.py").rename(tmp_path / "core/iterations.py")
    moved = [file.replace("core/artifacts/sprints.py", "core/iterations.py") for file in files]
    assert digest_of(moved, tmp_path) == locked()["artifact/sprint_plan"].digest
    with (tmp_path / "core/iterations.py").open("a") as stream:
        stream.write("# another rule\n")
    assert digest_of(moved, tmp_path) != locked()["artifact/sprint_plan"].digest


def test_changed_rules_have_another_version_until_somebody_says_what_that_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = locked()["artifact/sprint_plan"]
    monkeypatch.setattr(rules, "digest_of", lambda files: "changed")
    rule_version.cache_clear()
    try:
        assert rule_version("artifact/sprint_plan") == "changed" != known.version
    finally:
        rule_version.cache_clear()
    assert shape_version("answer/stories", Stories) == locked()["answer/stories"].version
    assert shape_version("answer/stories", Requirements) == locked()["answer/requirements"].digest


def test_to_keep_leaves_versions_and_to_bump_changes_those_that_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "rules.lock"
    shutil.copy(rules.LOCK, lock)
    monkeypatch.setattr(keeper, "LOCK", lock)
    before = dict(locked())
    assert keeper.main(["keep"]) == 0
    assert keeper.main(["bump", "no-such-set"]) == 2
    kept = lock.read_text()
    assert kept == rules.LOCK.read_text()
    assert keeper.main(["bump", "artifact/sprint_plan"]) == 0
    bumped = keeper.current(["artifact/sprint_plan"])
    assert {name for name in before if bumped[name].version != before[name].version} == {
        "artifact/sprint_plan"
    }
