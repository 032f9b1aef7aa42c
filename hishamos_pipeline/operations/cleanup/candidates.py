"""What a cleanup finds, and what it reports."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hishamos_pipeline.errors import HishamosError

log = logging.getLogger("hishamos.operations")


@dataclass(frozen=True, slots=True)
class RemovalCandidate:
    """Something that may go: what it is, its size, and how to remove it; removing it twice does no harm."""

    name: str
    bytes: int
    remove: Callable[[], object]
    count: int = 1


def broken(name: str, error: Exception) -> RemovalCandidate:
    """Something that could not even be looked at: it is told, and the rest is gone on with."""

    def fail() -> None:
        raise error

    return RemovalCandidate(name, 0, fail, count=0)


Sweep = Callable[[], Iterable[RemovalCandidate]]


@dataclass
class Swept:
    """What went, or would go, of one kind; ``failed`` says what could not be removed, and why."""

    count: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


_MOST_NAMES = 20


def sweep_all(sweeps: Mapping[str, Sweep], *, dry_run: bool) -> dict[str, Swept]:
    """Remove what the sweeps find, one by one; what fails is told and does not hold up the rest.

    Args:
        sweeps: by kind, in the order in which they are made.
        dry_run: only say what would go.
    """
    return {kind: _swept(kind, sweep, dry_run=dry_run) for kind, sweep in sweeps.items()}


def _swept(kind: str, sweep: Sweep, *, dry_run: bool) -> Swept:
    done = Swept()
    for candidate in _found(kind, sweep, done):
        try:
            if not dry_run:
                candidate.remove()
        except (HishamosError, OSError) as error:
            done.failed.append(f"{candidate.name}: {error}")
            log.warning("cleanup: %s %s could not be removed: %s", kind, candidate.name, error)
            continue
        done.count += candidate.count
        done.bytes += candidate.bytes
        if len(done.names) < _MOST_NAMES:
            done.names.append(candidate.name)
    return done


def _found(kind: str, sweep: Sweep, done: Swept) -> Iterator[RemovalCandidate]:
    try:
        yield from sweep()
    except (HishamosError, OSError) as error:
        done.failed.append(str(error))
        log.warning("cleanup: %s could not be scanned: %s", kind, error)
