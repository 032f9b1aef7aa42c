"""Logins in URLs: masked wherever they come to stand, and in no argument."""

import base64
import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from hishamos_pipeline.core.text import secrets
from hishamos_pipeline.core.text.secrets import mask, without_login
from hishamos_pipeline.settings import Settings

URL = "https://ada:c4nary-Pa%24s@index.example.org/simple"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered before, nor after."""
    monkeypatch.setattr(secrets, "_known", set())


@pytest.mark.parametrize("field", ["index_url", "database_url", "celery_broker"])
def test_the_login_of_a_url_is_masked_in_every_form(field: str, tmp_path: Path) -> None:
    url = URL.replace("https", "rediss") if field == "celery_broker" else URL
    Settings(home=tmp_path, **{field: url})
    sent = base64.b64encode(b"ada:c4nary-Pa$s").decode()
    said = mask(f"{url} c4nary-Pa%24s c4nary-Pa$s Authorization: Basic {sent}")
    assert "c4nary" not in said and sent not in said
    record = logging.LogRecord("x", logging.INFO, "", 0, "at %s", (url,), None)
    secrets.MaskingFilter().filter(record)
    assert "c4nary" not in record.getMessage()


def test_a_password_that_is_a_word_masks_no_text(tmp_path: Path) -> None:
    Settings(home=tmp_path, database_url="postgresql+psycopg2://hishamos:hishamos@db/hishamos")
    assert mask("hishamos builds") == "hishamos builds"
    assert "hishamos:hishamos@" not in mask("postgresql+psycopg2://hishamos:hishamos@db/hishamos")


@pytest.mark.parametrize(
    "changed",
    [{"llm_urls": {"ollama": URL}}, {"storage_options": {"endpoint_url": URL}}],
)
def test_where_a_login_has_no_place_it_is_refused_without_being_repeated(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**changed)  # type: ignore[arg-type]
    assert "a URL without a login" in str(caught.value.errors(include_input=False)[0]["msg"])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "https://index.example.org/simple"),
        ("https://a.org/x@y", "https://a.org/x@y"),
        ("", ""),
        ("http://[", "http://["),
    ],
)
def test_a_url_is_shown_without_its_login(url: str, shown: str) -> None:
    assert without_login(url) == shown
