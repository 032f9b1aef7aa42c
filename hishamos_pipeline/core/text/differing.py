"""What differs between two mappings."""

from collections.abc import Mapping


def differing(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Keys that are new, gone, or have another value: those of ``before`` first, each in its order."""
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
