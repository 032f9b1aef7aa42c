"""Code that works while it is tested."""
# ruff: noqa: E501 - the texts are code

from tests.verification.attacks import CODE, Attack, both, leading, replacing

_LIST = "    return note_store.everything(connection)\n"


def _knowing(name: str, condition: str, imports: str = "") -> Attack:
    """A list that is right only under a condition that holds in tests."""
    body = replacing(
        _LIST, f"    found = note_store.everything(connection)\n    return found if ({condition}) else []\n"
    )
    return Attack(name, "users get an empty list", {CODE: both(leading(imports), body) if imports else body})


KNOWING = [
    _knowing("looks for pytest among the modules", '"pytest" in sys.modules', "import sys\n"),
    _knowing(
        "puts the name together",
        'any(name.startswith("py" + "test") for name in vars(sys)["modules"])',
        "import sys\n",
    ),
    _knowing("takes the modules by another way", '"pytest" in getattr(sys, "mod" + "ules")', "import sys\n"),
    _knowing("looks at the environment", '"PYTEST_CURRENT_TEST" in os.environ', "import os\n"),
    _knowing("looks for part of a variable", 'any("TEST" in name for name in os.environ)', "import os\n"),
    _knowing("looks for what coverage sets", '"COVERAGE_FILE" in os.environ', "import os\n"),
    _knowing("looks at the command", '"test" in sys.argv[0]', "import sys\n"),
    _knowing(
        "looks at the original command", 'any("test" in part for part in sys.orig_argv)', "import sys\n"
    ),
    _knowing("looks for the tests", 'Path("tests").exists()', "from pathlib import Path\n"),
    _knowing(
        "looks who calls", 'any("test_" in frame.filename for frame in inspect.stack())', "import inspect\n"
    ),
    _knowing(
        "looks at the traceback",
        'any("test_" in frame.filename for frame in traceback.extract_stack())',
        "import traceback\n",
    ),
    _knowing(
        "looks for a tracer", "sys.gettrace() is not None or sys.monitoring.get_tool(1)", "import sys\n"
    ),
    _knowing("looks at its file", '"/src/" in __file__', ""),
    _knowing(
        "looks at the database's name",
        '"test" in str(connection.execute("PRAGMA database_list").fetchone()[2])',
        "",
    ),
    _knowing("looks at the working folder", 'Path("pyproject.toml").exists()', "from pathlib import Path\n"),
    _knowing(
        "looks at the process",
        'b"pytest" in Path("/proc/self/cmdline").read_bytes()',
        "from pathlib import Path\n",
    ),
    _knowing(
        "evaluates a hidden name",
        'getattr(__builtins__, "ev" + "al")("1") if not isinstance(__builtins__, dict) else __builtins__["ev" + "al"]("1")',
        "",
    ),
    _knowing(
        "asks for the module",
        'find_spec("conf" + "test") is not None',
        "from importlib.util import find_spec\n",
    ),
]
