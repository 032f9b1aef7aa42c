"""The fixtures of verification."""

from tests.support.assembling import assembled  # noqa: F401
