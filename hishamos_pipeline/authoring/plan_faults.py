"""What is wrong with planned files: each by itself, and in view of the others."""

import keyword
from collections.abc import Collection, Iterator, Mapping, Sequence

from hishamos_pipeline.authoring.drafts import FileDraft
from hishamos_pipeline.authoring.prescriptions import faults_of_plan
from hishamos_pipeline.core.artifacts.documents import Architecture, PlannedFile, Requirements
from hishamos_pipeline.core.artifacts.traceability import circle, duplicates
from hishamos_pipeline.core.text.interfaces import is_empty, normalised
from hishamos_pipeline.errors import PathError
from hishamos_pipeline.stacks.python.layout import shadows
from hishamos_pipeline.workspace.paths import check_collisions, check_path

_INIT, _MAIN = "__init__.py", "__main__.py"
# What a POSIX shell reads as more than a name, but for what portable paths cannot hold anyway.
_SHELL = frozenset("$&;`'!(){}[]#~ ")


def faults_of_files(
    plan: Architecture, drafts: Sequence[FileDraft | PlannedFile], given: Requirements, most_files: int
) -> Iterator[str]:
    """What is wrong with files, each by itself."""
    if len(drafts) > most_files:
        yield f"{len(drafts)} files are planned, at most {most_files} may be (HISHAMOS_MAX_PLANNED_FILES)"
    yield from (f"the file {path} is planned twice" for path in duplicates(item.path for item in drafts))
    known, handed = {item.id for item in given.requirements}, {file.path for file in given.files}
    for item in drafts:
        yield from _faults_of_path(plan, item.path, handed)
        for name in item.requirements:
            if name not in known:
                yield f"{item.path} names {name}, which is no requirement"
        if item.copy_of and item.copy_of not in handed:
            yield f"{item.path} is a copy of {item.copy_of}, which was not handed in"
        elif item.copy_of and item.interface:
            yield f"{item.path} is a copy of a file: it has no interface"
        else:
            yield from _faults_of_interface(plan, item)


def _faults_of_path(plan: Architecture, path: str, handed: Collection[str]) -> Iterator[str]:
    try:
        check_path(path)
    except PathError as error:
        yield str(error)
        return
    if shadows(path):
        yield f"{path} would be imported in place of a module of Python or of its tests: call it otherwise"
    asked = any(path == name or path.startswith(f"{name}/") for name in (*plan.prescriptions.paths, *handed))
    if not asked and any(part.startswith(".") for part in path.split("/")):
        yield f"{path} is hidden, and nobody has asked for it"
    if not asked and (marks := sorted(set(path) & _SHELL)):
        yield f"{path} has {' '.join(marks)} in its name, which a shell reads as more than a name"
    if plan.in_package(path) and path.endswith(".py"):
        for part in path.removeprefix(plan.root).removesuffix(".py").split("/"):
            if not part.isidentifier() or keyword.iskeyword(part):
                yield f"{path} cannot be imported: {part!r} is no name in Python"
    elif plan.layout == "src" and path.startswith("src/") and not plan.in_package(path):
        yield f"{path} is not in the package, which is src/{plan.package}/"


def _faults_of_interface(plan: Architecture, item: FileDraft | PlannedFile) -> Iterator[str]:
    if not item.path.endswith(".py"):
        if item.interface:
            yield f"{item.path} is no module: it has no interface"
        return
    try:
        stub = normalised(item.interface)
    except ValueError as error:
        yield f"{item.path}: {error}"
        return
    free = item.path.endswith((_INIT, _MAIN)) or not plan.in_package(item.path)
    if not free and is_empty(stub):
        yield f"{item.path} offers nothing: give its interface as stub text"


def faults_together(plan: Architecture) -> Iterator[str]:
    """What is wrong with files only in view of the others."""
    paths = {file.path for file in plan.files}
    for file in plan.files:
        yield from (
            f"{file.path} depends on {name}, which is not planned"
            for name in file.depends_on
            if name not in paths
        )
    yield from faults_of_plan(plan)
    try:
        check_collisions(sorted(paths))
    except PathError as error:
        yield str(error)
    if found := circle(_inside(plan.files, paths)):
        yield f"files depend on one another in a circle: {found}"


def _inside(files: Sequence[PlannedFile], paths: Collection[str]) -> Mapping[str, Sequence[str]]:
    return {file.path: [name for name in file.depends_on if name in paths] for file in files}


def faults_of_edit(
    before: Architecture, after: Architecture, given: Requirements, most_files: int
) -> Iterator[str]:
    """What is wrong with a plan that a person has edited, and was not before."""
    known = set(before.files)
    changed = [file for file in after.files if file not in known and file.kind == "source"]
    yield from (f"the file {path} is planned twice" for path in duplicates(file.path for file in after.files))
    # The blueprint engine plans without stub text: what had none needs none.
    without = {file.path for file in before.files if not file.interface}
    stubs = [file for file in changed if file.interface or file.path not in without]
    yield from faults_of_files(after, stubs, given, most_files)
    yield from (f"{file.path} has no purpose" for file in changed if not file.purpose.strip())
    started, modules = after.entry.partition(":")[0], {after.module_of(file.path) for file in after.files}
    if started in {before.module_of(file.path) for file in before.files} - modules:
        yield f"`entry` names {started}, which is not planned any more"
    earlier = set(faults_together(before))
    yield from (fault for fault in faults_together(after) if fault not in earlier)
