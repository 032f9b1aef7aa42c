"""Templates are compiled once for all processes, and anew when something about them changes."""

from pathlib import Path

import jinja2
import pytest

from hishamos_pipeline.stacks.python import rendering


def rendered(folder: Path) -> str:
    """The template as a new process would render it."""
    cache = rendering._Compiled(str(folder / "compiled"))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), bytecode_cache=cache)
    return environment.get_template("t.j2").render()


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "compiled").iterdir()]


def test_a_change_of_a_template_is_noticed(tmp_path: Path) -> None:
    template = tmp_path / "t.j2"
    template.write_text("one")
    assert rendered(tmp_path) == rendered(tmp_path) == "one"
    (first,) = kept(tmp_path)
    template.write_text("two")
    assert rendered(tmp_path) == "two"
    assert len(kept(tmp_path)) == 1 and kept(tmp_path) != [first]


def test_another_way_of_compiling_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.j2").write_text("one")
    assert rendered(tmp_path) == "one"
    first = kept(tmp_path)
    monkeypatch.setattr(rendering, "_compiler", lambda: "another jinja2")
    assert rendered(tmp_path) == "one" and kept(tmp_path) != first


@pytest.mark.parametrize("broken", [b"", b"no bytecode", b"\xff" * 400])
def test_what_is_kept_may_be_damaged(broken: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("one")
    assert rendered(tmp_path) == "one"
    for path in (tmp_path / "compiled").iterdir():
        path.write_bytes(broken)
    assert rendered(tmp_path) == "one"


def test_where_nothing_can_be_kept_templates_are_rendered_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("one")
    (tmp_path / "compiled").write_text("a file where the folder would be")
    with pytest.raises(NotADirectoryError):
        kept(tmp_path)
    assert rendered(tmp_path) == "one"


def test_only_the_owner_writes_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("one")
    rendered(tmp_path)
    assert (tmp_path / "compiled").stat().st_mode & 0o022 == 0
    assert all(path.stat().st_mode & 0o022 == 0 for path in (tmp_path / "compiled").iterdir())
