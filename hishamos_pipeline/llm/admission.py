"""Where calls are admitted: budgets, limits and prices, over a call log that all processes share."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from weakref import WeakKeyDictionary

from hishamos_pipeline.core.artifacts import idea
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, BatchOverrides
from hishamos_pipeline.core.pipeline.spending import Budget, Busy, CallEnd, CallStart, Throttle, least
from hishamos_pipeline.errors import ReplayError
from hishamos_pipeline.llm.prices import Prices
from hishamos_pipeline.llm.providers import Providers, installed_providers
from hishamos_pipeline.settings import Settings, listed

# What services for many take at a time without slowing down, and what one machine does.
_CONCURRENCY, _OWN_CONCURRENCY = 16, 4


class CallLog(Protocol):
    """The store of calls; ``hishamos_pipeline.store.calls.Calls`` is the real one."""

    def admit(
        self, start: CallStart, budgets: Sequence[Budget], throttle: Throttle, *, alone: bool, only: str = ""
    ) -> int | Busy:
        """Reserve a call, or say how long to wait."""
        ...

    def keep_alive(self, call_id: int) -> None:
        """Say that a call is still being made."""
        ...

    def settle(self, call_id: int, end: CallEnd) -> None:
        """Record how a call ended."""
        ...

    def cached(self, request_hash: str, only: str = "") -> str | None:
        """The stored answer to a question."""
        ...

    def record_cached(self, start: CallStart) -> None:
        """Record that a question was answered from the store."""
        ...

    def reject(self, request_hashes: Iterable[str]) -> None:
        """Keep useless answers from being given again."""
        ...


@dataclass(frozen=True, slots=True)
class UnwrittenLog:
    """A call store that is read, and not written: whoever only looks leaves no trace.

    Args:
        log: the one that is read.
    """

    log: CallLog

    def cached(self, request_hash: str, only: str = "") -> str | None:
        """The stored answer to a question."""
        return self.log.cached(request_hash, only)

    def record_cached(self, start: CallStart) -> None:
        """Record nothing."""

    def reject(self, request_hashes: Iterable[str]) -> None:
        """Reject nothing."""

    def admit(
        self, start: CallStart, budgets: Sequence[Budget], throttle: Throttle, *, alone: bool, only: str = ""
    ) -> int | Busy:
        """Nobody is asked.

        Raises:
            ReplayError: always.
        """
        raise ReplayError("nobody is asked by whoever only looks")

    def keep_alive(self, call_id: int) -> None:
        """There is no call."""

    def settle(self, call_id: int, end: CallEnd) -> None:
        """There is no call."""


@dataclass
class CallAdmission:
    """Everything that a call needs besides its model.

    Args:
        log: the call store.
        settings: limits and budgets.
        project_budget: what the brief of a project allows.
        overrides: those of the batch that calls are made for.
        refused: is told of the project that the batch's budget has stopped, and why.
        providers: gives those that there are now.
    """

    log: CallLog
    settings: Settings
    project_budget: Callable[[str], idea.ProjectBudget] = lambda _: idea.ProjectBudget()
    overrides: BatchOverrides = NO_BATCH
    refused: Callable[[str, str], None] = lambda *_: None
    providers: Callable[[], Providers] = installed_providers
    _queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = field(
        default_factory=WeakKeyDictionary
    )

    def recalling(self) -> "CallAdmission":
        """The same for answers that the store has, and for them alone; nothing is recorded."""
        settings = self.settings.model_copy(update={"llm_cache": "replay"})
        return replace(self, settings=settings, log=UnwrittenLog(self.log), _queues=WeakKeyDictionary())

    @property
    def prices(self) -> Prices:
        """What models cost."""
        return Prices(self.settings.llm_prices, listed(self.settings.llm_free), self.providers())

    def throttle(self, provider: str) -> Throttle:
        """How much a provider is asked at most."""
        return Throttle(self.concurrency(provider), self.settings.llm_per_minute)

    def concurrency(self, provider: str) -> int:
        """Most calls to a provider at the same time; one on a machine of one's own takes fewer."""
        known = self.providers().get(provider)
        is_own = known is not None and known.own
        return self.settings.llm_concurrency or (_OWN_CONCURRENCY if is_own else _CONCURRENCY)

    def queue(self, provider: str) -> asyncio.Semaphore:
        """Where this process's calls to a provider wait, so that few of them ask the log at a time."""
        queues = self._queues.setdefault(asyncio.get_running_loop(), {})
        return queues.setdefault(provider, asyncio.Semaphore(self.concurrency(provider)))

    def budgets(self, project: str) -> list[Budget]:
        """Every budget that a call for a project counts against; those without a limit are left out."""
        given = self.settings
        budgets = [
            Budget(
                "call", given.budget_call_usd, given.budget_call_tokens, "HISHAMOS_BUDGET_CALL_USD or _TOKENS"
            ),
            Budget(
                "day", given.budget_day_usd, given.budget_day_tokens, "HISHAMOS_BUDGET_DAY_USD or _TOKENS"
            ),
            Budget(
                "instance",
                given.budget_instance_usd,
                given.budget_instance_tokens,
                "HISHAMOS_BUDGET_INSTANCE_USD or _TOKENS",
            ),
        ]
        if self.overrides.batch:
            raised = f"`hishamos batch resume {self.overrides.batch}` with --budget-usd or --budget-tokens"
            budgets.append(Budget("batch", self.overrides.usd, self.overrides.tokens, raised))
        if project:
            asked = self.project_budget(project)
            budgets.append(
                Budget(
                    "project",
                    least(asked.usd, given.budget_project_usd, given.brief_budgets),
                    least(asked.tokens, given.budget_project_tokens),
                    "`budget` in the brief, up to HISHAMOS_BRIEF_BUDGETS, or HISHAMOS_BUDGET_PROJECT_USD or _TOKENS",
                )
            )
        return [budget for budget in budgets if budget.usd is not None or budget.tokens is not None]
