"""A change in a sentence or a document: what it comes to, item by item, and how it is taken over."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import ChangeAnswer, ChangeRequest
from hishamos_pipeline.changing.change import ChangeProposal
from hishamos_pipeline.changing.editing import apply_together
from hishamos_pipeline.changing.revisions import between, texts_of
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.artifacts.editing import WORDED, Edit, edits_between
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.items import DERIVED, items_of
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.errors import EditError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.staleness import kinds_of
from hishamos_pipeline.intake.extending import extended

_LONGEST = 2000


async def propose(run: ProjectRun, sentence: str) -> ChangeProposal:
    """Find out what a sentence would change.

    Raises:
        EditError: it is empty or too long.
        ArtifactMissingError: the project has not been planned yet.
        UnbuildableError: the blueprint engine does not understand it.
        ModelError: a model was asked in vain, or may not be asked.
    """
    if not sentence.strip() or len(sentence) > _LONGEST:
        raise EditError(
            f"the change is empty, or longer than {_LONGEST} characters: give a longer one as a document (`--file`)"
        )
    idea = run.project.idea()
    wanted, backlog = run.project.read("requirements", Requirements), run.project.read("stories", Stories)
    request = ChangeRequest(sentence=sentence, idea=idea, requirements=wanted, stories=backlog)
    answer = await run.engine.answer(tasks.CHANGE, request, Purpose(run.key, "requirements"))
    if answer.idea is not None:
        return await _of_brief(run, sentence, answer)
    after, stories = answer.requirements or wanted, answer.stories or backlog
    edits = {
        artifact: found
        for artifact, before, now in (("requirements", wanted, after), ("stories", backlog, stories))
        if (found := edits_between(artifact, items_of(artifact, before), items_of(artifact, now)))
    }
    if edits:
        # The stories keep to the requirements: both are written, so that nothing is left to be made again of them.
        edits = {"requirements": edits.get("requirements", []), "stories": edits.get("stories", [])}
    return _proposal(run, sentence, answer, (wanted, backlog), (after, stories), edits)


async def propose_document(run: ProjectRun, name: str, document: Idea) -> ChangeProposal:
    """Find out what a document changes that is added to the brief, such as a specification's next part.

    Raises:
        IdeaError: the brief would hold more than one may.
        ArtifactMissingError: the project has not been planned yet.
        UnbuildableError, ModelError: as for ``propose``.
    """
    run.project.read("stories", Stories)
    answer = ChangeAnswer(
        summary=f"{name} is added to the brief.", idea=extended(run.project.idea(), document)
    )
    return await _of_brief(run, name, answer)


async def _of_brief(run: ProjectRun, wish: str, answer: ChangeAnswer) -> ChangeProposal:
    """What the next build will make of another brief, against what it would make of the one that there is."""
    assert answer.idea is not None
    before, after = await _foreseen(run, run.project.idea()), await _foreseen(run, answer.idea)
    return _proposal(run, wish, answer, before, after, {})


async def _foreseen(run: ProjectRun, idea: Idea) -> tuple[Requirements, Stories]:
    if idea == run.project.idea() and "stories" not in kinds_of(run.plan()):
        return run.project.read("requirements", Requirements), run.project.read("stories", Stories)
    wanted = await run.runner.preview("requirements", {"idea": idea})
    return wanted, await run.runner.preview("stories", {"requirements": wanted})


def _proposal(
    run: ProjectRun,
    wish: str,
    answer: ChangeAnswer,
    before: tuple[Requirements, Stories],
    after: tuple[Requirements, Stories],
    edits: dict[str, list[Edit]],
) -> ChangeProposal:
    shown = [
        item
        for artifact, old, new in zip(("requirements", "stories"), before, after, strict=True)
        for item in between(artifact, texts_of(artifact, old), texts_of(artifact, new))
        if item.item not in DERIVED
    ]
    idea_hash = run.project.store.projects.idea_revision(run.key).content_hash
    return ChangeProposal(wish, answer, tuple(shown), idea_hash, edits)


def take_over(project: Project, change: ChangeProposal, *, author: str) -> str:
    """Take a proposed change over, and say as what.

    Raises:
        EditError: it does not fit what there is by now; nothing is changed then.
    """
    answer, reason = change.answer, f"{WORDED}{change.sentence}"[:1000]
    if answer.idea is not None:
        if project.store.projects.idea_revision(project.key).content_hash != change.idea_hash:
            raise EditError("the brief has been changed meanwhile: propose the change again")
        done = project.store.projects.submit(answer.idea, f"change by {author}: {change.sentence}"[:300])
        return f"revision {done.revision} of the idea"
    rows = apply_together(project, change.edits, author=author, reason=reason)
    return " and ".join(f"{artifact}@{row.revision}" for artifact, row in rows.items()) or "nothing"
