"""Providers of models that were added while the installation runs, and what was set of the others."""

from dataclasses import asdict

from sqlalchemy import select

from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.organizations.scope import actor_of
from hishamos_pipeline.store.providers.records import StoredProvider
from hishamos_pipeline.store.providers.tables import ProviderRow
from hishamos_pipeline.store.records import record, require_as_seen
from hishamos_pipeline.store.sessions import Sessions, locked


class StoredProviders:
    """Reads and writes what is set of providers."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def all(self) -> list[StoredProvider]:
        """All of them, by name."""
        with self._sessions.read() as session:
            rows = session.scalars(select(ProviderRow).order_by(ProviderRow.name))
            return [record(StoredProvider, row) for row in rows]

    def set(self, now: StoredProvider, seen: StoredProvider | None) -> None:
        """Set what is now of a provider.

        Args:
            now: as it is to be.
            seen: as it was when this was decided; ``None`` where nothing was set.

        Raises:
            ChangedMeanwhileError: it is not as it was seen any more.
        """
        at = self._sessions.clock.now()
        with self._sessions.write() as session:
            query = select(ProviderRow).where(ProviderRow.name == now.name)
            row = session.scalars(locked(session, query)).one_or_none()
            before = record(StoredProvider, row) if row else StoredProvider(now.name)
            require_as_seen(seen or StoredProvider(now.name), before, f"the provider {now.name}")
            by = actor_of(session).label[:120]
            session.merge(ProviderRow(**asdict(now), updated_by=by, updated_at=at))
            old = asdict(before)
            changed = {name: value for name, value in asdict(now).items() if value != old[name]}
            audit(session, at, "provider.set", now.name, **changed)

    def remove(self, name: str) -> bool:
        """Forget what was set of a provider; whether anything was."""
        with self._sessions.write() as session:
            row = session.get(ProviderRow, name)
            if row is not None:
                session.delete(row)
                audit(session, self._sessions.clock.now(), "provider.remove", name)
            return row is not None
