"""The business analyst's task: an idea to requirements, by rules."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from hishamos_pipeline.blueprints.python.registry import BLUEPRINTS
from hishamos_pipeline.blueprints.reading.domain import features_in_prose, read_domain, rules_in_prose
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.blueprints.reading.operations import Reader
from hishamos_pipeline.blueprints.reading.rules import read_rule
from hishamos_pipeline.blueprints.reading.text import statement
from hishamos_pipeline.core.artifacts.brief import sections_quoted
from hishamos_pipeline.core.artifacts.documents import Priority, Requirement, Requirements
from hishamos_pipeline.core.artifacts.idea import Entity, Idea, Section, StackName
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import numbered
from hishamos_pipeline.errors import UnbuildableError
from hishamos_pipeline.intake.headings import priority_in
from hishamos_pipeline.intake.sections import read_blocks
from hishamos_pipeline.intake.statements import read_statements
from hishamos_pipeline.intake.wording import external_id, facts_below, plain, points_below, wording
from hishamos_pipeline.stacks.python.quality import quality_requirements

_LEAST_SHARED, _SHORTEST = 2, 1
_METADATA = re.compile(r"[A-Za-z][\w ]{1,30}: \S")


def write_requirements(idea: Idea) -> Requirements:
    """One functional requirement for each feature and each rule; constraints and qualities beside them."""
    features = idea.features or features_in_prose(asking_prose(idea))
    constraints = idea.constraints or (() if idea.features else rules_in_prose(idea.vision))
    domain = read_domain(idea.entities, features, constraints, idea.vision)
    sections = tuple(section for section in idea.whole if not section.excludes)
    drafts = [
        draft.model_copy(
            update={"sections": sections_quoted(sections, draft.source) or _closest(sections, draft.source)}
        )
        for draft in _drafts(features, constraints, domain.entities)
    ]
    return Requirements(
        program=idea.program,
        title=idea.title,
        summary=_summary(idea),
        licence=idea.licence,
        author=idea.author,
        sprint=idea.sprint,
        stack=_stack(idea),
        requirements=tuple(
            draft.model_copy(update={"id": numbered("REQ", index)})
            for index, draft in enumerate(drafts, start=1)
        ),
        entities=domain.entities,
        assumptions=(*domain.assumptions, *_assumed_stack(idea), *idea.notes),
    )


def asking_prose(idea: Idea) -> str:
    """The prose of a brief in which wishes may stand: not that of a background, or of what is not asked for."""
    told = {s.id for s in idea.sections if s.meaning == "background" and s.level > 1}
    blocks = read_blocks("".join(section.text for section in idea.sections))
    parts = [
        item.text for item in read_statements(blocks) if item.kind == "prose" and item.section not in told
    ]
    return "\n\n".join(parts) if idea.sections else idea.vision


def _closest(sections: Sequence[Section], wish: str) -> tuple[str, ...]:
    """The section that has most words of a wish that was read out of prose; none where it shares hardly any."""
    words = _words(wish)
    shared = [(len(words & _words(item.text)), item.id) for item in sections]
    best = max(shared, key=lambda pair: pair[0], default=(0, ""))
    return (best[1],) if best[0] >= _LEAST_SHARED else ()


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w{3,}", text.casefold()))


def _stack(idea: Idea) -> StackName:
    """The stack; a library, where the author has not named it himself, becomes a command line.

    Raises:
        UnbuildableError: the author has named one that no blueprint can write.
    """
    if idea.stack in BLUEPRINTS:
        return idea.stack
    if idea.stack_reason:
        return "python-cli"
    raise UnbuildableError(
        f"the blueprint engine cannot write {idea.stack}, only {' and '.join(sorted(BLUEPRINTS))}: that needs a model"
    )


def _assumed_stack(idea: Idea) -> tuple[str, ...]:
    if idea.stack in BLUEPRINTS:
        return ()
    return (
        f"{idea.stack_reason.rstrip('.')}; the blueprint engine cannot write that, and makes a python-cli.",
    )


def _drafts(
    features: tuple[str, ...], constraints: tuple[str, ...], entities: tuple[Entity, ...]
) -> Iterator[Requirement]:
    for feature in features:
        said, head = statement(feature), feature.partition("\n")[0]
        if not said.is_wish:
            yield _constraint(head, entities)
            continue
        if said.want == plain(head).rstrip(".") and read_rule(head, entities):
            known = {"priority": _priority(feature), "external_id": external_id(feature)}
            yield _constraint(head, entities).model_copy(update=known)
            continue
        yield Requirement(
            id="",
            kind="functional",
            title=_title(said.want),
            statement=f"The {said.actor} can {said.want}.",
            acceptance=(f"It can be shown that the {said.actor} can {said.want}.",),
            actor=said.actor,
            priority=_priority(feature),
            source=head,
            external_id=external_id(feature),
        )
    for point in dict.fromkeys(point for feature in features for point in points_below(feature)):
        yield _constraint(point, entities)
    for constraint in constraints:
        yield _constraint(constraint, entities)
    yield from quality_requirements()


def _shown_by(rule: Operation | None, *, kept: bool) -> str:
    """What shows that something holds."""
    if rule:
        return "It comes out so." if rule.kind == "calculate" else "A value that breaks the rule is refused."
    return "It is still there after a restart." if kept else "A person reviews it: no rule checks it."


def _constraint(constraint: str, entities: tuple[Entity, ...]) -> Requirement:
    """What holds, whoever does what: by a rule where one is known, else for a person to review."""
    text = plain(constraint)
    rule = read_rule(constraint, entities)
    kept = bool(Reader(entities).kept(wording(constraint)))
    return Requirement(
        id="",
        kind="functional" if rule or kept else "constraint",
        title=_title(text),
        statement=f"{text}.",
        acceptance=(_shown_by(rule, kept=kept),),
        actor="user",
        priority="must",
        source=constraint,
    )


def _title(text: str) -> str:
    short = text if len(text) <= 90 else text[:87].rsplit(" ", 1)[0] + "…"
    return short[:1].upper() + short[1:]


def _priority(feature: str) -> Priority:
    facts = facts_below(feature)
    said = next((facts[name] for name in ("priority", "prio", "moscow") if name in facts), "")
    if found := priority_in(said):
        return found
    head = feature.partition("\n")[0].lower()
    words = f" {head} "
    if "nice to have" in words or " could " in words or " optionally " in words:
        return "could"
    return "should" if " should " in words else "must"


def _summary(idea: Idea) -> str:
    """The first sentence of the brief that says something; what is put down as `name: value` is none."""
    paragraphs = (plain(part.removeprefix("- ")) for part in idea.vision.split("\n\n"))
    text = next(
        (part for part in paragraphs if len(part.split()) > _SHORTEST and not _METADATA.match(part)), ""
    )
    first = text.split(". ")[0]
    return f"{first[:280].rstrip('.')}." if first else f"{idea.title}."
