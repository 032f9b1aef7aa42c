"""How each task of the chain is put to a model: the shape of its draft, and what makes a document of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.file_questions import (
    Correction,
    Fault,
    FileEdits,
    FileRequest,
    FileRevision,
    FileText,
    RepairRequest,
)
from hishamos_pipeline.authoring import (
    change_assembly,
    draft_assembly,
    drafts,
    file_validation,
    planning,
    requirement_revision,
    revising,
)
from hishamos_pipeline.authoring.planning import PlanningRules
from hishamos_pipeline.core.artifacts.document import Document

# Takes the question, the draft, and what the settings say of plans.
Finish = Callable[[Any, Any, PlanningRules], Awaitable[Document]]


@dataclass(frozen=True, slots=True)
class TaskBinding:
    """How a task of the chain is put to a model: the shape of its draft, and what makes a document of it."""

    draft: type[BaseModel]
    finish: Finish
    exact: Callable[[Any], type[BaseModel]] | None = None  # the same draft, with what the question adds to it

    def shape(self, question: Any) -> type[BaseModel]:
        """The shape that a model is held to."""
        return self.exact(question) if self.exact else self.draft


def _plain(finish: Callable[[Any, Any], Document]) -> Finish:
    async def run(question: Any, draft: Any, _: PlanningRules) -> Document:
        return finish(question, draft)

    return run


def _plan(finish: Callable[[Any, Any, PlanningRules], Document]) -> Finish:
    async def run(question: Any, draft: Any, rules: PlanningRules) -> Document:
        return finish(question, draft, rules)

    return run


def _file(check: Callable[[FileRequest, str], Awaitable[str]]) -> Finish:
    async def run(question: FileRequest, draft: FileText, _: PlanningRules) -> FileText:
        return FileText(text=await check(question, draft.text))

    return run


def _revised(check: Callable[[FileRequest, str], Awaitable[str]]) -> Finish:
    """What a new file has to be; one that is changed more than what it was written from goes back once."""

    async def run(
        question: FileRevision, draft: drafts.RevisedText | FileEdits, _: PlanningRules
    ) -> FileText:
        text = revising.revised_text(question.text, draft)
        revised = FileText(text=await check(question, text))
        revising.require_little(question, revised)
        return revised

    return run


def _edits(question: FileRevision) -> type[BaseModel]:
    return FileEdits if question.is_long else drafts.RevisedText


def _corrected(check: Callable[[RepairRequest, str], Awaitable[str]]) -> Finish:
    async def run(question: RepairRequest, draft: Correction, _: PlanningRules) -> Document:
        if draft.outcome != "corrected":
            return file_validation.refusal(question, draft)
        return draft.model_copy(update={"text": await check(question, draft.text)})

    return run


def _goals(request: tasks.GoalRequest) -> type[BaseModel]:
    """As many goals as there are sprints, so that a provider which enforces schemas enforces that."""
    count = len(request.plan.sprints)
    goals = Annotated[tuple[str, ...], Field(min_length=count, max_length=count)]
    return create_model("SprintGoals", __base__=tasks.SprintGoals, goals=(goals, ...))


BINDINGS: Mapping[str, TaskBinding] = {
    str(tasks.REQUIREMENTS): TaskBinding(drafts.RequirementsDraft, _plain(draft_assembly.requirements)),
    str(tasks.REVISE_REQUIREMENTS): TaskBinding(
        drafts.RequirementsChange, _plain(requirement_revision.revised)
    ),
    str(tasks.ARCHITECTURE): TaskBinding(drafts.ArchitectureDraft, _plan(planning.architecture)),
    str(tasks.REVISE_ARCHITECTURE): TaskBinding(drafts.RevisionDraft, _plan(planning.revised)),
    str(tasks.COMPONENT): TaskBinding(drafts.FilesDraft, _plan(planning.component)),
    str(tasks.STORIES): TaskBinding(drafts.StoriesDraft, _plain(draft_assembly.stories)),
    str(tasks.REVISE_STORIES): TaskBinding(drafts.BacklogChange, _plain(change_assembly.revised_stories)),
    str(tasks.SPRINT_GOALS): TaskBinding(tasks.SprintGoals, _plain(draft_assembly.goals), _goals),
    str(tasks.SOURCE_FILE): TaskBinding(FileText, _file(file_validation.source)),
    str(tasks.TEST_FILE): TaskBinding(FileText, _file(file_validation.story_tests)),
    str(tasks.DOCUMENT): TaskBinding(FileText, _file(file_validation.document)),
    str(tasks.REVISE_SOURCE): TaskBinding(drafts.RevisedText, _revised(file_validation.source), _edits),
    str(tasks.REVISE_TEST): TaskBinding(drafts.RevisedText, _revised(file_validation.story_tests), _edits),
    str(tasks.REVISE_DOCUMENT): TaskBinding(drafts.RevisedText, _revised(file_validation.document), _edits),
    str(tasks.REPAIR_CODE): TaskBinding(Correction, _corrected(file_validation.repaired_source)),
    str(tasks.REPAIR_TEST): TaskBinding(Correction, _corrected(file_validation.repaired_tests)),
    str(tasks.REPAIR_DOCUMENT): TaskBinding(Correction, _corrected(file_validation.repaired_document)),
    str(tasks.CHANGE): TaskBinding(drafts.ChangeDraft, _plain(change_assembly.change)),
    str(tasks.FIND_FAULT): TaskBinding(Fault, _plain(lambda _, draft: draft)),
    str(tasks.REVIEW_FILE): TaskBinding(tasks.FileReview, _plain(draft_assembly.review)),
}
