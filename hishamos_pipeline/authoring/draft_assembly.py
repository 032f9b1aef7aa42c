"""From a model's drafts to documents: ids and scaffolding are added, and what does not hold together is refused.

Every function raises ``ValueError`` with a sentence for the model, which gets it back and corrects its answer.
"""

import ast
from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement as Dependency
from packaging.utils import canonicalize_name

from hishamos_pipeline.agents.tasks import (
    ArchitectureRevision,
    FileReview,
    GoalRequest,
    PlanningRequest,
    ReviewRequest,
    SprintGoals,
)
from hishamos_pipeline.authoring.drafts import (
    ArchitectureDraft,
    ModuleDraft,
    RequirementsDraft,
    RevisionDraft,
    StoriesDraft,
)
from hishamos_pipeline.authoring.interfaces import module_interface
from hishamos_pipeline.core.artifacts.brief import sections_quoted
from hishamos_pipeline.core.artifacts.documents import (
    PILLARS,
    Architecture,
    Criterion,
    Epic,
    PlannedFile,
    Requirement,
    Requirements,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity, Idea, StackName
from hishamos_pipeline.core.artifacts.traceability import circle, duplicates
from hishamos_pipeline.core.text.ids import numbered, slug
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.core.text.signatures import public_signatures
from hishamos_pipeline.core.text.untrusted import docstring
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.layout import COMMANDS, is_taken
from hishamos_pipeline.stacks.python.quality import quality_requirements
from hishamos_pipeline.stacks.python.stack import STACKS
from hishamos_pipeline.toolchains.vetting import vet

_SCAFFOLDING = frozenset({"__init__.py", "__main__.py"})


def requirements(idea: Idea, draft: RequirementsDraft) -> Requirements:
    """Number the requirements, and add those that verification shows for every project."""
    if not any(item.kind == "functional" for item in draft.requirements):
        raise ValueError("there is no functional requirement")
    twice = duplicates(item.title.casefold() for item in draft.requirements)
    if twice:
        raise ValueError(f"two requirements have the title {twice[0]!r}")
    answered = {answer.question for answer in idea.answers}
    listed = [
        _cited(idea, Requirement(id=numbered("REQ", number), **item.model_dump()))
        for number, item in enumerate(draft.requirements, start=1)
    ]
    for item in quality_requirements():
        listed.append(item.model_copy(update={"id": numbered("REQ", len(listed) + 1)}))
    return Requirements(
        title=idea.title,
        summary=draft.summary,
        licence=idea.licence,
        author=idea.author,
        sprint=idea.sprint,
        stack=idea.stack,
        requirements=tuple(listed),
        entities=idea.entities
        or tuple(
            Entity(name=item.name, attributes=tuple(Attribute(**a.model_dump()) for a in item.attributes))
            for item in draft.entities
        ),
        assumptions=(*draft.assumptions, *(f"{item.question} {item.assumption}" for item in draft.questions)),
        questions=tuple(item for item in draft.questions if item.question not in answered),
    )


def _cited(idea: Idea, item: Requirement) -> Requirement:
    """The requirement with sections that there are, and words that stand in them; what is only claimed goes."""
    known = {section.id: section for section in idea.whole}
    names = [name.removeprefix("section ").strip() for name in item.sections]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{item.title!r} cites the section {unknown[0]!r}; there are {', '.join(known)}")
    quoted = sections_quoted(idea.whole, item.source)
    sections = tuple(dict.fromkeys([*names, *quoted]))
    refused = [name for name in sections if known[name].excludes]
    if refused and item.kind != "constraint":
        raise ValueError(
            f"{item.title!r} is asked for in the section {refused[0]!r}, which says what is not asked for: leave it out"
        )
    return item.model_copy(update={"sections": sections, "source": item.source if quoted else ""})


def stories(request: PlanningRequest, draft: StoriesDraft) -> Stories:
    """Number epics, stories and criteria; every functional requirement has to be served."""
    given = request.requirements
    known = {item.id for item in given.requirements}
    functional = {item.id for item in given.requirements if item.kind == "functional"}
    listed: list[Story] = []
    for epic_number, epic in enumerate(draft.epics, start=1):
        for item in epic.stories:
            number = len(listed) + 1
            name = numbered("US", number)
            unknown = set(item.requirements) - known
            if unknown:
                raise ValueError(f"story {number} names {sorted(unknown)[0]}, which is no requirement")
            listed.append(
                Story(
                    id=name,
                    epic=numbered("EP", epic_number),
                    requirements=tuple(dict.fromkeys(item.requirements)),
                    criteria=tuple(
                        Criterion(id=f"{name}-AC{n}", **criterion.model_dump())
                        for n, criterion in enumerate(item.criteria, start=1)
                    ),
                    depends_on=tuple(numbered("US", other) for other in dict.fromkeys(item.depends_on)),
                    **item.model_dump(include={"title", "actor", "want", "benefit", "points", "priority"}),
                )
            )
    _require_order(draft)
    unserved = sorted(functional - {name for story in listed for name in story.requirements})
    if unserved:
        raise ValueError(f"no story serves {', '.join(unserved)}")
    too_large = [story.id for story in listed if story.points > given.sprint.capacity]
    if too_large:
        raise ValueError(f"{too_large[0]} has more points than a sprint's capacity {given.sprint.capacity}")
    epics = tuple(
        Epic(id=numbered("EP", number), title=epic.title) for number, epic in enumerate(draft.epics, start=1)
    )
    return Stories(epics=epics, stories=tuple(listed), sprint=given.sprint)


def _require_order(draft: StoriesDraft) -> None:
    """Dependencies name other stories, and never in a circle; which comes first is the planner's business."""
    numbered_stories = dict(enumerate((item for epic in draft.epics for item in epic.stories), start=1))
    for number, item in numbered_stories.items():
        for other in item.depends_on:
            if other not in numbered_stories:
                raise ValueError(
                    f"story {number} depends on story {other}, but there are {len(numbered_stories)}"
                )
    found = circle({str(n): map(str, item.depends_on) for n, item in numbered_stories.items()})
    if found:
        raise ValueError(f"stories depend on one another in a circle: {found}")


def architecture(
    request: PlanningRequest, draft: ArchitectureDraft, allowed: Sequence[str] = ()
) -> Architecture:
    """Turn modules into planned files, and add what every package has.

    Args:
        request: the requirements, and the brief.
        draft: the model's answer.
        allowed: packages that may be named although they look like others.
    """
    given = request.requirements
    stack = STACKS[given.stack]
    draft = _without_scaffolding(draft, given.stack)
    package = draft.package
    dependencies = _with(stack.dependencies, draft.dependencies, allowed)
    if is_taken(package) or canonicalize_name(package) in map(_name, dependencies):
        raise ValueError(f"the package cannot be called {package!r}: that name is taken")
    _require_modules(draft)
    known = {item.id for item in given.requirements}
    root = f"src/{package}"
    modules = tuple(_planned(module, root, known) for module in draft.modules)
    files = (*modules, _entry_file(draft, root, given))
    distribution = slug(given.title)[:40].strip("-") or package.replace("_", "-")
    return Architecture(
        title=given.title,
        stack=stack.name,
        distribution=distribution,
        package=package,
        summary=given.summary,
        licence=given.licence,
        author=given.author,
        files=(*scaffold.planned(package, stack.name), *files),
        data_model=given.entities,
        decisions=tuple(draft.decisions),
        commands=COMMANDS,
        dependencies=dependencies,
        test_dependencies=stack.test_dependencies,
    )


def revised(request: ArchitectureRevision, draft: RevisionDraft, allowed: Sequence[str] = ()) -> Architecture:
    """The architecture with the modules that the draft changes or adds; all others stay as they are."""
    before = request.architecture
    root = f"src/{before.package}"
    known = {item.id for item in request.requirements.requirements}
    entry_file = STACKS[before.stack].entry_point.file
    own = [module for module in draft.modules if module.path not in {*_SCAFFOLDING, entry_file}]
    twice = duplicates([module.path for module in own])
    if twice:
        raise ValueError(f"the module {twice[0]} is planned twice")
    changed = {item.path: item for item in (_planned(module, root, known) for module in own)}
    called = f"{root}/{entry_file}"
    files = {file.path: changed.get(file.path, file) for file in before.files} | changed
    if called in files:
        modules = [path for path, file in files.items() if file.interface and path != called]
        files[called] = _revised_entry_file(
            files[called], _interface(before.stack, draft.commands), modules, request.requirements
        )
    for path, file in changed.items():
        unknown = set(file.depends_on) - files.keys()
        if unknown:
            raise ValueError(f"{path} depends on {sorted(unknown)[0]}, which is not planned")
    _require_no_circle({path: file.depends_on for path, file in files.items()})
    listed = tuple(
        file.model_copy(update={"requirements": tuple(name for name in file.requirements if name in known)})
        for file in files.values()
    )
    decisions = (*before.decisions, *(item for item in draft.decisions if item not in before.decisions))
    base = STACKS[before.stack].dependencies
    extra = [text for text in before.dependencies if _name(text) not in map(_name, base)]
    dependencies = _with((*base, *extra), draft.dependencies, allowed)
    return before.model_copy(
        update={
            "files": listed,
            "decisions": decisions,
            "dependencies": dependencies,
        }
    )


def _with(known: Sequence[str], wanted: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """Requirements, and those that are wanted besides; what cannot be meant is refused before it is installed."""
    requirements, findings = vet(wanted, allowed)
    if findings:
        raise ValueError(f"dependencies: {findings[0]}")
    there = {_name(text): text for text in known}
    for item in requirements:
        if item.marker:
            raise ValueError(f"dependencies: {item.name} has a marker: name what is needed everywhere")
        earlier = there.setdefault(_name(item.name), str(item))
        if earlier != str(item) and (
            item.extras or item.specifier or _name(item.name) not in map(_name, known)
        ):
            raise ValueError(f"dependencies: {item} is there already, as {earlier}")
    return tuple(there.values())


def _name(requirement: str) -> str:
    return canonicalize_name(Dependency(requirement).name)


def _revised_entry_file(
    file: PlannedFile, interface: str, modules: Sequence[str], given: Requirements
) -> PlannedFile:
    functional = tuple(item.id for item in given.requirements if item.kind == "functional")
    update: dict[str, object] = {"depends_on": tuple(modules), "requirements": functional}
    if interface:
        update["interface"] = interface
    return file.model_copy(update=update)


def _interface(stack: StackName, commands: str) -> str:
    """What users call, with what it understands as its docstring; empty where nothing is said of it."""
    if not commands.strip():
        return ""
    entry_point = STACKS[stack].entry_point
    return f"{entry_point.signature}\n" + docstring(f"{entry_point.summary}\n\n{commands}", "    ")


def _without_scaffolding(draft: ArchitectureDraft, stack: StackName) -> ArchitectureDraft:
    """The plan without modules that every package has; a model that plans them all the same means those."""
    made = {*_SCAFFOLDING, STACKS[stack].entry_point.file}
    own = [module for module in draft.modules if module.path not in made]
    if not own:
        raise ValueError(
            f"there is no module besides {STACKS[stack].entry_point.file}: plan one that does the work"
        )
    cut = [
        module.model_copy(update={"depends_on": [n for n in module.depends_on if n not in made]})
        for module in own
    ]
    return draft.model_copy(update={"modules": cut})


def _require_modules(draft: ArchitectureDraft) -> None:
    paths = [module.path for module in draft.modules]
    twice = duplicates(paths)
    if twice:
        raise ValueError(f"the module {twice[0]} is planned twice")
    for module in draft.modules:
        unknown = set(module.depends_on) - set(paths)
        if unknown:
            raise ValueError(f"{module.path} depends on {sorted(unknown)[0]}, which is not planned")
    _require_no_circle({module.path: module.depends_on for module in draft.modules})


def _require_no_circle(modules: Mapping[str, Sequence[str]]) -> None:
    found = circle(modules)
    if found:
        raise ValueError(f"modules depend on one another in a circle: {found}")


def _planned(module: ModuleDraft, root: str, known: set[str]) -> PlannedFile:
    interface = module_interface(module)
    unknown = set(module.requirements) - known
    if unknown:
        raise ValueError(f"{module.path} names {sorted(unknown)[0]}, which is no requirement")
    return PlannedFile(
        path=f"{root}/{module.path}",
        kind="source",
        purpose=module.purpose,
        signatures=public_signatures(interface),
        interface=interface,
        depends_on=tuple(f"{root}/{name}" for name in module.depends_on),
        requirements=tuple(module.requirements),
    )


def _entry_file(draft: ArchitectureDraft, root: str, given: Requirements) -> PlannedFile:
    """The module that every package has: its interface is always the same but for what it understands."""
    interface = _interface(given.stack, draft.commands)
    return PlannedFile(
        path=f"{root}/{STACKS[given.stack].entry_point.file}",
        kind="source",
        purpose=STACKS[given.stack].entry_point.purpose,
        signatures=public_signatures(interface),
        interface=interface,
        depends_on=tuple(f"{root}/{module.path}" for module in draft.modules),
        requirements=tuple(item.id for item in given.requirements if item.kind == "functional"),
    )


def goals(request: GoalRequest, draft: SprintGoals) -> SprintGoals:
    """One goal for each sprint."""
    if len(draft.goals) != len(request.plan.sprints):
        raise ValueError(f"there are {len(request.plan.sprints)} sprints and {len(draft.goals)} goals")
    if any(not goal.strip() for goal in draft.goals):
        raise ValueError("a goal is empty")
    return draft


def review(request: ReviewRequest, draft: FileReview) -> FileReview:
    """Each pillar once, and findings about this file alone, on lines that it has."""
    if sorted(item.pillar for item in draft.scores) != sorted(PILLARS):
        raise ValueError(f"give exactly one score for each of {', '.join(PILLARS)}")
    lines = request.text.count("\n") + 1
    for finding in draft.findings:
        if finding.path != request.path:
            raise ValueError(f"a finding is about {finding.path}, but this is {request.path}")
        if finding.line > lines:
            raise ValueError(f"a finding is on line {finding.line}, but the file has {lines}")
    return draft


def imported_modules(text: str, package: str = "") -> Sequence[tuple[int, str]]:
    """Line and full name of every module that Python source imports; ``from package import x`` is ``package.x``."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(parse_python(text)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == package and not node.level:
            found += [(node.lineno, f"{package}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "." * node.level + (node.module or "")))
    return found
