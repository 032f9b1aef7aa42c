"""Runs inside the sandbox: the tests against one mutant after another, each in a process of its own.

Its argument is the file of the mutants: JSON, a list of path and text. The verdicts are written to ``VERDICTS`` in the
same way; it prints nothing of its own. It stands alone: the sandbox knows nothing of HishamOS. What is the same for all
mutants is done once and forked: pytest and what the tests import from outside the tree is imported, and the files of
the tree are compiled.
"""

import gc
import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from pathlib import Path

VERDICTS = ".hishamos-verdicts.json"
_IMPORTED = ".hishamos-imported.json"
_PLAIN = "--import-nothing"
_LEAST_SECONDS = 5
# A time of modification that no file of the tree has: what was compiled of the original is not taken for the mutant.
_LONG_AGO = (1, 1)


def main(given: str, *options: str) -> int:
    """Try every mutant; 0 if the tests pass without any."""
    import pytest

    def run_tests(seconds: int, *, first: bool = False) -> bool:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            signal.alarm(seconds)
            sys.dont_write_bytecode = not first
            code = 1
            try:
                code = int(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts="]))
                if first:
                    Path(_IMPORTED).write_text(json.dumps(_imported()), encoding="utf-8")
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0

    mutants = json.loads(Path(given).read_text(encoding="utf-8"))
    started = time.monotonic()
    if not run_tests(600, first=True):
        return 1
    seconds = max(_LEAST_SECONDS, round(5 * (time.monotonic() - started)))
    if _PLAIN not in options:
        _import(json.loads(Path(_IMPORTED).read_text(encoding="utf-8")))
        if not run_tests(seconds):  # something must not be imported before a fork: begin again without
            os.execv(sys.executable, [sys.executable, __file__, given, _PLAIN])  # noqa: S606
    verdicts = []
    for path, text in mutants:
        target = Path(path)
        original, times = target.read_bytes(), target.stat()
        target.write_text(text, encoding="utf-8")
        os.utime(target, _LONG_AGO)
        verdicts.append(not run_tests(seconds))
        target.write_bytes(original)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        Path(VERDICTS).write_text(json.dumps(verdicts), encoding="utf-8")
    return 0


def _imported() -> list[str]:
    """What was imported from outside the tree; not plugins, which pytest has to import itself to rewrite them."""
    here = f"{Path.cwd()}{os.sep}"
    specs = [(name, getattr(module, "__spec__", None)) for name, module in sys.modules.copy().items()]
    return [
        name
        for name, spec in specs
        if spec
        and spec.name == name
        and type(spec.loader) in (SourceFileLoader, ExtensionFileLoader)
        and not (spec.origin or here).startswith(here)
    ]


def _import(names: list[str]) -> None:
    """Import them; nothing of the tree, which may have named what it likes, and would be in every test process."""
    here = str(Path.cwd())
    everywhere = sys.path.copy()
    sys.path[:] = [path for path in everywhere if path and not path.startswith(here)]
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)
    sys.path[:] = everywhere
    gc.freeze()  # the collector of each test process need not look at all that again


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
