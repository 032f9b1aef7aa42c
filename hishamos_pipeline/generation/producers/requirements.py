"""From the brief to requirements: from scratch, or only as far as the brief has changed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import InputChange
from hishamos_pipeline.agents.tasks import RequirementsRevision
from hishamos_pipeline.core.artifacts.continuity import as_before
from hishamos_pipeline.core.artifacts.documents import Requirements
from hishamos_pipeline.core.artifacts.idea import Idea, Section
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.core.text.lines import diff
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.section_words import words

# Where more than this share of the sections is gone, it is another brief, and better read anew.
_MOST_GONE = 0.5


async def analyse(step: StepContext) -> Requirements:
    """Have the business analyst read the brief; of one that has changed, what has."""
    idea = step.read("idea", Idea)
    return with_brief(await _read(step, idea), idea)


async def _read(step: StepContext, idea: Idea) -> Requirements:
    if not step.asks_models(tasks.REVISE_REQUIREMENTS):
        return await step.ask(tasks.REQUIREMENTS, idea)
    before, found = step.before(Requirements), revision(step, idea)
    if before is None or found is None:
        return await step.ask(tasks.REQUIREMENTS, idea)
    made = found if isinstance(found, Requirements) else await step.ask(tasks.REVISE_REQUIREMENTS, found)
    return made.model_copy(update={"revision_of": content_hash(before)})


def revision(step: StepContext, idea: Idea) -> RequirementsRevision | Requirements | None:
    """What is asked of a brief that has changed, or the requirements where it says the same; ``None``: all anew."""
    earlier = step.earlier_with(Requirements, "idea", Idea)
    if (newest := next(earlier, None)) is None:
        return None
    asked = _revision(*newest, idea)
    for found in chain([asked], (_revision(*one, idea) for one in earlier)):
        if isinstance(found, Requirements):
            return as_before(found, newest[0])
    return asked


def _revision(made: Requirements, made_from: Idea, idea: Idea) -> RequirementsRevision | Requirements | None:
    wanted, former = _renumbered(made, made_from, idea)
    changes = tuple(changed_sections(former.whole, idea.whole))
    if (former.title, former.stack) != (idea.title, idea.stack) or _is_another(former.whole, idea.whole):
        return None
    plain = wanted.model_copy(update={"assumptions": without_reason(wanted, former)})
    is_beside = _beside(former) != _beside(idea)
    if not changes and not is_beside:
        facts = {"licence": idea.licence, "author": idea.author, "sprint": idea.sprint}
        return plain.model_copy(update=facts)
    return RequirementsRevision(idea=idea, requirements=plain, changes=changes, is_beside=is_beside)


def _renumbered(wanted: Requirements, former: Idea, idea: Idea) -> tuple[Requirements, Idea]:
    """The requirements and the brief before, with the new ids of sections that say the same under another one now."""
    names = new_names(former.whole, idea.whole)
    if not names:
        return wanted, former
    sections = tuple(s.model_copy(update={"id": names.get(s.id, s.id)}) for s in former.whole)
    items = tuple(
        item.model_copy(update={"sections": tuple(names.get(name, name) for name in item.sections)})
        for item in wanted.requirements
    )
    given = wanted.prescriptions
    examples = tuple(
        e.model_copy(update={"section": names.get(e.section, e.section)}) for e in given.examples
    )
    renamed = {
        "requirements": items,
        "brief": sections,
        "prescriptions": given.model_copy(update={"examples": examples}),
    }
    return wanted.model_copy(update=renamed), former.model_copy(update={"sections": sections})


def new_names(before: Sequence[Section], now: Sequence[Section]) -> dict[str, str]:
    """New ids of sections by their old ones; one whose id means something else now is set aside under no one's."""
    old, new = words(before, now), words(now, before)
    by_words: dict[object, list[str]] = {}
    for name, said in new.items():
        by_words.setdefault(said, []).append(name)
    often = Counter(old.values())
    # What stands several times in either brief may be any of them.
    moved = {
        name: found[0]
        for name, said in old.items()
        if new.get(name) != said and often[said] == 1 and len(found := by_words.get(said, [])) == 1
    }
    taken = set(moved.values())
    aside = {s.id: f"{s.id[:50]}-before" for s in before if s.id in taken and s.id not in moved}
    return {**moved, **aside}


def changed_sections(before: Sequence[Section], now: Sequence[Section]) -> Iterator[InputChange]:
    """Sections that say something else, are new or gone, each as a diff; white space says nothing."""
    old, new = ({section.id: section for section in sections} for sections in (before, now))
    former, present = words(before, now), words(now, before)
    for name in dict.fromkeys([*old, *new]):
        first, second = old.get(name), new.get(name)
        if former.get(name) != present.get(name):
            text = diff(first.text if first else "", second.text if second else "")
            if first is None and second and second.excludes:
                text = f"This is not asked for.\n{text}"
            if first and second and first.excludes != second.excludes:
                text = f"{'This is not asked for any more.' if second.excludes else 'This is asked for now.'}\n{text}"
            yield InputChange(name=f"section {name}", diff=text)


def with_brief(made: Requirements, idea: Idea) -> Requirements:
    """The requirements with the brief that they were read from."""
    said = (idea.stack_reason,) if idea.stack_reason and made.stack == idea.stack else ()
    return made.model_copy(
        update={
            "program": idea.program,
            "brief": idea.whole,
            "files": idea.files,
            "required_stories": idea.required_stories,
            "assumptions": (*made.assumptions, *said),
        }
    )


def without_reason(made: Requirements, idea: Idea) -> tuple[str, ...]:
    """The assumptions without what ``with_brief`` has added to them."""
    said = made.assumptions
    return said[:-1] if idea.stack_reason and said[-1:] == (idea.stack_reason,) else said


def _is_another(before: Sequence[Section], now: Sequence[Section]) -> bool:
    known, there = ({section.id for section in sections} for sections in (before, now))
    return len(known - there) > _MOST_GONE * len(known)


def _beside(idea: Idea) -> object:
    """What a brief says besides its sections that requirements are read from."""
    return idea.entities, idea.answers, [(file.path, file.sha256) for file in idea.files]
