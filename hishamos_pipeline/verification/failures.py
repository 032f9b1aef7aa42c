"""From a report to what has to be repaired: which file is at fault, on which side, and what was said about it.

The rules come first; only where they leave it open does somebody have to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.core.artifacts.criteria import without_parameters
from hishamos_pipeline.core.artifacts.documents import CheckOutcome
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import EXAMPLES
from hishamos_pipeline.verification.running import TestRun

Side = Literal["code", "test", "document"]
Cause = Literal[
    "syntax", "import", "fixture", "assertion", "timeout", "style", "interface", "weak test", "other"
]
_MESSAGE_CHARACTERS = 3000
_PLACE = re.compile(r"(?m)^(?:E[ \t]+File \")?((?:[\w-][\w./-]*|\.[\w/-][\w./-]*)\.py)(?::|\", line )\d+")
_CHECKED_PATH = re.compile(r"^([\w.-][\w./-]*\.\w+)(?:[:\s]|$)")
# What differs from run to run although nothing has changed: it must not make the same question a new one.
_NOISE = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"/pytest-of-[^/\s'\"]+/pytest-\d+"), "/pytest"),
    (re.compile(r"\b\d+\.\d+ ?s(econds)?\b"), "… s"),
    (re.compile(r"hishamos-(unsafe|probe)-\w+"), "hishamos-…"),
)
# Checks whose findings begin with the path of the file at fault.
_BY_PATH: dict[str, Cause] = {
    "syntax": "syntax",
    "placeholders": "other",
    "signatures": "interface",
    "declared_dependencies": "import",
    "no_tampering": "other",
    "rendered_files": "other",
    "harmless_commands": "other",
    "prescribed": "interface",
    "no_secrets": "other",
    "no_dangerous_calls": "other",
    "tests_assert": "weak test",
    "tests_need_code": "weak test",
    "tests_not_weakened": "weak test",
    "results_noticed": "weak test",
    "nothing_replaced": "weak test",
    "same_outside_tests": "other",
    "report_is_honest": "weak test",
    "readme_commands": "other",
}
# Checks whose findings begin with the path of code that tests should look at more closely.
_UNTESTED = frozenset({"coverage", "mistakes_noticed"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that failed, and what is at fault as far as rules can tell.

    ``name`` is a test or a finding. ``side`` is empty where a rule cannot tell; ``files`` are those that the failure
    is about, the one that most probably is at fault first.
    """

    check: str
    name: str
    cause: Cause
    side: Side | Literal[""]
    files: tuple[str, ...]
    message: str


def failures(
    checks: Sequence[CheckOutcome], tests: TestRun, code_of: Mapping[str, Sequence[str]]
) -> list[Failure]:
    """What failed of a build.

    Args:
        checks: the report.
        tests: what pytest reported.
        code_of: for each test file, the code files that its story is about.
    """
    found: list[Failure] = []
    for check in checks:
        if check.passed:
            continue
        if check.name == "tests_need_code" and check.output:
            found += _of_collection(check)
        elif check.name in _BY_PATH:
            found += [_of_path(check.name, line) for line in check.offending]
        elif check.name == "tests_pass":
            found += [_of_test(node, tests.messages.get(node, ""), code_of) for node in tests.failed]
            if not tests.failed:
                found.append(_of_run(check))
        elif check.name == "lint":
            found += _of_lint(check)
        elif check.name in _UNTESTED:
            found += [_of_untested(check.name, line, code_of) for line in check.offending]
        elif check.name == "criteria_shown":
            found += [
                _of_path(check.name, line)
                for line in check.offending
                if line.split(": ")[0] not in {without_parameters(node) for node in tests.failed}
            ]
        elif check.name == "criteria_tested":
            found += [Failure(check.name, line, "weak test", "test", (), line) for line in check.offending]
    return [item for item in found if item.files]


def cleaned(text: str) -> str:
    """A message without what differs from run to run, and not too long."""
    for pattern, instead in _NOISE:
        text = pattern.sub(instead, text)
    text = text.strip()
    if len(text) <= _MESSAGE_CHARACTERS:
        return text
    half = _MESSAGE_CHARACTERS // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"


def side_of(path: str) -> Side:
    """On which side a file is."""
    if path.startswith("tests/"):
        return "test"
    return "document" if path.endswith(".md") else "code"


def _of_path(check: str, line: str) -> Failure:
    match = _CHECKED_PATH.match(line)
    path = match[1] if match else ""
    return Failure(
        check, line, _BY_PATH.get(check, "weak test"), side_of(path), (path,) if path else (), cleaned(line)
    )


def _of_untested(check: str, line: str, code_of: Mapping[str, Sequence[str]]) -> Failure:
    """Code that no test looks at closely: the tests of a story that it serves have to say more."""
    path = line.split(":")[0]
    tests = [test for test, code in code_of.items() if path in code]
    return Failure(check, line, "weak test", "test", (tests[0], path) if tests else (), cleaned(line))


def _of_collection(check: CheckOutcome) -> list[Failure]:
    """Tests that cannot be collected where bodies are empty: code does its work while it is imported."""
    lost = [line for line in check.offending if line.endswith("was not collected without the implementation")]
    places = [path for path in dict.fromkeys(_PLACE.findall(check.output)) if side_of(path) == "code"]
    others = [_of_path(check.name, line) for line in check.offending if line not in lost]
    if not places:
        return [*others, *(_of_path(check.name, line) for line in lost)]
    name = f"{places[-1]}: cannot be imported when its functions do nothing"
    return [*others, Failure(check.name, name, "import", "code", (places[-1],), cleaned(check.output))]


def _of_lint(check: CheckOutcome) -> list[Failure]:
    """Ruff names files in ``--> path:line:column`` and in ``Would reformat: path``."""
    paths = re.findall(
        r"(?:-->|Would reformat:|^)[ \t]*([\w.-][\w./-]*\.(?:py|md))(?::|[ \t]*$)",
        check.output,
        re.MULTILINE,
    )
    return [
        Failure(
            check.name,
            f"{path}: {check.offending[0]}",
            "style",
            side_of(path),
            (path,),
            cleaned(check.output),
        )
        for path in dict.fromkeys(paths)
    ]


def _of_run(check: CheckOutcome) -> Failure:
    """A run without a single result: collection broke, it hung, or it was killed."""
    places = list(dict.fromkeys(_PLACE.findall(check.output)))
    stopped = any("HISHAMOS_CHECK_SECONDS" in item or "CPU time" in item for item in check.offending)
    cause: Cause = "timeout" if stopped else "import" if "Error" in check.output else "other"
    blamed = places[-1:] or ["tests/conftest.py"]
    name = check.offending[0] if check.offending else "no result"
    return Failure(check.name, name, cause, side_of(blamed[0]), tuple(blamed), cleaned(check.output))


def _of_test(node: str, message: str, code_of: Mapping[str, Sequence[str]]) -> Failure:
    test_file = node.split("::")[0]
    places = list(dict.fromkeys(_PLACE.findall(message)))
    in_code = [path for path in places if side_of(path) == "code"]
    code = tuple(dict.fromkeys([*reversed(in_code), *code_of.get(test_file, ())]))
    # An example of the brief is right whatever happens.
    cause: Cause
    side: Side | Literal[""]
    cause, side = ("assertion", "code") if test_file == EXAMPLES else _judged(message, bool(in_code))
    files = (test_file, *code) if side == "test" else (*code, test_file)
    return Failure("tests_pass", node, cause, side, files, cleaned(message))


def _judged(message: str, reaches_code: bool) -> tuple[Cause, Side | Literal[""]]:
    """Cause and side of a failed test.

    An assertion about what a criterion promises is believed: the code is at fault. A test that cannot even call the
    code by its planned interface is at fault itself.
    """
    if "SyntaxError" in message or "IndentationError" in message:
        return "syntax", "code" if reaches_code else "test"
    if re.search(r"fixture '\w+' not found", message) or "ScopeMismatch" in message:
        return "fixture", "test"
    if re.search(r"\b(ImportError|ModuleNotFoundError)\b", message):
        return "import", "code" if reaches_code else "test"
    if re.search(r"\b(Timeout|TimeoutExpired|timed out)\b", message):
        return "timeout", "code"
    if re.search(r"\bNameError\b", message) and not reaches_code:
        return "other", "test"
    if re.search(
        r"takes \d+ positional|unexpected keyword argument|missing \d+ required|has no attribute", message
    ):
        return "interface", "" if reaches_code else "test"
    if "AssertionError" in message or re.search(r"\bassert\b", message) or "DID NOT RAISE" in message:
        return "assertion", "code"
    return "other", "code" if reaches_code else ""
