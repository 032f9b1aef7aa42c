"""Refusing a draft with all that is wrong with it, so that a model corrects it in one round."""

from collections.abc import Iterable

_MOST_FAULTS = 12


def refuse(faults: Iterable[str]) -> None:
    """Raise the error that tells faults, each once, the first ones in words; none if there are none.

    Raises:
        ValueError: there is a fault.
    """
    listed = list(dict.fromkeys(faults))
    if listed:
        more = f"; and {len(listed) - _MOST_FAULTS} more" if len(listed) > _MOST_FAULTS else ""
        raise ValueError("; ".join(listed[:_MOST_FAULTS]) + more)
