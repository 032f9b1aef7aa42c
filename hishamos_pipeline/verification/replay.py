"""Runs inside the sandbox, outside of the tests: calls that the tests have made, on the package as it is installed.

It stands alone, like ``witness``. There is no test, no pytest and no sign of either: the calls come with all that they
need, files have other names, and each call runs in a process of its own in an empty folder.
"""

import base64
import io
import json
import os
import pickle
import random
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

RESULT = "results.json"
_SECONDS = 20


def main(given: str) -> None:
    """Make the calls of a file, and write into ``RESULT`` what each gives.

    It is a JSON list of two texts for each call, each text a JSON list of result, output and errors.

    Args:
        given: the file; JSON, a list of what ``witness`` has kept of calls.
    """
    calls = json.loads(Path(given).read_text(encoding="utf-8"))
    here = Path.cwd()
    sys.path.insert(0, str(here))
    # Twice: what differs then differs from moment to moment.
    results = [
        [_in_child(call, here / f"run-{number}-{turn}") for turn in range(2)]
        for number, call in enumerate(calls)
    ]
    Path(RESULT).write_text(json.dumps(results), encoding="utf-8")


def _in_child(call: dict[str, Any], folder: Path) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        import signal

        signal.alarm(_SECONDS)
        try:
            text = _made(call, folder)
        except BaseException as error:
            text = json.dumps([f"cannot be made again: {error!r}"])
        with os.fdopen(writing, "w", encoding="utf-8") as stream:
            stream.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


def _made(call: dict[str, Any], folder: Path) -> str:
    """What the call gives, with the names that its files had."""
    folder.mkdir()
    os.chdir(folder)
    renamed = {old: str(folder / new) for old, new in call["names"].items()}
    for old, content in call["files"].items():
        place = Path(renamed[old])
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(base64.b64decode(content))
    for old in renamed.values():
        Path(old).parent.mkdir(parents=True, exist_ok=True)
    os.environ.update(call["environment"])
    random.setstate(eval(call["random"], {}))  # noqa: S307 - a tuple of numbers, as it was printed
    function: Any = __import__(call["module"], fromlist=["x"])
    for part in call["function"].split("."):
        function = getattr(function, part)
    given, named = _with_names(pickle.loads(base64.b64decode(call["arguments"])), renamed)  # noqa: S301
    out, err, given_in = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(3))
    given_in.buffer.write(base64.b64decode(call["input"]))
    given_in.buffer.seek(0)
    sys.stdin = given_in
    sys.argv[:] = call["program"] or sys.argv
    with redirect_stdout(out), redirect_stderr(err):
        try:
            told = shown(function(*given, **named))
        except BaseException as error:
            told = raised(error)
    text = json.dumps([told, *map(_printed, (out, err))])
    back = {new: old for old, new in renamed.items()}
    for new, old in list(back.items()):  # a folder of one of them may be told, too
        if folder in Path(new).parents:
            back.setdefault(str(Path(new).parent), str(Path(old).parent))
    # Where the project happens to lie, ``witness`` does not tell either.
    for place in (folder, folder.parent):
        back.setdefault(str(place), "")
    for new in sorted(back, key=len, reverse=True):
        text = text.replace(json.dumps(new)[1:-1], json.dumps(back[new])[1:-1])
    return text


def _printed(stream: io.TextIOWrapper) -> str:
    stream.flush()
    held: Any = stream.buffer
    return bytes(held.getvalue()).decode("utf-8", "replace")


def _with_names(value: Any, renamed: dict[str, str]) -> Any:
    """The same arguments with the new names of files."""
    if isinstance(value, str):
        return renamed.get(value, value)
    if isinstance(value, Path):
        return Path(renamed[str(value)]) if str(value) in renamed else value
    if type(value) in (list, tuple):
        return type(value)(_with_names(item, renamed) for item in value)
    if type(value) is dict:
        return {key: _with_names(item, renamed) for key, item in value.items()}
    return value


def shown(value: Any) -> str:
    """A result as text, without what differs from process to process."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x", repr(value))[:4000]


def raised(error: BaseException) -> str:
    """An error as text."""
    return f"raised {type(error).__name__}: {error}"
