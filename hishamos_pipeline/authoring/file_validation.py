"""What a written file has to be before it counts: parsable, as planned, tidy. The whole tree is verified later.

Every function raises ``ValueError`` with a sentence for the model.
"""

import ast
import asyncio
import sys
from collections.abc import Iterator, Sequence

from hishamos_pipeline.agents.file_questions import Correction, FileRequest, RepairRequest
from hishamos_pipeline.authoring.draft_assembly import imported_modules
from hishamos_pipeline.core.artifacts.criteria import asserting_functions, criterion_tests
from hishamos_pipeline.core.artifacts.documents import Architecture, Stories
from hishamos_pipeline.core.text.conformance import conformance
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.core.text.untrusted import markdown_line
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.formatting import ruff_path, tidy, tidy_file
from hishamos_pipeline.stacks.python.layout import LINT
from hishamos_pipeline.verification.imports import distribution, distributions
from hishamos_pipeline.verification.weakening import weakened

_UNCHECKED = "## What nobody has checked"
_TEST_MODULES = frozenset({"pytest"})


async def source(request: FileRequest, text: str) -> str:
    """A file of the plan: of a module, the planned interface to the letter, no other imports than planned, clean."""
    planned = request.planned
    assert planned is not None
    if not request.path.endswith(".py"):
        return text if text.endswith("\n") else f"{text}\n"
    _require_python(text)
    faults = []
    if planned.interface:
        differs = conformance(planned.interface, text, passes_on=request.path.endswith("__init__.py"))
        faults += [f"the public interface is not as planned: it {'; it '.join(differs)}"] if differs else []
    faults += _import_faults(request, text)
    try:
        text = await _clean(text, request)
    except ValueError as error:
        faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return text


def _import_faults(request: FileRequest, text: str) -> Iterator[str]:
    """Imports of what the file is not planned to depend on, and of what nobody declares."""
    plan, planned = request.architecture, request.planned
    assert planned is not None
    # A script beside the package may use all of it; a plan without interfaces does not say what its modules depend on.
    own = {plan.module_of(path) for path in planned.depends_on}
    bound = bool(planned.interface) and plan.in_package(request.path)
    beside = {plan.module_of(path) for path in plan.code}
    for line, name in imported_modules(text, plan.package):
        top = name.split(".")[0]
        if top == plan.package:
            if bound and name not in own and name.rpartition(".")[0] not in own:
                yield f"line {line} imports {name}, which this module is not planned to depend on"
        elif top == "" or (top not in beside and not _offered(top, plan.dependencies)):
            yield (
                f"line {line} imports {name or '.'}: use full names, the standard library and the declared dependencies"
            )


async def story_tests(request: FileRequest, text: str) -> str:
    """A test file: one asserting test for each criterion of its story, and none for any other."""
    _require_python(text)
    story = request.story
    assert story is not None
    shown = [link.criterion for link in criterion_tests(request.path, text)]
    wanted = [criterion.id for criterion in story.criteria]
    lacking = [name for name in wanted if name not in shown]
    if lacking:
        raise ValueError(f"no test function has a docstring that begins with {', '.join(lacking)}")
    others = [name for name in shown if name not in wanted]
    if others:
        raise ValueError(f"a test is about {others[0]}, which is no criterion of {story.id}")
    module = parse_python(text)
    asserting = asserting_functions(module)
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_") and node.name not in asserting:
            raise ValueError(f"{node.name} asserts nothing")
    plan = request.architecture
    declared = (*plan.dependencies, *plan.test_dependencies)
    beside = {plan.module_of(path) for path in plan.code if "/" not in path}
    for line, name in imported_modules(text):
        top = name.split(".")[0]
        if top not in {*_TEST_MODULES, plan.package, *beside} and not _offered(top, declared):
            raise ValueError(
                f"line {line} imports {name}: use the package, pytest, the standard library and declared dependencies"
            )
    return await _clean(text, request)


async def document(request: FileRequest, text: str) -> str:
    """A document with a heading; the README names every implemented story."""
    text = text.strip() + "\n"
    if not text.startswith("# "):
        raise ValueError("the document does not begin with a heading `# …`")
    if request.path == "README.md":
        missing = [story.id for story in request.stories.planned if story.id not in text]
        if missing:
            raise ValueError(f"README.md does not name {', '.join(missing)}")
        text = with_unchecked(text, request.architecture.unchecked)
    return await tidy_file(request.path, text, request.architecture.package)


def with_unchecked(text: str, unchecked: Sequence[str]) -> str:
    """A README that ends with what nobody has checked: no model has to be trusted with that."""
    own = text.partition(f"\n{_UNCHECKED}\n")[0].rstrip()
    if not unchecked:
        return f"{own}\n"
    listed = "\n".join(f"- {markdown_line(item)}" for item in unchecked)
    return f"{own}\n\n{_UNCHECKED}\n\nNo test and no check shows these parts of the brief:\n\n{listed}\n"


async def repaired_source(request: RepairRequest, text: str) -> str:
    """A corrected module: what a new one has to be."""
    if request.planned is None:
        return text
    return await source(_as_new(request), text)


async def repaired_tests(request: RepairRequest, text: str) -> str:
    """A corrected test file: what a new one has to be, and no weaker than it was."""
    lost = weakened({request.path: request.text}, {request.path: text})
    if lost:
        raise ValueError(f"the tests are weaker than they were: {'; '.join(lost[:5])}")
    if request.story is None:
        _require_python(text)
        return await _clean(text, _as_new(request))
    return await story_tests(_as_new(request), text)


async def repaired_document(request: RepairRequest, text: str) -> str:
    """A corrected document: what a new one has to be."""
    return await document(_as_new(request), text)


def is_fixed(plan: Architecture, stories: Stories, path: str) -> bool:
    """Whether a file follows from the plan or was handed in, so that no model writes or corrects it."""
    if any(file.path == path and file.copy_of for file in plan.files):
        return True
    return scaffold.text_of(FileRequest(path=path, architecture=plan, stories=stories)) is not None


def refusal(request: RepairRequest, draft: Correction) -> Correction:
    """An answer that corrects nothing: it says why, and names a file only if there is one."""
    if not draft.reason.strip():
        raise ValueError("`reason` has to say why this file is not corrected")
    if draft.outcome == "other_file":
        tests = {story_test_path(story.id, story.title) for story in request.stories.planned}
        known = {file.path for file in request.architecture.files} | tests
        if draft.path not in known or draft.path == request.path:
            raise ValueError(f"`path` names {draft.path!r}, which is no other file of the project")
        if is_fixed(request.architecture, request.stories, draft.path):
            raise ValueError(f"{draft.path} follows from the plan, and nobody corrects it")
    if draft.outcome == "code_at_fault" and not request.path.startswith("tests/"):
        raise ValueError("`code_at_fault` is an answer about a test; name the file with `other_file`")
    return draft


def _as_new(request: RepairRequest) -> FileRequest:
    return FileRequest(path=request.path, architecture=request.architecture, stories=request.stories)


def _require_python(text: str) -> None:
    try:
        parse_python(text)
    except SyntaxError as error:
        line = getattr(error, "lineno", 0)
        raise ValueError(
            f"the file is not valid Python: line {line}: {getattr(error, 'msg', error)}"
        ) from None


def _offered(module: str, requirements: Sequence[str]) -> bool:
    """Whether the standard library or a declared dependency has a module of this top-level name."""
    return module in sys.stdlib_module_names or distribution(module) in distributions(requirements)


async def _clean(text: str, request: FileRequest) -> str:
    """Formatted, with what ruff can repair repaired; what it cannot goes back."""
    package = request.architecture.package
    text = await tidy(text, package)
    own = f"lint.isort.known-first-party=['{package}']"
    process = await asyncio.create_subprocess_exec(
        ruff_path(), "check", "--isolated", "--no-cache", "--quiet", "--fix", "--output-format", "concise",
        "--target-version", "py311", "--config", "line-length=100", "--config", own,
        "--select", ",".join(request.architecture.lint or LINT),
        "--stdin-filename", request.path, "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, findings = await process.communicate(text.encode())
    if process.returncode != 0:
        raise ValueError(f"ruff finds: {findings.decode().strip()[:1500]}")
    return await tidy(out.decode(), package)
