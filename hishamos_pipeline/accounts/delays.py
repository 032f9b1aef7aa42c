"""How long somebody waits after wrong logins: longer each time, for an account and for an address each."""

import ipaddress
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


def counted_as(address: str) -> str:
    """The address that tries are counted by: of IPv6, the network that one customer has (a /64)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address
