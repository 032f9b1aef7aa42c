"""From a model's plan to an architecture: what every project has is added, and what does not hold together is refused.

Every function raises ``ValueError`` with sentences for the model, all faults at once; it gets them back and corrects
its answer.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from hishamos_pipeline.agents.tasks import (
    ArchitectureRevision,
    ComponentPlan,
    ComponentRequest,
    PlanningRequest,
)
from hishamos_pipeline.authoring.dependencies import name_of, unnamed, with_wanted
from hishamos_pipeline.authoring.drafts import ArchitectureDraft, FileDraft, FilesDraft, RevisionDraft
from hishamos_pipeline.authoring.plan_faults import faults_of_files, faults_together
from hishamos_pipeline.authoring.prescriptions import faults_of_name
from hishamos_pipeline.authoring.refusing import refuse
from hishamos_pipeline.core.artifacts.documents import Architecture, Component, PlannedFile, Requirements
from hishamos_pipeline.core.artifacts.prescriptions import PrescribedName
from hishamos_pipeline.core.artifacts.traceability import circle, duplicates
from hishamos_pipeline.core.text.ids import slug
from hishamos_pipeline.core.text.interfaces import normalised, read_interface
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.errors import PathError
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.layout import COMMANDS, DANGEROUS, LINT, is_taken
from hishamos_pipeline.stacks.python.stack import STACKS
from hishamos_pipeline.workspace.paths import check_path

_INIT, _MAIN = "__init__.py", "__main__.py"
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class PlanningRules:
    """What the settings say of plans: packages that may be named although they look like others, and how many files."""

    allowed: Sequence[str] = ()
    most_files: int = 150


def architecture(
    request: PlanningRequest, draft: ArchitectureDraft, rules: PlanningRules = PlanningRules()
) -> Architecture:
    """Turn a plan into planned files, and add what every project of its stack has."""
    given = request.requirements
    stack = STACKS[given.stack]
    named = [*draft.dependencies, *unnamed(given.prescriptions.dependencies, draft.dependencies)]
    dependencies = with_wanted(stack.dependencies, named, rules.allowed)
    if is_taken(draft.package) or canonicalize_name(draft.package) in map(name_of, dependencies):
        raise ValueError(f"the package cannot be called {draft.package!r}: that name is taken")
    plan = Architecture(
        title=given.title,
        stack=stack.name,
        distribution=draft.program.strip("-") or _short(given.title) or draft.package.replace("_", "-"),
        package=draft.package,
        layout=draft.layout,
        summary=given.summary,
        licence=given.licence,
        author=given.author,
        files=(),
        data_model=given.entities,
        decisions=tuple(draft.decisions),
        usage=draft.commands.strip(),
        commands=COMMANDS,
        lint=LINT,
        forbidden=DANGEROUS,
        dependencies=dependencies,
        prescriptions=given.prescriptions,
        test_dependencies=stack.test_dependencies,
    )
    drafts = [item for item in draft.files if not scaffold.is_made_elsewhere(plan, item.path)]
    paths = tuple(PlannedFile(path=item.path, kind="source", purpose=item.purpose) for item in drafts)
    plan = plan.model_copy(update={"files": paths})
    refuse(faults_of_files(plan, drafts, given, rules.most_files))
    if draft.components:
        outline = plan.model_copy(
            update={"components": tuple(Component(**item.model_dump()) for item in draft.components)}
        )
        refuse(_faults_of_components(outline, given))
        return outline.model_copy(
            update={"files": tuple(_planned(plan, item) for item in drafts), "entry": draft.entry}
        )
    if not any(plan.in_package(item.path) and item.interface for item in drafts):
        raise ValueError(
            f"nothing is planned in the package {plan.root}{plan.package}/: plan a module that does the work"
        )
    plan = plan.model_copy(update={"files": tuple(_planned(plan, item) for item in drafts)})
    return completed(plan, draft.entry, given)


def completed(plan: Architecture, entry: str, given: Requirements) -> Architecture:
    """A plan with its entry point and what every project of its stack has.

    Args:
        plan: the plan, with all of its own files.
        entry: the function that is started, empty for the stack's own.
        given: the requirements.

    Raises:
        ValueError: the files do not hold together.
    """
    plan = _with_entry(plan, entry, given)
    plan = plan.model_copy(update={"files": (*scaffold.planned(plan), *plan.files)})
    refuse(faults_together(plan))
    return plan


def component(
    request: ComponentRequest, draft: FilesDraft, rules: PlanningRules = PlanningRules()
) -> ComponentPlan:
    """The files of one component: in its folder, with what it offers, built on what the components it needs offer."""
    outline, own = request.architecture, request.own
    drafts = [item for item in draft.files if not scaffold.is_made_elsewhere(outline, item.path)]
    stubs = tuple(PlannedFile(path=item.path, kind="source", purpose=item.purpose) for item in drafts)
    plan = outline.model_copy(update={"files": (*outline.files, *stubs)})
    refuse(faults_of_files(plan, drafts, request.requirements, rules.most_files))
    files = tuple(_planned(plan, item) for item in drafts)
    plan = outline.model_copy(update={"files": (*outline.files, *files)})
    refuse(_faults_of_component(plan, own, request.needed, files))
    return ComponentPlan(files=files)


def _faults_of_components(outline: Architecture, given: Requirements) -> Iterator[str]:
    names, known = [item.name for item in outline.components], {item.id for item in given.requirements}
    yield from (f"the component {name} is planned twice" for name in duplicates(names))
    folders = [item.folder.strip("/") for item in outline.components]
    yield from (f"two components have the folder {name}" for name in duplicates(folders))
    for item in outline.components:
        try:
            check_path(item.folder.strip("/"))
        except PathError as error:
            yield str(error)
        yield from (
            f"{item.name} needs {name}, which is no component"
            for name in item.depends_on
            if name not in names
        )
        yield from (
            f"{item.name} names {name}, which is no requirement"
            for name in item.requirements
            if name not in known
        )
        try:
            normalised(item.offers)
        except ValueError as error:
            yield f"{item.name}: {error}"
    if found := circle({item.name: item.depends_on for item in outline.components}):
        yield f"components depend on one another in a circle: {found}"
    served = {name for item in outline.components for name in item.requirements}
    unserved = [name for name in _functional(given) if name not in served]
    if unserved:
        yield f"no component serves {', '.join(unserved)}"


def _faults_of_component(
    plan: Architecture, own: Component, needed: Sequence[Component], files: Sequence[PlannedFile]
) -> Iterator[str]:
    folder = own.folder.strip("/")
    mine = {file.path for file in files}
    allowed = {f"{item.folder.strip('/')}/__init__.py" for item in needed} | {
        file.path for file in plan.files
    }
    for file in files:
        if not file.path.startswith(f"{folder}/"):
            yield f"{file.path} is not in {folder}/, the folder of {own.name}"
        for name in file.depends_on:
            if name not in mine | allowed:
                yield (
                    f"{file.path} depends on {name}, which is neither in {folder}/ nor the __init__.py of a "
                    "component that it needs"
                )
    if own.offers.strip():
        module = plan.module_of(f"{folder}/__init__.py")
        yield from faults_of_name(
            plan, PrescribedName(module=module, stub=normalised(own.offers)), who=f"{own.name} offers"
        )


def revised(
    request: ArchitectureRevision, draft: RevisionDraft, rules: PlanningRules = PlanningRules()
) -> Architecture:
    """The architecture with the files that the draft changes or adds; all others stay as they are."""
    before, given = request.architecture, request.requirements
    drafts = [item for item in draft.files if not scaffold.is_made_elsewhere(before, item.path)]
    refuse(faults_of_files(before, drafts, given, rules.most_files))
    changed = {item.path: _planned(before, item) for item in drafts}
    known = {item.id for item in given.requirements}
    files = {file.path: changed.get(file.path, file) for file in before.files} | changed
    entry = _entry_path(before)
    if entry in files and entry not in changed:
        there = {file.path for file in before.files}
        new = (path for path, file in changed.items() if file.interface and path not in there)
        needed = tuple(dict.fromkeys([*files[entry].depends_on, *new]))
        files[entry] = files[entry].model_copy(update={"depends_on": needed, "requirements": ()})
    decisions = tuple({item.title: item for item in (*before.decisions, *draft.decisions)}.values())
    plan = before.model_copy(
        update={
            "files": without_requirements(tuple(files.values()), known),
            "usage": draft.commands.strip() or before.usage,
            "decisions": decisions,
            "dependencies": with_wanted(before.dependencies, draft.dependencies, rules.allowed),
            "prescriptions": given.prescriptions,
            "data_model": given.entities,
            "summary": given.summary,
        }
    )
    there = {file.path for file in plan.files}
    added = tuple(file for file in scaffold.planned(plan) if file.path not in there)
    plan = plan.model_copy(update={"files": (*plan.files, *added)})
    refuse(faults_together(plan))
    return plan


def without_requirements(files: Sequence[PlannedFile], known: Collection[str]) -> tuple[PlannedFile, ...]:
    """Files without requirements that are gone; those that served nothing else go too, unless something needs them.

    What is needed serves what needs it: naming nothing would mean to serve all.
    """
    left = list(files)
    while True:
        needed = {name for file in left for name in file.depends_on}
        idle = [
            f
            for f in left
            if f.requirements and not set(f.requirements) & set(known) and f.path not in needed
        ]
        if not idle:
            break
        left = [file for file in left if file not in idle]
    users = {f.path: [other for other in left if f.path in other.depends_on] for f in left}
    made = []
    for file in left:
        own = tuple(name for name in file.requirements if name in known)
        served = {name for user in users[file.path] for name in user.requirements if name in known}
        made.append(
            file.model_copy(
                update={"requirements": own or tuple(sorted(served)) if file.requirements else ()}
            )
        )
    return tuple(made)


def _short(title: str) -> str:
    """A name made of a title, cut between words."""
    name = slug(title)
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME].rpartition("-")[0]


def _planned(plan: Architecture, item: FileDraft) -> PlannedFile:
    interface = planned_interface(item.path, item.interface) if item.path.endswith(".py") else ""
    return PlannedFile(
        path=item.path,
        kind="source",
        purpose=item.purpose,
        signatures=public_signatures(interface),
        interface=interface,
        depends_on=tuple(dict.fromkeys(name for name in item.depends_on if name != item.path)),
        copy_of=item.copy_of,
        requirements=tuple(dict.fromkeys(item.requirements)),
    )


def planned_interface(path: str, stub: str) -> str:
    """The interface of a planned module in its usual form; that of a package says what it passes on.

    Raises:
        ValueError: it is no stub text.
    """
    return _listed(normalised(stub)) if path.endswith(_INIT) else normalised(stub)


def _listed(stub: str) -> str:
    """The interface of a package with ``__all__``, without which nobody could tell what it passes on."""
    found = read_interface(stub)
    if found.listed is not None or not found.exports:
        return stub
    offered = found.exports | found.constants.keys()
    names = sorted(name for name in offered if not name.startswith("_") or name == "__version__")
    return f"{stub}__all__ = {names!r}\n" if names else stub


def _with_entry(plan: Architecture, named: str, given: Requirements) -> Architecture:
    """The plan with the module that users call, and the function that becomes the installed program."""
    point = STACKS[plan.stack].entry_point
    if point is None and not named:
        return plan
    if point is not None and point.starting:  # what starts it is made for it
        plan = plan.model_copy(update={"entry": f"{plan.package}.__main__:main"})
        module, function = f"{plan.package}.{point.file.removesuffix('.py')}", point.function
    else:
        module, _, function = (named or f"{plan.package}.cli:main").partition(":")
        plan = plan.model_copy(update={"entry": f"{module}:{function}"})
    file = next((item for item in plan.files if plan.module_of(item.path) == module), None)
    started = f"{plan.root}{plan.package}/__main__.py"
    if plan.entry.startswith(f"{plan.package}.__main__:"):
        main = next((item for item in plan.files if item.path == started), None)
        if main is not None and "main" not in read_interface(main.interface).functions:
            raise ValueError(f"{started} has to offer main(), which is what is started")
    if file is not None:
        if not plan.in_package(file.path):
            raise ValueError(
                f"`entry` names {module}, which is not in the package: an installation would not have it"
            )
        if function not in read_interface(file.interface).functions:
            raise ValueError(f"{file.path} has to offer {function}(), which is what is started")
        return plan
    if point is None or named:
        raise ValueError(f"`entry` names {module}, which is not planned")
    interface = normalised(f'{point.imports}\n\n{point.signature}\n    """{point.summary}"""\n')
    added = PlannedFile(
        path=f"{plan.root}{plan.package}/{point.file}",
        kind="source",
        purpose=point.purpose,
        signatures=public_signatures(interface),
        interface=interface,
        # It serves all, and only passes on: what it is asked for does not change with each criterion.
        depends_on=tuple(item.path for item in plan.files if item.interface and plan.in_package(item.path)),
    )
    return plan.model_copy(update={"files": (*plan.files, added)})


def _entry_path(plan: Architecture) -> str:
    """The module that was added for users to call."""
    point = STACKS[plan.stack].entry_point
    return f"{plan.root}{plan.package}/{point.file}" if point else ""


def _functional(given: Requirements) -> tuple[str, ...]:
    return tuple(item.id for item in given.requirements if item.kind == "functional")
