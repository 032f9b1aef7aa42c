"""Runs inside the sandbox: the tests against one mutant after another, each in a process of its own.

It stands alone: the sandbox knows nothing of HishamOS. Pytest is imported once and forked, which is far faster than
starting it anew. Prints nothing of its own; the verdicts are written to ``VERDICTS`` as JSON.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

MUTANTS, VERDICTS = ".hishamos-mutants.json", ".hishamos-verdicts.json"
_LEAST_SECONDS = 5


def main() -> int:
    """Try every mutant; 0 if the tests pass without any."""
    import pytest

    def run_tests(seconds: int) -> int:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            signal.alarm(seconds)
            code = 1
            try:
                code = int(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts="]))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    mutants = json.loads(Path(MUTANTS).read_text(encoding="utf-8"))
    started = time.monotonic()
    if run_tests(600) != 0:
        return 1
    seconds = max(_LEAST_SECONDS, round(5 * (time.monotonic() - started)))
    verdicts = []
    for path, text in mutants:
        target = Path(path)
        original = target.read_bytes()
        target.write_text(text, encoding="utf-8")
        # Compiled files of the same second and size would be taken for those of the mutant.
        verdicts.append(run_tests(seconds) != 0)
        target.write_bytes(original)
        Path(VERDICTS).write_text(json.dumps(verdicts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
