"""The heart of a run: says that its process lives; and the watch that notices when it stops."""

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hishamos_pipeline.core.machine import is_dead, process
from hishamos_pipeline.errors import StorageError
from hishamos_pipeline.store.heartbeats.records import Heartbeat
from hishamos_pipeline.store.heartbeats.repository import Heartbeats

BEAT_SECONDS = 4.0  # shorter than the time between two looks of the `failed_runs` sensor
log = logging.getLogger("hishamos.operations")


class HeartbeatThread:
    """Beats from ``start`` to ``stop``, in a thread of its own; a database that is away is waited for.

    Args:
        beats: where it is written down.
        run_id: the run that lives.
        project: what it works on.
        every_seconds: time between two beats.
    """

    def __init__(
        self, beats: Heartbeats, run_id: str, project: str, *, every_seconds: float = BEAT_SECONDS
    ) -> None:
        self._beats, self._run_id, self._project = beats, run_id, project
        self._every = every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Beat once, and go on beating.

        Raises:
            StorageError: the store cannot be reached.
        """
        self._beats.beat(self._run_id, self._project, process())
        self._thread.start()

    def stop(self) -> None:
        """End, and have the run forgotten."""
        self._stopped.set()
        self._thread.join()
        self._beats.end(self._run_id)

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self._beats.beat(self._run_id, self._project, process())
            except (StorageError, SQLAlchemyError) as error:
                log.warning("%s: the heartbeat could not be written: %s", self._project, error)


def lives(hearts: Iterable[Heartbeat], project: str) -> bool:
    """Whether a run of a project lives, as far as is known: a process on another machine is believed."""
    return any(heart.project == project and not is_dead(heart.machine) for heart in hearts)


@dataclass(frozen=True, slots=True)
class Watched:
    """What was last seen of a heart, and how many looks ago it was seen beating."""

    beats: int
    looks: int = 0


def watch(
    hearts: Iterable[Heartbeat], seen: Mapping[str, Watched], most_looks: int
) -> tuple[dict[str, Watched], list[Heartbeat]]:
    """What is seen now, and which hearts have stopped.

    A heart has stopped when its process is known to have ended, or when it was not seen beating for as many looks as
    are allowed. Looks are counted, not seconds: a clock that jumps kills nobody.

    Args:
        hearts: every heart there is.
        seen: what the last look has returned.
        most_looks: how many looks without a beat are allowed.
    """
    now: dict[str, Watched] = {}
    stopped = []
    for heart in hearts:
        before = seen.get(heart.run_id)
        still = before is not None and before.beats == heart.beats
        looks = before.looks + 1 if before is not None and still else 0
        if looks >= most_looks or is_dead(heart.machine):
            stopped.append(heart)
        else:
            now[heart.run_id] = Watched(heart.beats, looks)
    return now, stopped
