"""What somebody probably meant by a name that there is not."""

from collections.abc import Iterable

_LIKE = 60


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The name that is most like it, as the end of a message: "; did you mean 'delay'?"; empty if none is like it."""
    from rapidfuzz import process  # only where something is wrong

    found = process.extractOne(name, sorted(known), score_cutoff=_LIKE)
    return f"; did you mean {found[0]!r}?" if found else ""
