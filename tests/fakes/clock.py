"""A clock that stands still until it is moved."""

from datetime import datetime, timedelta


class FixedClock:
    """A clock for tests: it stands still until it is moved.

    Args:
        start: the time it shows first; must be aware.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was last set to."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move the clock on by ``step``."""
        self._now += step
