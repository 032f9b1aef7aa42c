"""Structured logs: every line carries project, run and asset; secrets are masked; for people or as JSON."""

import logging
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog
from structlog.typing import Processor

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import terminal_text

Format = Literal["human", "json"]
# Without local variables: among them are keys and whole documents.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure_logs(how: Format) -> None:
    """Write what is logged under ``hishamos`` to standard error, in one format; doing it again changes that format.

    Args:
        how: for people, or one JSON object a line.
    """
    logger = logging.getLogger("hishamos")
    handler = next((h for h in logger.handlers if isinstance(h, logging.StreamHandler)), None)
    if handler is None:
        handler = logging.StreamHandler()
        logger.addHandler(handler)
    handler.setFormatter(formatter(how))
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def formatter(how: Format) -> logging.Formatter:
    """What turns a record into a line."""
    shared: list[Processor] = [
        _as_said,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    end: list[Processor] = (
        [_TRACEBACKS, _masked, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if how == "json"
        else [structlog.processors.format_exc_info, _masked, _sentence]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
    )


def _as_said(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The message without the job, run and step that Dagster puts in front of what it takes into a run's events."""
    said = getattr(event.get("_record"), "dagster_meta", None)
    return {**event, "event": said["orig_message"]} if said else event


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _mask(value) for key, value in event.items()}


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _mask(item) for key, item in value.items()}
    return [_mask(item) for item in value] if isinstance(value, list) else value


def _sentence(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line for people: level, message, and whom it is about."""
    about = " ".join(f"{name}={event[name]}" for name in ("project", "asset") if event.get(name))
    trouble = f"\n{event['exception']}" if event.get("exception") else ""
    return terminal_text(f"{event['level']}: {event['event']}{f' [{about}]' if about else ''}{trouble}")
