"""Which paths a generated tree may hold. Paths from a brief or a model are never trusted."""

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import PathError

# Names that Windows keeps for devices, with any suffix; see Microsoft's "Naming Files, Paths, and Namespaces".
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
# Categories of characters that nobody sees, or that mean something else elsewhere; see Unicode Standard Annex 44.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Files through which a tree could change how Git treats it.
_RESERVED = frozenset([".git", ".gitattributes", ".gitmodules"])
MAX_PART_BYTES = 200


def check_path(path: str, *, max_length: int = 200, max_depth: int = 12) -> str:
    """Return ``path`` if it is a safe, portable, relative POSIX path.

    Args:
        path: the path.
        max_length: longest path, in characters.
        max_depth: most parts.

    Raises:
        PathError: names the rule that it breaks.
    """
    if not path:
        raise PathError(path, "is empty")
    if "\0" in path:
        raise PathError(path, "has a NUL character")
    if len(path) > max_length:
        raise PathError(path, f"is longer than {max_length} characters (HISHAMOS_MAX_PATH_LENGTH)")
    if unicodedata.normalize("NFC", path) != path:
        raise PathError(path, "is not in Unicode normal form NFC")
    if path.startswith("/"):
        raise PathError(path, "is absolute")
    if re.match(r"[A-Za-z]:", path):
        raise PathError(path, "names a drive")
    if _FORBIDDEN.search(path):
        raise PathError(path, "has a character that not every system allows")
    if any(unicodedata.category(character) in _UNSEEN for character in path):
        raise PathError(path, "has a character that nobody sees, or that changes the direction of text")
    parts = path.split("/")
    if len(parts) > max_depth:
        raise PathError(path, f"is deeper than {max_depth} folders (HISHAMOS_MAX_PATH_DEPTH)")
    for part in parts:
        _check_part(path, part)
    return path


def _check_part(path: str, part: str) -> None:
    if part in ("", ".", ".."):
        raise PathError(path, "has an empty, '.' or '..' part")
    if part != part.strip() or part.endswith("."):
        raise PathError(path, "has a part that starts or ends with a space, or ends with a dot")
    if part.startswith("-"):
        raise PathError(path, "has a name that begins with a hyphen: programs would read it as an option")
    if len(part.encode()) > MAX_PART_BYTES:
        raise PathError(path, f"has a name of more than {MAX_PART_BYTES} bytes")
    if part.lower().split(".")[0] in _DEVICES:
        raise PathError(path, "has a name that Windows keeps for a device")
    if part.lower() in _RESERVED or part.lower().startswith("git~"):
        raise PathError(path, "has a name that Git keeps for itself")


def check_collisions(paths: Iterable[str]) -> None:
    """No two paths may be the same where case does not count, and no file may also be a folder.

    Raises:
        PathError: names the second of the two.
    """
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        folded = path.casefold()
        parents = {str(parent) for parent in PurePosixPath(folded).parents} - {"."}
        if folded in files:
            raise PathError(path, "differs from another file only in case, or occurs twice")
        if folded in folders or parents & files:
            raise PathError(path, "is a file where another path needs a folder")
        files.add(folded)
        folders |= parents
