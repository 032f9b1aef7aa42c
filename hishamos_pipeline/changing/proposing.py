"""A change in a sentence: what it comes to, item by item, and how it is taken over."""

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.tasks import ChangeRequest, PlanningRequest
from hishamos_pipeline.changing.change import ChangeProposal
from hishamos_pipeline.changing.editing import apply_together
from hishamos_pipeline.changing.forecast import foresee
from hishamos_pipeline.changing.revisions import between, texts_of
from hishamos_pipeline.core.artifacts.documents import Requirements, Stories
from hishamos_pipeline.core.artifacts.editing import edits_between
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.items import DERIVED, items_of
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.errors import EditError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.run import ProjectRun

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
        raise EditError(f"the change is empty, or longer than {_LONGEST} characters")
    idea = run.project.idea()
    wanted, backlog = run.project.read("requirements", Requirements), run.project.read("stories", Stories)
    request = ChangeRequest(sentence=sentence, idea=idea, requirements=wanted, stories=backlog)
    answer = await run.engine.answer(tasks.CHANGE, request, Purpose(run.key, "requirements"))
    if answer.idea is not None:
        # By rules, and for nothing: what the next build will make, against what it would make without this.
        (wanted, backlog), (after, stories) = await _foreseen(run, idea), await _foreseen(run, answer.idea)
    else:
        after, stories = answer.requirements or wanted, answer.stories or backlog
    shown = [
        *between("requirements", texts_of("requirements", wanted), texts_of("requirements", after)),
        *between("stories", texts_of("stories", backlog), texts_of("stories", stories)),
    ]
    edits = {
        artifact: found
        for artifact, before, now in (("requirements", wanted, after), ("stories", backlog, stories))
        if answer.idea is None
        and (found := edits_between(artifact, items_of(artifact, before), items_of(artifact, now)))
    }
    if edits:
        # The stories keep to the requirements: both are written, so that nothing is left to be made again of them.
        edits = {"requirements": edits.get("requirements", []), "stories": edits.get("stories", [])}
    idea_hash = run.project.store.projects.idea_revision(run.key).content_hash
    return ChangeProposal(
        sentence, answer, tuple(item for item in shown if item.item not in DERIVED), idea_hash, edits
    )


async def _foreseen(run: ProjectRun, idea: Idea) -> tuple[Requirements, Stories]:
    wanted = await foresee(run, "requirements", tasks.REQUIREMENTS, idea)
    return wanted, await foresee(run, "stories", tasks.STORIES, PlanningRequest(requirements=wanted))


def take_over(project: Project, change: ChangeProposal, *, author: str) -> str:
    """Take a proposed change over, and say as what.

    Raises:
        EditError: it does not fit what there is by now; nothing is changed then.
    """
    answer, reason = change.answer, f"change: {change.sentence}"[:1000]
    if answer.idea is not None:
        if project.store.projects.idea_revision(project.key).content_hash != change.idea_hash:
            raise EditError("the brief has been changed meanwhile: propose the change again")
        done = project.store.projects.submit(answer.idea, f"change by {author}: {change.sentence}"[:300])
        return f"revision {done.revision} of the idea"
    rows = apply_together(project, change.edits, author=author, reason=reason)
    return " and ".join(f"{artifact}@{row.revision}" for artifact, row in rows.items()) or "nothing"
