"""What the repository of providers hands out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """What is set of a provider; ``wire`` is empty for one that was not added, ``rates`` is JSON."""

    name: str
    wire: str = ""
    url: str = ""
    needs_key: bool = False
    prices_as: str = ""
    rates: str = "{}"
    is_enabled: bool = True
