"""What use cases take and return: frozen, typed, and the same through every door."""

from dataclasses import asdict
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from hishamos_pipeline.errors import UsageError


class View(BaseModel):
    """What a use case returns; as JSON it is what ``--json`` prints, and its schema is kept stable by a test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, record: Any, **given: Any) -> Self:
        """A view with the fields of a frozen record that it shows.

        Args:
            record: a frozen dataclass.
            given: fields that the record does not have under their name.
        """
        known = {name: value for name, value in asdict(record).items() if name in cls.model_fields}
        return cls.model_validate({**known, **given})


class UseCaseInput(BaseModel):
    """What somebody asks for; unknown fields are refused.

    Raises:
        UsageError: it cannot be that; names every field and what is wrong with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _told_as_usage(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in error.errors())
            raise UsageError("; ".join(problems)) from None
