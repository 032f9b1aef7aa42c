"""Project keys and the ids inside documents."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import ProjectKeyError

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
KEY_RULE = "a key is 1 to 63 of a-z, 0-9 and '-', and starts with a letter or digit"


def check_key(key: str) -> str:
    """Return ``key`` if it is a valid project key.

    Raises:
        ProjectKeyError: with the rule and, where one can be made, a key that would do.
    """
    if KEY_PATTERN.fullmatch(key):
        return key
    suggestion = slug(key)
    hint = f"; try {suggestion!r}" if suggestion else ""
    raise ProjectKeyError(f"project key {key[:80]!r} is not valid: {KEY_RULE}{hint}")


def slug(text: str) -> str:
    """Make a project key out of a title; empty when no Latin letter or digit is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    return "-".join(words)[:63].strip("-")


def numbered(prefix: str, number: int) -> str:
    """``numbered("REQ", 1)`` is ``"REQ-001"``."""
    return f"{prefix}-{number:03d}"


@lru_cache(maxsize=4096)
def story_test_path(story_id: str, title: str) -> str:
    """The test file of a story: ``tests/test_us_001_add_a_book.py``."""
    words = re.findall(r"[a-z0-9]+", title.lower())[:8]
    return f"tests/test_{story_id.lower().replace('-', '_')}_{'_'.join(words)[:60].strip('_')}.py"


# The test file that is made of a brief's examples: it belongs to no story, and nobody repairs it.
EXAMPLES = "tests/test_examples.py"


def next_number(ids: Iterable[str]) -> int:
    """One more than the highest number of ids such as ``REQ-007``."""
    return max((int(match[1]) for name in ids if (match := re.search(r"(\d+)$", name))), default=0) + 1
