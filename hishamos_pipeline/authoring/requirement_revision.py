"""From what a model says of a changed brief to requirements: what it does not touch stays, to the letter.

``ValueError`` with a sentence for the model, which gets it back and corrects its answer.
"""

from collections.abc import Collection, Iterator

from hishamos_pipeline.agents.tasks import RequirementsRevision
from hishamos_pipeline.authoring.draft_assembly import cited, domain, told_assumptions
from hishamos_pipeline.authoring.drafts import RequirementsChange
from hishamos_pipeline.authoring.prescriptions import prescribed
from hishamos_pipeline.authoring.refusing import refuse
from hishamos_pipeline.core.artifacts.brief import sections_quoted
from hishamos_pipeline.core.artifacts.documents import Requirement, Requirements
from hishamos_pipeline.core.artifacts.prescriptions import not_in_brief
from hishamos_pipeline.core.artifacts.traceability import duplicates
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.core.text.ids import next_number, numbered


def revised(request: RequirementsRevision, draft: RequirementsChange) -> Requirements:
    """The requirements of a brief that has changed."""
    idea, before = request.idea, request.requirements
    refuse(_faults(request, draft))
    items = {item.id: _kept(request, item) for item in before.requirements}
    removed = [items.pop(entry.id) for entry in draft.requirements if entry.change == "REMOVED"]
    number = next_number(item.id for item in (*before.requirements, *before.retired))
    for entry in draft.requirements:
        if entry.content is None:
            continue
        name = entry.id if entry.change == "MODIFIED" else numbered("REQ", number)
        number += entry.change == "ADDED"
        made = cited(idea, Requirement(id=name, **entry.content.model_dump()))
        if again := next((r for r in before.retired if r.model_copy(update={"id": name}) == made), None):
            made = again  # what comes back word for word gets its own id back
            name = again.id
        old = items.get(name)
        items[name] = made.model_copy(update={"external_id": old.external_id}) if old else made
    refuse(f"two requirements have the title {name!r}" for name in duplicates(
        item.title.casefold() for item in items.values()
    ))  # fmt: skip
    answered = {answer.question for answer in idea.answers}
    questions = before.questions if draft.questions is None else tuple(draft.questions)
    refuted = tuple(f"{question} Assumed: " for question in answered)
    assumptions = tuple(text for text in before.assumptions if not text.startswith(refuted or ("\0",)))
    if draft.assumptions is not None or draft.questions is not None:
        said = assumptions if draft.assumptions is None else draft.assumptions
        assumptions = told_assumptions(said, draft.questions or ())
    return before.model_copy(
        update={
            "title": idea.title,
            "summary": draft.summary.strip() or before.summary,
            "licence": idea.licence,
            "author": idea.author,
            "sprint": idea.sprint,
            "stack": idea.stack,
            "requirements": tuple(items.values()),
            "retired": tuple(r for r in (*before.retired, *removed) if r.id not in items),
            "entities": idea.entities
            or (before.entities if draft.entities is None else domain(idea, draft.entities)),
            "prescriptions": before.prescriptions
            if draft.prescriptions is None
            else prescribed(idea, draft.prescriptions),
            "assumptions": assumptions,
            "questions": tuple(item for item in questions if item.question not in answered),
            "revision_of": content_hash(before),
        }
    )


def _faults(request: RequirementsRevision, draft: RequirementsChange) -> Iterator[str]:
    items = {item.id: item for item in request.requirements.requirements}
    named = [entry.id for entry in draft.requirements if entry.change != "ADDED"]
    yield from (f"{name} is named twice" for name in duplicates([*named, *draft.same]))
    yield from (f"there is no requirement {name!r}" for name in [*named, *draft.same] if name not in items)
    for entry in draft.requirements:
        if entry.change != "REMOVED" and entry.content is None:
            yield f"{entry.change} {entry.id}".strip() + " lacks its content"
        old = items.get(entry.id)
        if entry.change == "ADDED" or old is None:
            continue
        if old.verified_by:
            yield f"{old.id} is shown by verification for every project: leave it as it is"
        wanted = {*old.sections, *(entry.content.sections if entry.content else ())}
        if old.sections and not request.may_touch_all and not _names(wanted) & request.changed:
            yield f"{old.id} is about sections that have not changed: leave it as it is"
    known = {section.id for section in request.idea.whole}
    yield from (
        f"{name} cites only sections that are gone: give it as MODIFIED, with the sections that say it now"
        for name in draft.same
        if name in items and items[name].sections and not known & set(items[name].sections)
    )
    undecided = [name for name in request.concerned if name not in {*named, *draft.same}]
    if undecided:
        yield (
            f"{', '.join(undecided)} cite sections that have changed: say of each whether it is MODIFIED or REMOVED, "
            "or name it in `same`"
        )
    if draft.prescriptions is None:
        lost = not_in_brief(request.requirements.prescriptions, request.idea.whole)
        if lost:
            yield f"the brief does not have {', '.join(lost[:3])} any more: give `prescriptions` as they are now"


def _kept(request: RequirementsRevision, item: Requirement) -> Requirement:
    """A requirement that stays, without sections that are gone and words that stand nowhere any more."""
    known = {section.id for section in request.idea.whole}
    stands = sections_quoted(request.idea.whole, item.source)
    return item.model_copy(
        update={
            "sections": tuple(name for name in item.sections if name in known),
            "source": item.source if stands else "",
        }
    )


def _names(sections: Collection[str]) -> set[str]:
    return {name.removeprefix("section ").strip() for name in sections}
