"""What use cases take and return: frozen, typed, and the same through every door."""

import functools
from collections.abc import Collection
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from hishamos_pipeline.core.text.hashing import canonical_json, sha256_text
from hishamos_pipeline.errors import ChangedMeanwhileError, InputError

_PLAIN = frozenset({str, int, float, bool, datetime, type(None)})


class View(BaseModel):
    """What a use case returns; as JSON it is what ``--json`` prints, and its schema is kept stable by a test."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    # What changes by itself, and is not what somebody has seen and changes.
    volatile: ClassVar[frozenset[str]] = frozenset()

    @property
    def etag(self) -> str:
        """What tells this state of it from others: whoever changes it names what they have seen."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.volatile))))[:32]

    @classmethod
    def of(cls, record: Any, **given: Any) -> Self:
        """A view with the fields of a frozen record that it shows.

        Args:
            record: a frozen dataclass.
            given: fields that the record does not have under their name.
        """
        shown = {name: _plain(getattr(record, name)) for name in _shared(cls, type(record))}  # type: ignore[arg-type]
        return cls.model_validate({**shown, **given})


@functools.cache
def _shared(view: type[View], record: type) -> tuple[str, ...]:
    """The names of the fields that a view and a record have both."""
    return tuple(view.model_fields.keys() & {field.name for field in fields(record)})


def _plain(value: Any) -> Any:
    """A value of a record as views take it: records within it as mappings, all else as it is, and not copied."""
    if type(value) in _PLAIN:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple | list) and value and is_dataclass(value[0]):
        return [_plain(item) for item in value]
    return value


class UseCaseInput(BaseModel):
    """What somebody asks for; unknown fields are refused.

    Raises:
        InputError: it cannot be that; names every field and what is wrong with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _told_as_usage(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            problems = ((".".join(map(str, e["loc"])) or "input", e["msg"]) for e in error.errors())
            raise InputError(tuple(problems)) from None


def require_etag(now: View, expected: str) -> None:
    """Make sure that something is still what somebody has seen, where they say what that was: a tag, or some by commas.

    Raises:
        ChangedMeanwhileError: it is not.
    """
    if expected and now.etag not in expected.split(","):
        raise ChangedMeanwhileError("it was changed meanwhile: read it again, and change what it is now")


def require_known(field: str, given: Collection[str], known: Collection[str]) -> None:
    """Make sure that what somebody names is there.

    Raises:
        InputError: names the field, one that is not there, and what is.
    """
    if unknown := sorted(set(given) - set(known)):
        raise InputError(((field, f"{unknown[0][:40]!r} is none of {', '.join(known)}"),))
