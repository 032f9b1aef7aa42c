"""How long somebody waits after wrong logins: longer each time, for an account and for an address each."""

from datetime import datetime, timedelta

_FREE, _MOST_SECONDS = 4, 900
# Wrong logins that are older are forgotten.
FORGOTTEN_AFTER = timedelta(hours=1)


def open_again_at(failures: int, last: datetime | None) -> datetime | None:
    """When the next try is looked at after some wrong ones; ``None`` for at once.

    The first four are free; then it is 2, 4, 8 seconds and so on, a quarter of an hour at most.
    """
    if failures <= _FREE or last is None:
        return None
    return last + timedelta(seconds=min(2 ** min(failures - _FREE, 20), _MOST_SECONDS))
