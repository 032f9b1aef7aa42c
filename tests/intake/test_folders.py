"""Folders and archives: which file is the brief, in the layouts of known tools."""

import io
import zipfile
from pathlib import Path

import pytest

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.files import read_paths
from hishamos_pipeline.intake.folders import brief_among, unpacked_brief
from hishamos_pipeline.intake.inbox import take_in
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore

SPEC = "# Feature Specification: {name}\n\n## Requirements\n\n- **FR-001**: Users can add a {thing} with a name\n"


def spec(name: str, thing: str) -> bytes:
    return SPEC.format(name=name, thing=thing).encode()


@pytest.mark.parametrize(
    ("files", "features", "beside"),
    [
        (
            {"specs/001-loans/spec.md": spec("Loans", "loan"), "specs/001-loans/plan.md": b"# Plan\n",
             ".specify/templates/spec.md": spec("X", "x")},
            ["loan"], {"specs/001-loans/plan.md", ".specify/templates/spec.md"},
        ),
        ({"specs/001-loans/spec.md": spec("Loans", "loan"), "specs/002-books/spec.md": spec("Books", "book")},
         ["loan", "book"], set()),
        (
            {"openspec/project.md": b"# Shop\n\nSells.\n", "openspec/specs/cart/spec.md": spec("Cart", "cart"),
             "openspec/changes/add-x/proposal.md": b"# Why\n",
             "openspec/changes/add-x/specs/items/spec.md": spec("Y", "item"),
             "openspec/changes/archive/old/specs/z/spec.md": spec("Z", "zebra")},
            ["item", "cart"],
            {"openspec/changes/add-x/proposal.md", "openspec/changes/archive/old/specs/z/spec.md"},
        ),
        ({".kiro/specs/loans/requirements.md": spec("Loans", "loan"), ".kiro/specs/loans/design.md": b"# D\n"},
         ["loan"], {".kiro/specs/loans/design.md"}),
        (
            {"docs/prd.md": spec("Shop", "cart"), "docs/stories/1.1.md": spec("S", "item"),
             "docs/architecture.md": b"# A\n"},
            ["cart"], {"docs/stories/1.1.md", "docs/architecture.md"},
        ),
        ({"docs/prd/1.md": spec("Shop", "cart"), "docs/prd/2.md": spec("Shop", "item")}, ["cart", "item"], set()),
        ({"brief.md": spec("Shop", "cart"), "other.md": b"# O\n"}, ["cart"], {"other.md"}),
        ({"shop.md": spec("Shop", "cart"), "data.csv": b"a,b\n"}, ["cart"], {"data.csv"}),
    ],
)  # fmt: skip
def test_known_layouts(files: dict[str, bytes], features: list[str], beside: set[str]) -> None:
    name, raw, rest = brief_among(files, "shop")
    idea = read_brief(raw, name)
    assert [feature.rsplit(" ", 4)[1] for feature in idea.features] == features
    assert set(rest) == beside


def test_a_folder_that_could_be_anything_is_refused() -> None:
    with pytest.raises(IdeaError, match=r"a\.md, b\.md could all be the brief"):
        brief_among({"a.md": b"# A\n", "b.md": b"# B\n"}, "shop")
    with pytest.raises(IdeaError, match="no file at its top is the brief"):
        brief_among({"deep/a.md": b"# A\n"}, "shop")


def test_hidden_folders_of_tools_are_the_authors(settings: Settings, tmp_path: Path) -> None:
    for path in (".kiro/specs/loans/requirements.md", ".git/config", ".specify/memory.md"):
        (tmp_path / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / path).write_bytes(spec("Loans", "loan"))
    assert set(read_paths([tmp_path / "mine"], settings)) == {
        ".kiro/specs/loans/requirements.md",
        ".specify/memory.md",
    }


def packed(files: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return raw.getvalue()


def test_an_archive_is_a_folder(settings: Settings, store: ProjectStore) -> None:
    files = {"shop/docs/prd.md": spec("Shop", "cart"), "shop/docs/architecture.md": b"# A\n"}
    name, raw, rest = unpacked_brief("shop.zip", packed(files), settings)
    assert (name, raw, set(rest)) == ("prd.md", files["shop/docs/prd.md"], {"docs/architecture.md"})
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "shop.zip").write_bytes(packed(files))
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.files == ("docs/architecture.md",)
    assert store.projects.idea("shop").features == ("**FR-001**: Users can add a cart with a name",)


def test_another_document_takes_no_projects_place_unasked(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    text = "# Seed bank\n\n## Features\n\n- Users can add a packet with a name\n"
    (settings.inbox / "seeds.md").write_text(text)
    assert take_in(settings, store.projects)[0].submission
    (settings.inbox / "seeds.md").write_text(text + "- Users can list packets\n")
    assert take_in(settings, store.projects)[0].submission  # the same document, changed
    (settings.inbox / "other.md").write_text(text)
    (refused,) = take_in(settings, store.projects)
    assert "comes from inbox/seeds.md and would be replaced" in refused.error
    (settings.inbox / "other.md").write_text(f"---\nkey: seed-bank\n---\n{text}")
    (said,) = take_in(settings, store.projects)
    assert said.submission is not None and said.submission.revision == 3
