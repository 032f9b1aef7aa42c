"""What a note keeper has to do once notes can be deleted."""

from pathlib import Path

from test_checkpoint_1 import notes, test_a_note_without_a_title_is_refused, test_an_added_note_is_listed

__all__ = ["test_a_note_without_a_title_is_refused", "test_an_added_note_is_listed"]


def test_a_deleted_note_is_gone(tmp_path: Path) -> None:
    notes(tmp_path, "note", "add", "--title", "Buy milk")
    assert notes(tmp_path, "note", "delete", "1").returncode == 0
    assert "Buy milk" not in notes(tmp_path, "note", "list").stdout
