"""From a model's drafts to documents: ids and scaffolding are added, and what does not hold together is refused.

Every function raises ``ValueError`` with a sentence for the model, which gets it back and corrects its answer.
"""

import ast
from collections.abc import Collection, Sequence

from hishamos_pipeline.agents.tasks import (
    FileReview,
    GoalRequest,
    PlanningRequest,
    ReviewRequest,
    SprintGoals,
)
from hishamos_pipeline.authoring.drafts import (
    EntityDraft,
    RequirementsDraft,
    StoriesDraft,
)
from hishamos_pipeline.authoring.prescriptions import prescribed
from hishamos_pipeline.core.artifacts.brief import sections_quoted
from hishamos_pipeline.core.artifacts.documents import (
    PILLARS,
    Criterion,
    Epic,
    OpenQuestion,
    Requirement,
    Requirements,
    Stories,
    Story,
)
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity, Idea
from hishamos_pipeline.core.artifacts.traceability import circle, duplicates
from hishamos_pipeline.core.text.ids import numbered
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.stacks.python.quality import quality_requirements


def requirements(idea: Idea, draft: RequirementsDraft) -> Requirements:
    """Number the requirements, and add those that verification shows for every project."""
    if not any(item.kind == "functional" for item in draft.requirements):
        raise ValueError("there is no functional requirement")
    twice = duplicates(item.title.casefold() for item in draft.requirements)
    if twice:
        raise ValueError(f"two requirements have the title {twice[0]!r}")
    prescriptions = prescribed(idea, draft.prescriptions)
    answered = {answer.question for answer in idea.answers}
    listed = [
        cited(idea, Requirement(id=numbered("REQ", number), **item.model_dump()))
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
        entities=domain(idea, draft.entities),
        prescriptions=prescriptions,
        assumptions=told_assumptions(draft.assumptions, draft.questions),
        questions=tuple(item for item in draft.questions if item.question not in answered),
    )


def domain(idea: Idea, drafts: Sequence[EntityDraft]) -> tuple[Entity, ...]:
    """The entities that the brief gives, else those of a draft."""
    return idea.entities or tuple(
        Entity(name=item.name, attributes=tuple(Attribute(**a.model_dump()) for a in item.attributes))
        for item in drafts
    )


def told_assumptions(said: Sequence[str], questions: Sequence[OpenQuestion]) -> tuple[str, ...]:
    """What was assumed, also where it is asked."""
    return (*said, *(f"{item.question} Assumed: {item.assumption}" for item in questions))


def cited(idea: Idea, item: Requirement) -> Requirement:
    """The requirement with sections that there are, and words that stand in them; what is only claimed goes."""
    known = {section.id: section for section in idea.whole}
    names = [_section_named(name.removeprefix("section ").strip(), known) for name in item.sections]
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


def _section_named(name: str, known: Collection[str]) -> str:
    """A section's id; of a numbered paragraph such as ``3.2.1``, that of the section that holds it."""
    parts = name.split(".")
    candidates = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((candidate for candidate in candidates if candidate in known), name)


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
