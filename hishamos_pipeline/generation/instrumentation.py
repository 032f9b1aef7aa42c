"""What is seen of the making of artifacts from outside: log context, spans, and counters that last."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from opentelemetry import trace
from structlog.contextvars import bound_contextvars

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import FileSet, TestSuite, VerifiedBuild
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import StorageError
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain
from hishamos_pipeline.store.counters.repository import Amount, Counters, observed

tracer = trace.get_tracer("hishamos")
_LIMIT = re.compile(r"HISHAMOS_CHECK_([A-Z_]+)")


@contextmanager
def making(counters: Counters, key: str, artifact: str) -> Iterator[Callable[[Document, float, bool], None]]:
    """The making of one artifact: what is logged meanwhile names it, and how it ended is counted.

    Gives a function that takes the document, the seconds that it took, and whether it was reused.
    """
    labels = {"asset": artifact, "role": STEPS[artifact].role or "pipeline"}
    with (
        bound_contextvars(project=key, asset=artifact),
        tracer.start_as_current_span(
            f"make {artifact}", attributes={"hishamos.project": key, "hishamos.asset": artifact}
        ) as span,
    ):

        def made(document: Document, seconds: float, reused: bool) -> None:
            span.set_attribute("hishamos.reused", reused)
            how = "reused" if reused else "made"
            result: list[Amount] = [("asset_results", {"asset": artifact, "result": how}, 1.0)]
            if not reused:
                result += observed("asset_seconds", labels, seconds)
                if isinstance(document, FileSet | TestSuite | VerifiedBuild):
                    result.append(("files", {"asset": artifact}, float(len(document.files))))
            _count(counters, result)

        try:
            yield made
        except BaseException:
            _count(counters, [("asset_results", {"asset": artifact, "result": "failed"}, 1.0)])
            raise


class CountedSandbox:
    """A sandbox whose commands are counted, by how they ended.

    Args:
        sandbox: runs them.
        counters: where they are counted.
    """

    def __init__(self, sandbox: Sandbox, counters: Callable[[], Counters]) -> None:
        self._sandbox, self._counters = sandbox, counters

    @property
    def name(self) -> str:
        """The sandbox's own."""
        return self._sandbox.name

    @property
    def isolates(self) -> bool:
        """The sandbox's own."""
        return self._sandbox.isolates

    async def run(self, command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> Outcome:
        """Run a command; see ``Sandbox.run``."""
        outcome = await self._sandbox.run(command, tree, limits, toolchain)
        labels = {"sandbox": self.name, "ending": _ending(outcome)}
        _count(self._counters(), [("sandbox_commands", labels, 1.0)])
        return outcome


def _ending(outcome: Outcome) -> str:
    """How a command ended, in one of few words: ``ok``, ``failed``, ``signal``, or the limit that killed it."""
    if outcome.limit:
        named = _LIMIT.search(outcome.limit)
        return f"killed_{named[1].lower()}" if named else "killed"
    if outcome.signal:
        return "signal"
    return "ok" if outcome.succeeded else "failed"


def _count(counters: Counters, amounts: Sequence[Amount]) -> None:
    """Count, unless the store is away: what is counted says so itself."""
    with suppress(StorageError):
        counters.add(amounts)
