import zipfile

import pytest

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import StoreAwayError
from hishamos_pipeline.intake.files import accept
from hishamos_pipeline.intake.inbox import take_in
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore


def test_a_good_file_is_accepted_and_moved(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "notes.md").write_text("# Notes\n")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.key == "notes"
    assert (settings.inbox / "accepted" / "notes.r1.md").exists()
    assert take_in(settings, store.projects) == []


def test_a_bad_file_is_set_aside_until_it_changes(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    bad = settings.inbox / "bad.yaml"
    bad.write_text("title: T\ncolour: red\n")
    (result,) = take_in(settings, store.projects)
    note = settings.inbox / "bad.yaml.error.txt"
    assert "colour" in result.error and "colour" in note.read_text()
    assert take_in(settings, store.projects) == []
    bad.write_text("title: T\n")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None
    assert not note.exists() and not bad.exists()


def test_a_tick_is_bounded(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    for number in range(5):
        (settings.inbox / f"i{number}.md").write_text(f"# Idea {number}\n")
    few = settings.model_copy(update={"inbox_ideas_per_tick": 2})
    assert [len(take_in(few, store.projects)) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize(
    ("name", "said"),
    [("old.doc", "a Word document of before 2007"), ("plan.toml", "is TOML"), ("picture.png", "is a picture"),
     ("sounds.wav", "unknown format, .wav")],
)  # fmt: skip
def test_what_is_not_read_is_told_once(settings: Settings, store: ProjectStore, name: str, said: str) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / name).write_bytes(b"Feature: \0")
    (result,) = take_in(settings, store.projects)
    assert result.error and said in result.error and ".md, .markdown" in result.error
    assert said in (settings.inbox / f"{name}.error.txt").read_text()
    assert take_in(settings, store.projects) == []


def test_a_brief_without_a_suffix_is_read(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "brief").write_text("# Notes\n\n## Features\n- User can add a note\n")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.key == "notes"


def test_links_folders_and_unfinished_files_are_left_alone(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    secret = settings.home / "secret.md"
    secret.write_text("# Secret\n")
    (settings.inbox / "link.md").symlink_to(secret)
    (settings.inbox / "folder.md").mkdir()
    (settings.inbox / ".hidden.md").write_text("# Hidden\n")
    (settings.inbox / "notes.md.part").write_text("# No")
    (settings.inbox / "notes.md~").write_text("# No")
    assert take_in(settings, store.projects) == []
    assert store.projects.all() == []


def test_an_inbox_that_cannot_be_read_is_not_an_empty_one(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.parent.mkdir(parents=True, exist_ok=True)
    settings.inbox.write_text("a file where the folder should be")
    with pytest.raises(OSError):
        take_in(settings, store.projects)


def test_a_changed_file_under_the_same_key_is_a_new_revision(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    for text, revision in (("# Notes\n", 1), ("# Notes\n\nMore.\n", 2), ("# Notes\n\nMore.\n", 2)):
        (settings.inbox / "notes.md").write_text(text)
        (result,) = take_in(settings, store.projects)
        assert result.submission is not None and result.submission.revision == revision


def test_a_file_that_is_still_being_written_is_left_for_the_next_tick(
    settings: Settings, store: ProjectStore
) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "notes.md").write_text("# No")
    patient = settings.model_copy(update={"inbox_quiet_seconds": 60.0})
    assert take_in(patient, store.projects) == []
    assert len(take_in(settings, store.projects)) == 1


def test_a_note_that_is_no_text_or_a_link_does_no_harm(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    precious = settings.home / "precious"
    precious.write_bytes(b"\xff\xfe")
    (settings.inbox / "bad.yaml").write_text("title: [")
    (settings.inbox / "bad.yaml.error.txt").symlink_to(precious)
    (result,) = take_in(settings, store.projects)
    assert result.error and precious.read_bytes() == b"\xff\xfe"


def test_a_store_that_is_away_sets_nothing_aside(
    settings: Settings, store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "notes.md").write_text("# Notes\n")

    def away(*_: object, **__: object) -> None:
        raise StoreAwayError("the server is not there")

    with monkeypatch.context() as patched:
        patched.setattr(store.projects, "submit", away)
        with pytest.raises(StoreAwayError):
            take_in(settings, store.projects)
    assert [path.name for path in settings.inbox.iterdir()] == ["notes.md"]
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.key == "notes"


def test_a_brief_of_a_project_that_is_being_deleted_waits(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "notes.md").write_text("# Notes\n")
    store.projects.submit(Idea(key="notes", title="Old"), "test")
    store.projects.set_state("notes", "archived")
    store.housekeeping.begin_deletion("notes", "ann")
    (result,) = take_in(settings, store.projects)
    assert result.error and "being deleted" in result.error
    assert [path.name for path in settings.inbox.iterdir()] == ["notes.md"]
    store.housekeeping.remove_project("notes")
    store.housekeeping.end_deletion("notes")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.revision == 1


def test_a_folder_with_files_is_one_idea(settings: Settings, store: ProjectStore) -> None:
    folder = settings.inbox / "geo"
    (folder / "data").mkdir(parents=True)
    (folder / "brief.md").write_text("# Geo\n\n## Features\n- User can list cities\n")
    (folder / "notes.md").write_text("more")
    (folder / "data" / "cities.csv").write_text("a,b\n")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.files == ("data/cities.csv", "notes.md")
    idea = store.projects.idea("geo")
    assert store.units.blobs(file.sha256 for file in idea.files).keys() == {
        file.sha256 for file in idea.files
    }
    assert (settings.inbox / "accepted" / "geo.r1" / "data" / "cities.csv").exists()
    assert take_in(settings, store.projects) == []


def test_a_zip_is_read_like_the_folder_that_was_packed(settings: Settings, store: ProjectStore) -> None:
    settings.inbox.mkdir(parents=True)
    with zipfile.ZipFile(settings.inbox / "geo.zip", "w") as archive:
        archive.writestr("geo/spec.md", "# Geo\n")
        archive.writestr("geo/cities.csv", "a,b\n")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and result.submission.files == ("cities.csv",)


def test_a_folder_without_a_clear_brief_is_set_aside_until_it_changes(
    settings: Settings, store: ProjectStore
) -> None:
    folder = settings.inbox / "two"
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("# A\n")
    (folder / "b.md").write_text("# B\n")
    (result,) = take_in(settings, store.projects)
    assert "a.md, b.md could all be the brief. Call the brief brief.md." in result.error
    assert take_in(settings, store.projects) == []
    (folder / "b.md").rename(folder / "brief.md")
    (result,) = take_in(settings, store.projects)
    assert result.submission is not None and store.projects.get("b").title == "B"


def test_files_stay_until_they_are_replaced_or_taken_back(settings: Settings, store: ProjectStore) -> None:
    handed = accept({"a.csv": b"1"}, settings)
    idea = Idea(key="k", title="T")
    assert (
        store.projects.submit(idea.model_copy(update={"files": handed.files}), "x", handed.texts).revision
        == 1
    )
    assert store.projects.submit(idea, "x").changed is False
    assert store.projects.submit(idea.model_copy(update={"vision": "v"}), "x").files == ("a.csv",)
    assert store.projects.submit(idea, "x", {}).files == ()
