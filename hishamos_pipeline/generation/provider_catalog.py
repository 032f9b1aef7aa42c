"""The providers that there are now: built in, installed, and added or set while the installation runs."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import cast

from pydantic import TypeAdapter

from hishamos_pipeline.llm.providers import Provider, Providers, Wire, installed_providers, key_variable
from hishamos_pipeline.settings import Rate
from hishamos_pipeline.store.providers.records import StoredProvider
from hishamos_pipeline.store.providers.repository import StoredProviders

# Every process of the installation follows within this time, in seconds.
FOLLOWS_WITHIN = 15.0
_RATES = TypeAdapter(dict[str, Rate])


class ProviderCatalog:
    """Gives the providers; looks again for what was set after some seconds.

    Args:
        stored: what was set.
        clock: seconds that never go back.
    """

    def __init__(self, stored: StoredProviders, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored = stored
        self._clock = clock
        self._looked_at = float("-inf")
        self._found: Providers = installed_providers()

    def __call__(self) -> Providers:
        """The providers by name; the same object until they are looked for again."""
        now = self._clock()
        if now - self._looked_at >= FOLLOWS_WITHIN:
            self._look(now)
        return self._found

    def refresh(self) -> None:
        """Look again now."""
        self._look(self._clock())

    def _look(self, now: float) -> None:
        # Another object each time, although no row may have changed: a key may be another one, and is looked up again.
        self._found = MappingProxyType(merged(installed_providers(), self._stored.all()))
        self._looked_at = now


def merged(installed: Providers, rows: list[StoredProvider]) -> dict[str, Provider]:
    """The installed providers with what was set of them, and those that were added."""
    found = dict(installed)
    for row in rows:
        rates = _RATES.validate_json(row.rates)
        if row.name in installed:
            known = installed[row.name]
            found[row.name] = replace(known, url=row.url or known.url, rates=rates, is_enabled=row.is_enabled)
        elif row.wire:
            found[row.name] = Provider(
                name=row.name,
                wire=cast("Wire", row.wire),
                key_variable=key_variable(row.name) if row.needs_key else "",
                url=row.url,
                prices=row.prices_as,
                own=not row.needs_key,
                any_server=row.wire == "openai-chat",
                is_enabled=row.is_enabled,
                rates=rates,
            )
    return found
