"""Part of ``witness``: calls that the tests make of the package, kept so that they can be made again elsewhere."""

import base64
import dis
import inspect
import os
import pickle
import random
import re
import sys
import types
from pathlib import Path, PurePath
from typing import Any

_MOST_FILES, _MOST_BYTES = 50, 1_000_000
_ENVIRONMENT, _HERE, _PROGRAM = dict(os.environ), Path.cwd(), sys.argv


def kept_call(frame: types.FrameType, module: str, name: str, test: str) -> dict[str, Any] | None:
    """All that a call needs to be made again elsewhere; nothing where that cannot be kept.

    Args:
        frame: of the function, as it begins.
        module: that it stands in; empty for one that is not the package's.
        name: of the function, with its module.
        test: the node id of the test that calls it.
    """
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount
    given = [values[part] for part in code.co_varnames[:count]]
    named = {part: values[part] for part in code.co_varnames[count : count + code.co_kwonlyargcount]}
    rest = code.co_varnames[count + code.co_kwonlyargcount :]
    if code.co_flags & inspect.CO_VARARGS:
        given += values[rest[0]]
        rest = rest[1:]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        named |= values[rest[0]]
    function = name.removeprefix(f"{module}.")
    if not module or "." in function or (Path.cwd() == _HERE and _is_beside(given)):
        return None
    try:
        files, names = _files_of([given, named])
        return {
            "module": module,
            "function": function,
            "test": test,
            "arguments": base64.b64encode(pickle.dumps((given, named))).decode(),
            "files": files,
            "names": names,
            "environment": {
                k: v for k, v in os.environ.items() if _ENVIRONMENT.get(k) != v and "TEST" not in k
            },
            "places": [_folder_of(module), str(_HERE)],
            "random": repr(random.getstate()),
            "input": base64.b64encode(_input()).decode(),
            "program": list(sys.argv) if sys.argv is not _PROGRAM else [],
            "printed": [_place(stream) for stream in (sys.stdout, sys.stderr)],
        }
    except Exception:
        return None


def _input() -> bytes:
    """What a test has put into standard input."""
    stream: Any = sys.stdin
    if hasattr(stream, "getvalue"):
        return str(stream.getvalue()).encode()
    held: Any = getattr(stream, "buffer", None)
    return bytes(held.getvalue()) if hasattr(held, "getvalue") else b""


def _is_beside(value: Any) -> bool:
    """Whether some text is the name of a file of the tree, which is elsewhere when the package is installed."""
    if isinstance(value, str | PurePath):
        return bool(str(value)) and not PurePath(value).is_absolute() and Path(str(value)[:200]).exists()
    return isinstance(value, list | tuple) and any(map(_is_beside, value))


def _files_of(value: Any) -> tuple[dict[str, str | None], dict[str, str]]:
    """The contents of files and folders that arguments name, and the names that they get elsewhere."""
    files: dict[str, str | None] = {}
    paths = sorted(set(_absolute(value)))
    if Path.cwd() != _HERE:
        paths.append(str(Path.cwd()))
    for path in paths:
        listed = [Path(path), *(Path(path).rglob("*") if Path(path).is_dir() else ())]
        for item in listed[:_MOST_FILES]:
            if item.is_dir():
                files[str(item)] = None
            elif item.exists() and item.stat().st_size < _MOST_BYTES:
                files[str(item)] = base64.b64encode(item.read_bytes()).decode()
    top = str(Path.cwd()) if Path.cwd() != _HERE else ""
    return files, {path: _renamed(path, top) for path in dict.fromkeys([*paths, *files])}


def _renamed(path: str, top: str) -> str:
    if top and (path == top or path.startswith(f"{top}{os.sep}")):
        return path[len(top) :].lstrip(os.sep) or "."
    folder, name = os.path.split(path)
    return f"{sum(folder.encode()) % 997}/{re.sub('test', 'data', name, flags=re.IGNORECASE)}"


def _absolute(value: Any) -> list[str]:
    if isinstance(value, str | PurePath):
        text = str(value)
        return (
            [text] if PurePath(text).is_absolute() and "\n" not in text and Path(text).parent.is_dir() else []
        )
    if isinstance(value, dict):
        return _absolute(list(value.values()))
    return [found for item in value for found in _absolute(item)] if isinstance(value, list | tuple) else []


def end_call(kept: dict[str, Any], result: str) -> None:
    """Keep what a call has given, and printed, as far as that is caught."""
    printed = zip((sys.stdout, sys.stderr), kept["printed"], strict=True)
    told = [result, *(None if place is None else _printed(stream, place) for stream, place in printed)]
    kept["result"] = [text and without(text, kept["places"]) for text in told]


def _folder_of(module: str) -> str:
    """The folder that the package, or the module, lies in."""
    package = sys.modules[module.split(".", maxsplit=1)[0]]
    place = Path(str(package.__file__))
    return str(place.parent.parent if hasattr(package, "__path__") else place.parent)


def without(text: str, places: list[str]) -> str:
    """A text without the folders that the project, or its package, happens to lie in."""
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, "")
    return text


def _place(stream: Any) -> int | None:
    """How much was printed so far, where what is printed is caught."""
    held: Any = getattr(stream, "buffer", None)
    try:
        stream.flush()
        return (
            len(stream.getvalue())
            if hasattr(stream, "getvalue")
            else int(held.tell())
            if held.readable()
            else None
        )
    except Exception:
        return None


def _printed(stream: Any, place: int) -> str | None:
    """What was printed since."""
    try:
        stream.flush()
        if hasattr(stream, "getvalue"):
            return str(stream.getvalue()[place:])
        end = stream.buffer.tell()
        stream.buffer.seek(place)
        text = bytes(stream.buffer.read()).decode("utf-8", "replace")
        stream.buffer.seek(end)
        return text
    except Exception:
        return None


def shown(value: Any) -> str:
    """A result as text, without what differs from process to process."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x", repr(value))[:4000]


def runs(function: Any, frame: types.FrameType) -> bool:
    """Whether a frame has what a function encloses: so functions that one decorator has made are told apart."""
    enclosed = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    try:
        return all(frame.f_locals.get(name) is cell.cell_contents for name, cell in enclosed)
    except ValueError:  # a cell that is bound later
        return False


def fits(function: Any, given: Any, named: Any) -> bool:
    """Whether a function can be called so: a call that its signature refuses never began when calls were counted."""
    try:
        inspect.signature(function).bind(*given, **named)
    except TypeError:
        return False
    return True


def is_ignored(frame: types.FrameType) -> bool:
    """Whether what a frame calls now is thrown away."""
    following = [item for item in dis.get_instructions(frame.f_code) if item.offset > frame.f_lasti]
    return bool(following) and following[0].opname == "POP_TOP"
