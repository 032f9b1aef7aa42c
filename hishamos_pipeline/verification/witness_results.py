"""Part of ``witness``: another result than the one that a function gives."""

import copy
import dataclasses
import datetime
import decimal
import enum
import types
from pathlib import PurePath
from typing import Any

_OTHER_TEXT, _DEEPEST = "\u2205", 3


class Nothing:
    """What nobody expects; one is as good as another, so that results which are compared with each other stay equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nothing)

    def __hash__(self) -> int:
        return 0


def other(value: Any, depth: int = 0) -> Any:
    """Another value of the same type, as far as there is one."""
    if value is None or depth > _DEEPEST:
        return Nothing()
    for kind, change in _CHANGES:
        if isinstance(value, kind):
            return change(value)
    if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
        return _other_object(value, depth)
    return Nothing()


def _other_object(value: Any, depth: int) -> Any:
    try:
        changed = copy.copy(value)
        names = list(vars(value)) or [field.name for field in dataclasses.fields(value)]
        for name in names:
            object.__setattr__(changed, name, other(getattr(value, name), depth + 1))
    except Exception:
        return Nothing()
    return changed


def _other_member(value: enum.Enum) -> Any:
    members = [item for item in type(value) if item is not value]
    return members[0] if members else Nothing()


def _other_tuple(value: Any) -> Any:
    changed = [other(item) for item in value] or [Nothing()]
    return type(value)(*changed) if hasattr(value, "_fields") else tuple(changed)


_CHANGES: tuple[tuple[Any, Any], ...] = (
    (enum.Enum, _other_member),
    (bool, lambda value: not value),
    (int, lambda value: value + 1),
    (float, lambda value: value + 1.5),
    (complex, lambda value: value + 1),
    (decimal.Decimal, lambda value: value + 1),
    (str, lambda value: _OTHER_TEXT if value != _OTHER_TEXT else ""),
    (bytes, lambda value: b"\x00" if value != b"\x00" else b""),
    (PurePath, lambda value: value.with_name(_OTHER_TEXT) if value.name else value / _OTHER_TEXT),
    (datetime.datetime, lambda value: value + datetime.timedelta(days=1)),
    (datetime.date, lambda value: value + datetime.timedelta(days=1)),
    (datetime.timedelta, lambda value: value + datetime.timedelta(days=1)),
    (list, lambda value: [] if value else [Nothing()]),
    (set, lambda value: set() if value else {Nothing()}),
    (frozenset, lambda value: frozenset() if value else frozenset({Nothing()})),
    (tuple, lambda value: _other_tuple(value)),
    (dict, lambda value: {} if value else {Nothing(): Nothing()}),
    (types.GeneratorType, lambda _: iter(())),
)
