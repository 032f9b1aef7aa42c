"""What every Python project has, whoever writes its code: its files beside modules and tests, its checks, its names."""

import keyword
import sys

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("python", "-m", "pytest", "--cov", "--cov-report=term-missing"),
)
# Rules of ruff that every project's code keeps to.
LINT = ("E4", "E7", "E9", "F", "W", "I", "B", "C4", "UP", "SIM", "RET", "PTH", "RUF")
# Rules of https://docs.astral.sh/ruff/rules/#flake8-bandit-s that find what runs, reads or opens what it should not:
# not asserts, which tests are made of, nor random numbers, nor subprocesses as such.
DANGEROUS = tuple(
    """S102 S103 S104 S108 S113 S202 S301 S302 S306 S307 S310 S313 S314 S315 S316 S317 S318 S319 S321 S323 S324 S501
    S506 S602 S604 S605 S608 S609 S612 S701""".split()
)
LICENCE_IDS = {"Proprietary": "LicenseRef-Proprietary"}
DOCS = (
    ("README.md", "What the project is, how to install, use and test it"),
    ("docs/usage.md", "Every way of calling it, with an example"),
    ("docs/api.md", "The public functions and classes"),
    ("docs/architecture.md", "Layers, data model and decisions"),
    ("CHANGELOG.md", "What changed, release by release"),
    ("LICENSE", "The licence"),
)
CI = (
    (".github/workflows/ci.yml", "Continuous integration on GitHub"),
    (".gitlab-ci.yml", "Continuous integration on GitLab"),
    ("Dockerfile", "A container image"),
    (".dockerignore", "What the image does not need"),
    (".pre-commit-config.yaml", "Checks before each commit"),
    (".gitignore", "What Git does not keep"),
)
CONTAINER = frozenset({"Dockerfile", ".dockerignore"})
PROVENANCE = "PROVENANCE.json"
# Names that the checks and the tests of a generated project import themselves.
_TAKEN = frozenset(
    """factories pytest coverage pluggy iniconfig packaging ruff hatchling tests conftest
    fastapi starlette pydantic sqlalchemy uvicorn httpx httpx2 anyio greenlet""".split()
)

_JUDGES = frozenset(
    {"_pytest", "pluggy", "pytest_cov", "sitecustomize", "usercustomize", "conftest", "setuptools"}
)


def shadows(path: str) -> bool:
    """Whether a Python file outside of ``src/`` is found in place of what the checks themselves import."""
    top = path.partition("/")[0].removesuffix(".py")
    return path.endswith(".py") and top not in ("src", "tests") and (is_taken(top) or top in _JUDGES)


def is_taken(package: str) -> bool:
    """Whether a package cannot have this name: Python, its library, or a project's tests have it already."""
    return keyword.iskeyword(package) or package in sys.stdlib_module_names or package in _TAKEN
