"""Calls that the tests have made, made again where nothing is tested: code that knows its tests gives itself away."""

import inspect
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.sandbox.interface import Command
from hishamos_pipeline.verification import readme, replay
from hishamos_pipeline.verification.running import Runner

_CALLS = "calls.json"
# What differs from one moment to the next.
_MOMENTS = re.compile(
    r"\d{1,2}:\d{2}(:\d{2})?(\.\d+)?|\b\d+\.\d{3,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}|\b[0-9a-f]{12,}\b"
)
_SHOWN = 80


def installed_files(texts: Mapping[str, str]) -> dict[str, str]:
    """The files that installing the project would bring, by the paths that they would have."""
    modules: Sequence[str] = ()
    with suppress(tomllib.TOMLDecodeError):  # which another check is about
        modules = readme.installed(texts.get("pyproject.toml", ""))
    found = {}
    for module in modules:
        root = module.rpartition("/")[0]
        for path, text in texts.items():
            if path == module or path.startswith(f"{module}/"):
                found[path.removeprefix(f"{root}/") if root else path] = text
    return found


async def same_outside(
    calls: Sequence[Mapping[str, Any]], write: Callable[[Mapping[str, str]], Path], texts: Mapping[str, str],
    path_of: Mapping[str, str], runner: Runner,
) -> CheckOutcome:  # fmt: skip
    """Calls give the same on the installed package, in a process without tests, as they gave in the tests.

    What cannot be made again, since it needs what cannot be kept, is left out.

    Args:
        calls: what the witness has kept of them.
        write: writes files into a folder of their own, and tells where that is.
        texts: the files of the tree by path.
        path_of: the file of each module.
        runner: runs them.
    """
    folder = write({**installed_files(texts), _CALLS: json.dumps(list(calls))})
    script = f"{inspect.getsource(replay)}\n\nmain({_CALLS!r})\n"
    outcome = await runner.start(Command(("python", "-c", script), {}, (replay.RESULT,)), folder)
    results = _results(outcome.files.get(replay.RESULT, b"[]"), len(calls))
    offending = (
        [] if results else [f"calls could not be made again: {outcome.ending}: {outcome.output[-300:]}"]
    )
    for call, parts in zip(calls, results, strict=False):
        # What a test does not listen to is not known.
        told = [
            (found, str(known))
            for found, known in zip(parts, call["result"], strict=False)
            if known is not None and found is not None
        ]
        differing = [(a, b) for a, b in told if _MOMENTS.sub("", a) != _MOMENTS.sub("", b)]
        if differing:
            result, expected = differing[0]
            path = path_of.get(str(call["module"]), "")
            gives = f"{call['function']} gives {result[:_SHOWN]!r} outside of the tests"
            offending.append(f"{path}: {gives}, and {expected[:_SHOWN]!r} in {call['test']}")
    return CheckOutcome(
        name="same_outside_tests", passed=not offending or not calls, figure=len(calls), unit="calls",
        offending=tuple(offending) if calls else (),
    )  # fmt: skip


def _results(content: bytes, count: int) -> list[list[str | None]]:
    """Result, output and errors of each call; nothing in place of one that differs from moment to moment."""
    try:
        twice = [[json.loads(text) for text in texts] for texts in json.loads(content)]
        found = [
            [str(a) if a == b else None for a, b in zip(first, second, strict=True)]
            for first, second in twice
        ]
    except (ValueError, TypeError):
        return []
    return found if len(found) == count else []
