"""Files that nobody runs here: CI configuration, container, metadata. They are as HishamOS renders them, or vetted."""

import asyncio
import tomllib
from collections.abc import Collection, Iterator, Mapping

from markdown_it import MarkdownIt

from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.formatting import tidy_file

_METADATA = "pyproject.toml"
# Tables of pyproject.toml by which a check can be told to look away, or code be run when the project is installed.
_FIXED_TABLES = ("tool", "build-system", "dependency-groups")
_PROJECT_FIXED = ("gui-scripts", "entry-points", "dynamic")
# What starts the package, which holds no more than that, is measured in no project.
_OMITTED = ["*/__main__.py"]
_DOWNLOADED = re.compile(
    r"(?i)\b(?:curl|wget)\b[^\n]*(?:\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da|k)?sh\b|\|\s*(?:sudo\s+)?\S*python)"
    r"|\b(?:ba|z)?sh\s+(?:-c\s+)?[\"']?[<$]\(\s*(?:curl|wget)|\beval\s+[\"']?(?:\$\(|`)"
)
_ELSEWHERE = re.compile(
    r"(?i)\bpip3?\s+install\b[^\n]*(?:--(?:extra-)?index-url|--trusted-host|https?://|git\+)|\bchmod\s+(?:777|\+s)\b"
    r"|\brm\s+-\w*r\w*\s+[/~]"
)
_SWITCHED_OFF = (
    (re.compile(r"#\s*pragma:\s*no\s*(?:cover|branch)"), "leaves code out of coverage"),
    (re.compile(r"#\s*(?:ruff|flake8):\s*noqa"), "switches the linter off for the file"),
    (re.compile(r"#\s*noqa(?:\s*$|\s*[^:\s])"), "switches all rules off for a line"),
    (re.compile(r"#\s*fmt:\s*off"), "switches the formatter off"),
)


def unlike_rendered(
    texts: Mapping[str, str], plan: Architecture, stories: Stories, theirs: Collection[str]
) -> tuple[int, list[str]]:
    """How many files follow from the plan, and which of them are not what follows from it, as ``path: what``.

    It is called where no event loop runs.

    Args:
        texts: the files of a tree by path; Python files parse.
        plan: the plan.
        stories: the backlog.
        theirs: files that people have edited or handed in, which are theirs; tables of metadata by which checks could
            be told to look away are as they should be all the same.
    """
    handed = {file.path for file in plan.files if file.copy_of}
    found, count = [], 0
    for path, text in sorted(texts.items()):
        request = FileRequest(path=path, architecture=plan, stories=stories)
        wanted = None if path.endswith(".md") else scaffold.text_of(request)
        if wanted is None:
            continue
        count += 1
        if path == _METADATA:
            found += [f"{path}: {what}" for what in _metadata(text, wanted, plan.package)]
        elif path not in theirs and path not in handed and not _is_same(path, text, wanted, plan.package):
            found.append(f"{path}: is not what HishamOS renders for this plan, and nothing checks it")
    return count, found


def _is_same(path: str, text: str, wanted: str, package: str) -> bool:
    # What is rendered was sorted and formatted before it was kept; this runs in a thread of its own.
    return text == wanted or (path.endswith(".py") and text == asyncio.run(tidy_file(path, wanted, package)))


def _metadata(text: str, wanted: str, package: str) -> Iterator[str]:
    """Tables that are not as they are rendered, programs of other packages, and requirements from elsewhere than an
    index.
    """
    try:
        found, rendered = tomllib.loads(text), tomllib.loads(wanted)
    except tomllib.TOMLDecodeError as error:
        yield f"cannot be read: {error}"
        return
    for name in sorted({*found, *rendered} & set(_FIXED_TABLES)):
        yield from _differences(name, found.get(name), rendered.get(name))
    project = found.get("project", {})
    for name in _PROJECT_FIXED:
        yield from _differences(f"project.{name}", project.get(name), rendered["project"].get(name))
    for program in _strings(project.get("scripts")):
        if program.partition(":")[0].partition(".")[0] != package:
            yield f"project.scripts starts {program}, which is not in the package"
    for requirement in _strings([project.get("dependencies"), project.get("optional-dependencies")]):
        if "@" in requirement or "/" in requirement:
            yield f"{requirement} comes from elsewhere than a package index"


def _differences(name: str, found: object, wanted: object) -> Iterator[str]:
    """What differs, by its whole name; more rules of the linter than are rendered are none."""
    if found == wanted or (name == "tool.coverage.run.omit" and found in (None, _OMITTED)):
        return
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            yield from _differences(f"{name}.{key}", found.get(key), wanted.get(key))
    elif not (
        name == "tool.ruff.lint.select"
        and isinstance(found, list)
        and isinstance(wanted, list)
        and {*map(str, wanted)} <= {*map(str, found)}
    ):
        yield f"{name} is not as HishamOS renders it, and may make a check look away"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def harmful_commands(texts: Mapping[str, str]) -> tuple[int, list[str]]:
    """How many documents there are, and their commands that would run what nobody has looked at."""
    documents = {path: text for path, text in texts.items() if path.endswith(".md")}
    found = []
    for path, text in sorted(documents.items()):
        for token in MarkdownIt().parse(text):
            if token.type in ("fence", "code_block") and token.map:
                found += [
                    f"{path}:{token.map[0] + 1}: {what}"
                    for pattern, what in (
                        (_DOWNLOADED, "pipes a download to a shell"),
                        (_ELSEWHERE, "is harmful"),
                    )
                    if pattern.search(token.content.replace("\\\n", " "))
                ]
    return len(documents), found


def switched_off(path: str, text: str) -> Iterator[str]:
    """Comments of a Python file that make a check look away, as ``path:line: what``."""
    for number, line in enumerate(text.splitlines(), start=1):
        if "#" in line:
            yield from (f"{path}:{number}: {what}" for pattern, what in _SWITCHED_OFF if pattern.search(line))
