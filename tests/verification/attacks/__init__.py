"""Projects that would pass as verified although their product is wrong: each with what it hides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

CODE, STORE, CONFTEST = "src/notes/services/notes.py", "src/notes/storage/notes.py", "tests/conftest.py"
COMMANDS, MAIN = "src/notes/cli/note_commands.py", "src/notes/cli/main.py"
ADD_TESTS = "tests/test_us_001_add_a_note_with_a_title_and_a.py"
LIST_TESTS, DELETE_TESTS = "tests/test_us_002_list_notes.py", "tests/test_us_003_delete_a_note.py"
GITHUB, GITLAB, PYPROJECT = ".github/workflows/ci.yml", ".gitlab-ci.yml", "pyproject.toml"
Change = Callable[[str], str]


@dataclass(frozen=True)
class Attack:
    """A project that cheats: what is wrong with its product, and how each of its files is changed for that."""

    name: str
    hides: str
    changes: Mapping[str, Change]


def replacing(old: str, new: str) -> Change:
    """A change of one place, which has to be there."""

    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return change


def adding(more: str) -> Change:
    """A change that adds to the end."""
    return lambda text: f"{text}\n\n{more}"


def leading(more: str) -> Change:
    """A change that adds below the docstring."""

    def change(text: str) -> str:
        doc, _, rest = text.partition("\n")
        return f"{doc}\n\n{more}\n{rest}"

    return change


def both(*changes: Change) -> Change:
    """One change after another."""

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


# A list that is always empty, and a deletion that deletes nothing: no honest test of the stories passes on them.
LISTS_NOTHING = replacing(
    "return note_store.everything(connection)", "return note_store.everything(connection)[:0]"
)
DELETES_NOTHING = replacing("    note_store.delete(connection, note_id)\n", "")
