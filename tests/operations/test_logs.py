"""Log lines: whom they are about, for people and as JSON, without secrets."""

import json
import logging
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.operations.logs import Format, formatter

SECRET = "sk-a-secret-of-the-log-test"


def line(how: Format, message: str, *arguments: Any, exception: Exception | None = None) -> str:
    trouble = (type(exception), exception, exception.__traceback__) if exception else None
    record = logging.LogRecord("hishamos.llm", logging.WARNING, __file__, 1, message, arguments, trouble)  # type: ignore[arg-type]
    return formatter(how).format(record)


@pytest.fixture(autouse=True)
def secret() -> None:
    register(SECRET)


def test_json_carries_project_run_and_asset() -> None:
    with bound_contextvars(project="notes", run="r1", asset="stories"):
        made = json.loads(line("json", "%s falls to %s", "é", SECRET))
    assert (
        made["event"] == "é falls to ***" and made["level"] == "warning" and made["logger"] == "hishamos.llm"
    )
    assert (made["project"], made["run"], made["asset"]) == ("notes", "r1", "stories")
    assert made["timestamp"].endswith("Z")


def test_an_exception_is_masked_in_both() -> None:
    for how in ("json", "human"):
        made = line(how, "it broke", exception=ValueError(f"no {SECRET}"))  # type: ignore[arg-type]
        assert SECRET not in made and "ValueError" in made


def test_people_read_a_sentence() -> None:
    with bound_contextvars(project="notes", asset="stories", run="r1"):
        assert line("human", "it waits") == "warning: it waits [project=notes asset=stories]"
    assert line("human", "100 % of it") == "warning: 100 % of it"


def test_what_is_logged_cannot_forge_a_line() -> None:
    assert "\n" not in line("json", "one\n{two}")


def test_local_variables_are_in_no_line() -> None:
    password = "a-password-that-was-never-registered"

    def fail() -> None:
        url = f"postgresql://u:{password}@host/db"
        raise ValueError(len(url))

    try:
        fail()
    except ValueError as error:
        assert password not in line("json", "it broke", exception=error.with_traceback(error.__traceback__))
