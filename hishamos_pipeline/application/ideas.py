"""Submitting ideas, listing them, and answering what their requirements leave open."""

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.project_settings import SETTINGS
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import OpenQuestion, Requirements
from hishamos_pipeline.core.artifacts.idea import Answer, Idea
from hishamos_pipeline.errors import EditError, ForbiddenError, ProjectNotFoundError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.pages import PageQuery
from hishamos_pipeline.store.projects.repository import Projects

if TYPE_CHECKING:
    from hishamos_pipeline.intake.brief import AcceptedBrief

_LONGEST_ANSWER = 2000


class SubmitIdea(UseCaseInput):
    """A brief as it was written: its bytes, the name of its file if it has one, and where it comes from.

    ``files`` are the contents of all files that are handed in with it, by path; ``None`` leaves those that were handed
    in earlier as they are. ``key`` is the project's, where it is not the brief that says so. ``replace`` lets it take
    the place of a brief that came from another document.
    """

    raw: bytes = Field(repr=False)
    name: str = ""
    source: str
    files: dict[str, bytes] | None = Field(None, repr=False)
    key: str = ""
    replace: bool = False


class ExplainIdea(UseCaseInput):
    """A brief to be explained: as it was written, or that of a project."""

    raw: bytes = Field(b"", repr=False)
    name: str = ""
    key: str = ""


class ExplainedStatement(View):
    """A statement of a brief and what it was read as.

    ``line`` is that of a Markdown file, and else of the text that the brief was brought into, counted from 1;
    ``section`` is the id of the section that it stands in; ``detail`` says what it comes to, or why it was not
    understood.
    """

    line: int
    section: str
    text: str
    read_as: str
    detail: str


class SubmittedIdea(View):
    """What became of a submitted brief; ``changed`` is false where it equals the newest revision.

    ``files`` are those that the revision has, whenever they were handed in; ``notes`` say what reading has noticed.
    """

    key: str
    revision: int
    changed: bool
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


class IdeaView(View):
    """A submitted idea with its newest revision, and the state of its project."""

    key: str
    title: str
    revision: int
    source: str
    submitted_at: datetime
    state: str


class IdeaDetails(IdeaView):
    """A submitted idea: its newest revision as it was written, section by section, and what was read from it."""

    content_hash: str
    idea: Idea


class QuestionsView(View):
    """What the requirements of a project leave open, and what has been answered."""

    open: tuple[OpenQuestion, ...]
    answered: tuple[Answer, ...]


class AnswerQuestion(UseCaseInput):
    """An answer to a question, by its number in ``QuestionsView``: the open ones first, counted from 1."""

    key: str
    number: int = Field(ge=1)
    text: str


@requires("ideas.submit")
def submit(services: Services, actor: Actor, command: SubmitIdea) -> SubmittedIdea:
    """Submit a brief; a changed one under the same key becomes the next revision of it, and its build is requested.

    Raises:
        IdeaError: the brief cannot be accepted.
        ProjectKeyError: the key is taken by a project of somebody else.
        ProjectBusyError: the project of this key is being deleted.
        ProjectNotFoundError: the actor's token is for another project.
        ForbiddenError: an agent wants to change what limits the project.
    """
    from hishamos_pipeline.intake.files import accept

    raw, name, files = _unpacked(services.settings, command)
    read = _read(services.settings, raw, name)
    idea = read.idea.model_copy(update={"key": command.key}) if command.key else read.idea
    replaces = command.replace or bool(command.key) or read.names_key
    projects = services.acting_as(actor).store.projects
    if actor.project and idea.key != actor.project:
        raise ProjectNotFoundError(f"no project {idea.key!r} that this token is for")
    if actor.kind == "agent":
        _refuse_other_limits(projects, actor, idea)
    texts = None
    if files is not None:
        handed = accept(files, services.settings)
        idea, texts = idea.model_copy(update={"files": handed.files}), handed.texts
    done = projects.submit(idea, command.source, texts, replaces=replaces)
    return SubmittedIdea.of(done, notes=idea.notes)


@requires("projects.read", project="command.key")
def explain(services: Services, actor: Actor, command: ExplainIdea) -> tuple[ExplainedStatement, ...]:
    """What the engine that needs no key makes of each statement of a brief; nothing is submitted.

    Raises:
        IdeaError: the brief cannot be accepted.
        ProjectNotFoundError: there is no project of that key.
        UnbuildableError: the brief names a stack that this engine cannot write.
    """
    from hishamos_pipeline.blueprints.planning import explaining

    if command.key:
        idea = services.acting_as(actor).store.projects.idea(command.key)
    else:
        raw, name, _ = _unpacked(services.settings, command)
        idea = _read(services.settings, raw, name).idea
    above = _lines_above(command.raw, "".join(section.text for section in idea.whole))
    found = explaining.explain(idea)
    return tuple(ExplainedStatement.of(item, line=item.line + above) for item in found)


def _lines_above(raw: bytes, body: str) -> int:
    """How many lines of a file stand above the text that sections are made of: its front matter."""
    text = raw.decode(errors="replace").replace("\r\n", "\n")
    return text.removesuffix(body).count("\n") if body and text.endswith(body) else 0


def _unpacked(
    given: Settings, command: SubmitIdea | ExplainIdea
) -> tuple[bytes, str, dict[str, bytes] | None]:
    """Bytes and name of the brief, and the files beside it; those of a ZIP come from it."""
    files = command.files if isinstance(command, SubmitIdea) else None
    if not command.name.lower().endswith(".zip"):
        return command.raw, command.name, files
    from hishamos_pipeline.intake.folders import unpacked_brief

    name, raw, beside = unpacked_brief(command.name, command.raw, given)
    return raw, name, {**beside, **(files or {})}


def _refuse_other_limits(projects: Projects, actor: Actor, idea: Idea) -> None:
    """What a project may cost, who approves it and where it goes is said by people alone."""
    before = projects.idea(idea.key) if projects.exists(idea.key) else Idea(key=idea.key, title=idea.title)
    changed = [name for name in SETTINGS if getattr(idea, name) != getattr(before, name)]
    if changed:
        raise ForbiddenError(f"{actor.label} may not do this: {', '.join(changed)} of a brief are people's")


def submit_for(project: Project, brief: str, source: str) -> SubmittedIdea:
    """Submit a brief for one project, whatever key its title would give.

    Args:
        project: the project, with the store of whoever submits.
        brief: the text.
        source: where it comes from, for people.

    Raises:
        IdeaError: the brief cannot be accepted.
    """
    idea = _read(project.settings, brief.encode()).idea
    named = idea.model_copy(update={"key": project.key})
    return SubmittedIdea.of(project.store.projects.submit(named, source))


@requires("projects.read")
def list_ideas(services: Services, actor: Actor, page: PageQuery) -> Page[IdeaView]:
    """A page of the submitted ideas by key, those whose key or title contains a text.

    Raises:
        UsageError: the page's order or cursor is none.
    """
    projects = services.store.projects
    found = projects.page(page)
    newest = projects.newest_revisions([project.id for project in found.items])
    return Page.showing(found, lambda p: IdeaView.of(newest[p.id], key=p.key, title=p.title, state=p.state))


@requires("projects.read", project="key")
def show_idea(services: Services, actor: Actor, key: str) -> IdeaDetails:
    """An idea in its newest revision.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    projects = services.store.projects
    project, revision = projects.get(key), projects.idea_revision(key)
    return IdeaDetails.of(
        revision, key=key, title=project.title, state=project.state, idea=projects.idea(key)
    )


@requires("projects.read", project="key")
def questions(services: Services, actor: Actor, key: str) -> QuestionsView:
    """What is open, and what has been answered, perhaps since the requirements were made.

    Raises:
        ArtifactMissingError: the requirements were never made.
    """
    store = services.acting_as(actor).store
    answered = store.projects.idea(key).answers
    known = {item.question for item in answered}
    asked = store.artifacts.read(key, "requirements", Requirements).questions
    return QuestionsView(open=tuple(item for item in asked if item.question not in known), answered=answered)


@requires("projects.edit", project="command.key")
def answer(services: Services, actor: Actor, command: AnswerQuestion) -> SubmittedIdea:
    """Answer a question, or answer it anew; the answer becomes part of the idea, as its next revision.

    Raises:
        EditError: there is no such question, or the answer is empty or too long.
    """
    found = questions(services, actor, command.key)
    texts = [*(item.question for item in found.open), *(item.question for item in found.answered)]
    if command.number > len(texts):
        raise EditError(f"{command.key} has {len(texts)} questions, not {command.number}")
    if not command.text.strip() or len(command.text) > _LONGEST_ANSWER:
        raise EditError(f"the answer is empty, or longer than {_LONGEST_ANSWER} characters")
    question = texts[command.number - 1]
    projects = services.acting_as(actor).store.projects
    idea = projects.idea(command.key)
    answers = [item for item in idea.answers if item.question != question]
    answers.append(Answer(question=question[:1000], answer=command.text.strip()))
    changed = idea.model_copy(update={"answers": tuple(answers)})
    return SubmittedIdea.of(projects.submit(changed, f"answer to question {command.number}"))


def _read(given: Settings, raw: bytes, name: str = "") -> "AcceptedBrief":
    from hishamos_pipeline.intake.brief import read_document
    from hishamos_pipeline.intake.guarded import read_guarded
    from hishamos_pipeline.intake.source import is_converted

    if is_converted(raw, name):
        return read_guarded(raw, name, given)
    return read_document(raw, name, max_bytes=given.max_brief_bytes, max_features=given.max_features)
