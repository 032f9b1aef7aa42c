"""Keeps secrets out of texts: whoever reads a secret registers it, whoever writes a text masks it."""

import base64
import json
import logging
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from hishamos_pipeline.core.text import linear_re as re

_LEAST = 16  # no provider's key is shorter, and shorter texts can be ordinary words
_LEAST_SHORT = 4
_known: set[str] = set()
MASK = "***"
# What ``accounts.tokens`` makes, and JSON Web Tokens.
_OWN_TOKENS = re.compile(
    r"\bho[srlb]_[A-Za-z0-9_-]{43}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)


def register(value: str, *, short: bool = False) -> str:
    """Remember a secret for ``mask``, and return it; a ``short`` one is taken too, if it has four characters."""
    if len(value) >= (_LEAST_SHORT if short else _LEAST):
        _known.add(value)
    return value


def register_logins(value: object) -> None:
    """Remember the logins in all URLs of a setting: the passwords, and what HTTP makes of both."""
    if isinstance(value, Mapping):
        for item in value.values():
            register_logins(item)
    elif isinstance(value, list | tuple):
        for item in value:
            register_logins(item)
    elif isinstance(value, str) and "@" in value and "://" in value:
        login = _login(value)
        user, _, password = login.partition(":")
        register(f"{login}@", short=True)
        register(base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode())
        for form in {password or user, unquote(password or user)}:
            # A short one that is a word would mask that word in every text.
            register(form, short=any(map(str.isdigit, form)) and len(form) >= _LEAST_SHORT * 2)


def without_login(url: str) -> str:
    """A URL as it may be shown and stand in an argument: without user and password."""
    login = _login(url)
    return url.replace(f"{login}@", "", 1) if login else url


def _login(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[0]
    except ValueError:  # no URL after all
        return ""


def mask(text: str) -> str:
    """The text with every registered secret replaced, the longest first, and every token of this product's own."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _OWN_TOKENS.sub(MASK, text) if "ho" in text or "eyJ" in text else text


def masked_json(values: Mapping[str, object], *, longest: int | None = None) -> str:
    """JSON of values whose texts are masked, and cut only then: half a secret is one too.

    Args:
        values: JSON, and what becomes a text in it.
        longest: characters of a text, ``None`` for any number.
    """

    def masked(value: object) -> object:
        if isinstance(value, Mapping):
            return {mask(str(name)): masked(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [masked(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return mask(str(value))[:longest]

    return json.dumps(masked(values), sort_keys=True, ensure_ascii=False)


class MaskingFilter(logging.Filter):
    """Masks secrets in log records, whatever they were formatted from."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by its masked text; always lets the record pass."""
        record.msg, record.args = mask(record.getMessage()), ()
        return True
