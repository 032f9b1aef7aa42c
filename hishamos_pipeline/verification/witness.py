"""Runs inside the sandbox: the tests as they are, watched from beside them, and again with wrong results.

With its two parts it stands alone: the sandbox knows nothing of HishamOS. They are handed to Python as one text, so
that the tree is, byte for byte, the one that was judged before, and no file or name tells one run from the other. Each
run is a process of its own; what the package's functions are is noted before the first line of the tests is read.

A first run notes for each test which functions of the package it calls itself, whether it uses what they return, which
of its lines are run, and what has been replaced under it. In further runs the last call gives another result of the
same type, and prints nothing; or what was asked for does not happen; or there is no result. A test that passes all the
same shows nothing.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from hishamos_pipeline.verification.witness_calls import end_call, fits, is_ignored, kept_call, runs, shown
from hishamos_pipeline.verification.witness_results import Nothing, other

RESULT = ".hishamos-witness.json"
_CODE_FLAGS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# What tests reach a program through that they do not call themselves.
_BOUNDARIES = (
    *(("starlette.testclient", f"TestClient.{name}")
      for name in ("request", "get", "post", "put", "patch", "delete", "head", "options")),
    *(("subprocess", name) for name in ("run", "check_output", "check_call", "call", "Popen.communicate")),
)  # fmt: skip
_MOST_CALLS, _MOST_OF_A_TEST, _MOST_TRIED = 300, 3, 3
_GIVEN = ("stdin", "stdout", "stderr", "argv")


def main(paths: list[str], modules: list[str]) -> None:
    """Run the tests of the working folder, and write what was seen into ``RESULT``.

    Args:
        paths: folders that are imported from, as the project's settings have them.
        modules: those of the package.
    """
    sys.path[:0] = [str(Path(path).resolve()) for path in paths]
    sys.argv[:] = [str(Path(str(importlib.import_module("pytest").__file__)).with_name("__main__.py"))]
    seen = _in_child(modules, {})
    noticed = _noticed(modules, seen["tests"])
    Path(RESULT).write_text(json.dumps({**seen, "noticed": noticed}), encoding="utf-8")


def _noticed(modules: list[str], tests: dict[str, Any]) -> dict[str, str]:
    """What each test notices: another result of the same type (``other``), that there is none (``none``), ``nothing``.

    It has to notice the last call that it makes, alone and, where it compares results of one function, together with
    the others of that. Where it does not, it has to notice that something which it asked for before does not happen.
    """
    missed: dict[str, dict[str, Any]] = {}
    found: dict[str, str] = {}

    def pass_with(wrong: dict[str, Any]) -> set[str]:
        ended = _in_child(modules, wrong)["outcomes"] if wrong else {}
        return {name for name in wrong if ended.get(name) == "passed"}

    for how in ("other", "all"):
        wrong = {
            name: {**test["last"], "how": how}
            for name, test in tests.items()
            if test["last"] and name not in missed and (how == "other" or _is_compared(test))
        }
        missed |= {name: wrong[name] for name in pass_with(wrong)}
    found |= {name: "other" for name, test in tests.items() if test["last"] and name not in missed}
    for number in range(_MOST_TRIED):
        wrong = {
            name: {**test["ignored"][number], "how": "other"}
            for name, test in tests.items()
            if name not in found and number < len(test["ignored"])
        }
        found |= dict.fromkeys(wrong.keys() - pass_with(wrong), "other")
    wrong = {name: {**call, "how": "none"} for name, call in missed.items() if name not in found}
    found |= dict.fromkeys(wrong.keys() - pass_with(wrong), "none")
    return {
        name: found.get(name, "nothing") for name, test in tests.items() if test["used"] or test["ignored"]
    }


def _is_compared(test: dict[str, Any]) -> bool:
    """Whether a test uses other results of the function that it has called last."""
    last, used = test["last"], test["used"]
    return not last["skipped"] and sum(call["name"] == last["name"] for call in used) > 1


def _in_child(modules: list[str], wrong: dict[str, Any]) -> dict[str, Any]:
    """One run in a process of its own, and what it has seen."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            text = json.dumps(_run(modules, wrong))
        except BaseException as error:
            text = json.dumps({"error": repr(error)})
        with os.fdopen(writing, "w", encoding="utf-8") as stream:
            stream.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(text) if text else {"error": "the tests ended the process"}
    return {"tests": {}, "outcomes": {}, "replaced": [], "calls": [], **found}


def _run(modules: list[str], wrong: dict[str, Any]) -> dict[str, Any]:
    import pytest

    for name in modules:
        importlib.import_module(name)
    pytest.hookimpl(wrapper=True, tryfirst=True)(Witness.pytest_runtest_call)
    witness = Witness(modules, wrong)
    pytest.main(["-q", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts=", *wrong], plugins=[witness])
    return {
        "tests": witness.tests,
        "outcomes": witness.outcomes,
        "replaced": sorted(witness.replaced),
        "calls": [call for call in witness.calls if "result" in call][:_MOST_CALLS],
    }


class Witness:
    """A plugin of pytest that watches, and makes results wrong.

    Args:
        modules: those of the package.
        wrong: for each test the call whose result is to be another; nothing to watch only.
    """

    def __init__(self, modules: list[str], wrong: dict[str, Any]) -> None:
        self.tests: dict[str, Any] = {}
        self.outcomes: dict[str, str] = {}
        self.replaced: set[str] = set()
        self.calls: list[dict[str, Any]] = []
        self._wrong, self._judge = wrong, _judges()
        self._modules = sorted(modules, key=len, reverse=True)
        self._tests = f"{Path('tests').resolve()}{os.sep}"
        self._places = [place for name in modules for place in _places(sys.modules[name], modules)]
        self._functions = {
            **_boundaries(),
            **{p.name: p.function for p in self._places if p.function is not None},
        }
        self._named: dict[types.CodeType, list[str]] = {}
        for name, function in self._functions.items():
            self._named.setdefault(function.__code__, []).append(name)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test has ended."""
        if report.outcome != "passed" or report.when == "call":
            before = self.outcomes.get(report.nodeid, "passed")
            self.outcomes[report.nodeid] = before if before != "passed" else report.outcome

    def pytest_runtest_call(self, item: Any) -> Any:
        """Watch a test, or give it a wrong result."""
        if self._wrong:
            undo = self._make_wrong(self._wrong.get(item.nodeid))
            try:
                return (yield)
            finally:
                undo()
        self.note_replaced(item.nodeid)
        watch = _Watch(self, item)
        sys.setprofile(watch.profile)
        sys.settrace(watch.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            sys.setprofile(None)
            self.note_replaced(item.nodeid)
            self.calls += watch.kept
            self.tests[item.nodeid] = {
                "last": watch.last,
                "used": watch.latest(used=True),
                "ignored": watch.latest(used=False),
                "lines": sorted(watch.lines),
                "patches": watch.patches,
            }

    def is_test(self, code: types.CodeType) -> bool:
        """Whether code stands in the folder of the tests."""
        return code.co_filename.startswith(self._tests)

    def called(self, frame: types.FrameType) -> str:
        """The name of the function that a frame runs, if its results may be made wrong; empty for any other."""
        names = [] if frame.f_code.co_flags & _CODE_FLAGS else self._named.get(frame.f_code, [])
        if len(names) < 2:
            return names[0] if names else ""
        # All that one decorator has made, such as `contextmanager`, run the same code: what they wrap tells them apart.
        return next((name for name in names if runs(self._functions[name], frame)), "")

    def module_of(self, name: str) -> str:
        """The module of the package that a function stands in; empty for any other."""
        return next((module for module in self._modules if name.startswith(f"{module}.")), "")

    def note_replaced(self, test: str) -> None:
        """Note what is not what it was when the package was imported."""
        for place in self._places:
            if place.is_replaced():
                self.replaced.add(f"{test}: replaces {place.name}")
        if _judges() != self._judge:
            self.replaced.add(f"{test}: replaces a part of pytest")

    def _make_wrong(self, call: Any) -> Any:
        if not call:
            return lambda: None
        function = self._functions[call["name"]]
        before = (function.__code__, function.__defaults__, function.__kwdefaults__)
        original = types.FunctionType(
            before[0], function.__globals__, function.__name__, before[1], function.__closure__
        )
        original.__kwdefaults__ = before[2]
        left = [call["number"]]

        def instead(given: Any, named: Any) -> Any:
            if self.is_test(sys._getframe(2).f_code) and fits(original, given, named):
                left[0] -= 1
                if left[0] == -1 or call["how"] == "all":
                    return _wrong(call, original, given, named)
            return original(*given, **named)

        function.__code__ = _passing_to(instead, function)
        function.__defaults__ = function.__kwdefaults__ = None

        def undo() -> None:
            function.__code__, function.__defaults__, function.__kwdefaults__ = before

        return undo


def _wrong(call: dict[str, Any], function: Any, given: Any, named: Any) -> Any:
    """What a call gives that is to be noticed."""
    if call["skipped"]:
        return None
    lost = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    with contextlib.redirect_stdout(lost[0]), contextlib.redirect_stderr(lost[1]):
        value = function(*given, **named)
    return Nothing() if call["how"] == "none" else other(value)


class _Watch:
    """What one test does."""

    def __init__(self, witness: Witness, item: Any) -> None:
        self._witness, self._test = witness, item.nodeid
        # What has parts of Python replaced cannot be made again where they are not.
        self._monkeypatch = getattr(item, "funcargs", {}).get("monkeypatch")
        self._calls: list[dict[str, Any]] = []
        self._counts: dict[str, int] = {}
        self._open: dict[types.FrameType, tuple[dict[str, Any], dict[str, Any] | None]] = {}
        self._returned: tuple[dict[str, Any], dict[str, Any] | None] | None = None
        self.kept: list[dict[str, Any]] = []
        self.lines: set[int] = set()

    @property
    def patches(self) -> bool:
        """Whether the test has replaced anything but the input, arguments and environment of the process."""
        attributes = getattr(self._monkeypatch, "_setattr", ())
        items = getattr(self._monkeypatch, "_setitem", ())
        return any(item[0] is not os.environ for item in items) or any(
            not (item[0] is sys and item[1] in _GIVEN) for item in attributes
        )

    def profile(self, frame: types.FrameType, event: str, value: Any) -> None:
        """Note calls out of the tests."""
        # It is told of every call of the process: what is none of the tests' own has to be seen at once.
        if event == "call" and frame.f_back is not None and self._witness.is_test(frame.f_back.f_code):
            self._witness.note_replaced(self._test)
            name = self._witness.called(frame)
            if name and not name.rpartition(".")[2].startswith("__"):
                number = self._counts.get(name, 0)
                self._counts[name] = number + 1
                call = {"name": name, "number": number, "skipped": is_ignored(frame.f_back)}
                self._calls.append(call)
                kept = (
                    None
                    if self.patches or len(self.kept) >= _MOST_OF_A_TEST
                    else kept_call(frame, self._witness.module_of(name), name, self._test)
                )
                self._open[frame] = call, kept
        elif event == "return" and frame in self._open:
            self._returned = _, kept = self._open.pop(frame)
            if kept:
                end_call(kept, shown(value))
                self.kept.append(kept)

    def trace(self, frame: types.FrameType, event: str, value: Any) -> Any:
        """Note lines of the tests, and errors that reach them."""
        if not self._witness.is_test(frame.f_code):
            return None
        if event == "line":
            self._returned = None
            if frame.f_code.co_filename.endswith(self._test.split("::")[0]):
                self.lines.add(frame.f_lineno)
        elif event == "exception" and self._returned is not None:
            call, kept = self._returned
            call["skipped"] = True  # an error was expected of it: none comes
            if kept:
                end_call(kept, f"raised {value[0].__name__}: {value[1]}")
        return self.trace

    @property
    def last(self) -> dict[str, Any] | None:
        """The call that it makes last."""
        return self._calls[-1] if self._calls else None

    def latest(self, *, used: bool) -> list[dict[str, Any]]:
        """The last calls whose results are used, or are not, the last one first."""
        return [call for call in reversed(self._calls) if call["skipped"] is not used][:_MOST_TRIED]


class _Place:
    """A name of the package that tests leave as it is: a module's or a class's, and what it stood for at first."""

    def __init__(self, name: str, owner: Any, part: str, value: Any) -> None:
        self.name, self._owner, self._part, self._value = name, owner, part, value
        plain = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        self.function = plain if isinstance(plain, types.FunctionType) else None
        self._code = self.function.__code__ if self.function is not None else None

    def is_replaced(self) -> bool:
        """Whether the name stands for something else by now, or runs another code."""
        if vars(self._owner).get(self._part) is not self._value:
            return True
        return self.function is not None and self.function.__code__ is not self._code


def _places(module: Any, modules: list[str]) -> list[_Place]:
    """The names of a module and its classes that stand for a function, class or module of the package."""
    found, name = [], module.__name__
    for part, value in list(vars(module).items()):
        if isinstance(value, types.ModuleType):
            if value.__name__ in modules:
                found.append(_Place(f"{name}.{part}", module, part, value))
        elif callable(value) and getattr(value, "__module__", None) in modules:
            found.append(_Place(f"{name}.{part}", module, part, value))
            if isinstance(value, type) and value.__module__ == name:
                found += [
                    _Place(f"{name}.{part}.{inner}", value, inner, item)
                    for inner, item in list(vars(value).items())
                    if isinstance(item, types.FunctionType | property | staticmethod | classmethod)
                ]
    return found


def _boundaries() -> dict[str, Any]:
    found = {}
    for module, path in _BOUNDARIES:
        top = sys.modules.get(module.partition(".")[0])
        value: Any = importlib.import_module(module) if top else None
        for part in path.split("."):
            value = getattr(value, part, None)
        if isinstance(value, types.FunctionType):
            found[f"{module}.{path}"] = value
    return found


def _judges() -> list[Any]:
    """What decides how tests end."""
    runner, python, hooks = (sys.modules.get(f"_pytest.{name}") for name in ("runner", "python", "assertion"))
    names = (("call_and_report", "check_interactive_exception", "pytest_runtest_makereport", "runtestprotocol",
              "pytest_runtest_call"), ("Function", "pytest_pyfunc_call"), ("pytest_runtest_protocol",))  # fmt: skip
    parts: list[Any] = []
    for module, listed in zip((runner, python, hooks), names, strict=True):
        parts += [getattr(module, name, None) for name in listed]
    function = getattr(python, "Function", None)
    return [
        *parts,
        *(vars(function).get(name) for name in ("runtest", "setup", "_getobj") if function),
        AssertionError,
    ]


def _passing_to(instead: Any, function: Any) -> types.CodeType:
    """Code that hands all it is given to another function, which is one of its constants.

    It has the outer variables of the function that it takes the place of, as Python demands.
    """
    old = function.__code__
    outer = ", ".join(old.co_freevars)
    made: dict[str, Any] = {}
    lines = (f"def outer({outer}):", "    def passing(*given, **named):", "        hand = 'instead'",
             "        return hand(given, named)", f"        {outer or 'pass'}", "    return passing")  # fmt: skip
    exec("\n".join(lines), made)  # noqa: S102
    names = dict.fromkeys(old.co_freevars)
    code = made["outer"](**names).__code__
    constants = tuple(instead if item == "instead" else item for item in code.co_consts)
    replaced: types.CodeType = code.replace(
        co_consts=constants, co_name=old.co_name, co_filename=old.co_filename
    )
    return replaced
