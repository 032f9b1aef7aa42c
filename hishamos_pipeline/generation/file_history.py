"""The files of a project as they were made before: which of them stay, and what of the others has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.file_questions import FileRequest, FileRevision, FileText, InputChange
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.core.artifacts.documents import (
    FileKind,
    VerifiedBuild,
)
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.generation.file_asks import (
    FILE_ARTIFACTS,
    FILE_TASKS,
    FileAsk,
    Plans,
    file_asks,
)
from hishamos_pipeline.generation.keeping import changes, pieces
from hishamos_pipeline.generation.plans import plans_of
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.units import Earlier

STAYS = "nothing that it is written from has changed"
_REVISIONS: Mapping[FileKind, Task[FileRevision, FileText]] = {
    "source": tasks.REVISE_SOURCE,
    "test": tasks.REVISE_TEST,
    "docs": tasks.REVISE_DOCUMENT,
}
_MOST_NAMED = 5


@dataclass(frozen=True)
class FileHistory:
    """The files of one kind as they were made last.

    Args:
        project: the project.
        file_kind: which of its files.
        engine: whoever made them, and would make them again.
        only: the batch for which alone units may be taken, if any.
    """

    project: Project
    file_kind: FileKind
    engine: Engine
    only: str = ""

    def with_earlier(self, asks: Sequence[FileAsk], plans: Plans) -> list[FileAsk]:
        """Questions for files, each with what there is of the file already; nothing where no model is asked for it."""
        revise = _REVISIONS.get(self.file_kind)
        if revise is None or not self.engine.asks_models(revise) or not self._before:
            return list(asks)
        return [self._with_earlier(ask, plans, revise) for ask in asks]

    def _with_earlier(self, ask: FileAsk, plans: Plans, revise: Task[FileRevision, FileText]) -> FileAsk:
        before = self._before.get(_identity(ask))
        if before is None or not self.engine.asks_models(FILE_TASKS[self.file_kind], ask.question):
            return ask
        question, made = before
        old = {story.id: story.criteria for story in question.stories.stories}
        stories = tuple(s.id for s in ask.question.stories.planned if old.get(s.id) != s.criteria)
        text = self._delivered.get((question.path, sha256_text(made)), made)
        changed = changes(pieces(question, text), pieces(ask.question, text))
        if not changed:
            return replace(ask, earlier=Earlier(made, STAYS))
        revision = _revision(ask.question, text, changed, plans, stories)
        return replace(ask, earlier=Earlier(text, _told(changed), (revise, revision)))

    @cached_property
    def _before(self) -> Mapping[str, tuple[FileRequest, str]]:
        """Questions as they were asked last, with what the engine has made of them, by what the files are about."""
        plans = self._plans_before()
        if plans is None:
            return {}
        asks = file_asks(plans, self.file_kind)
        task = FILE_TASKS[self.file_kind]
        # A file that it is built on may have been written by a person since, or not have been yet.
        bare = [
            replace(ask, question=ask.question.model_copy(update={"edited": ()}))
            for ask in asks
            if ask.question.edited
        ]
        keys = {self.engine.fingerprint(task, ask.question): ask for ask in (*bare, *asks)}
        made = self.project.store.units.find(self.project.key, keys, self.only)
        return {_identity(ask): (ask.question, made[key]) for key, ask in keys.items() if key in made}

    def _plans_before(self) -> Plans | None:
        artifact = FILE_ARTIFACTS[self.file_kind]
        row = self.project.store.artifacts.head(self.project.key, artifact)
        if row is None:
            return None
        plans = plans_of(self.project, row)
        return replace(plans, edited=self.project.edited_files(artifact)) if plans else None

    @cached_property
    def _delivered(self) -> Mapping[tuple[str, str], str]:
        """Texts that repair has corrected since, by path and by the hash of what it has corrected."""
        build = self.project.store.artifacts.before(self.project.key, "verified_build", VerifiedBuild)
        if build is None:
            return {}
        texts = self.project.blobs(item.after for item in build.repairs)
        return {(item.path, item.before): texts[item.after] for item in build.repairs}


def _identity(ask: FileAsk) -> str:
    """What a file is about: the tests of a story are, whatever its title, and with it the file, is called."""
    story = ask.question.story
    return story.id if story else ask.name


def _revision(
    question: FileRequest, text: str, changed: Sequence[InputChange], plans: Plans, stories: tuple[str, ...]
) -> FileRevision:
    revision = FileRevision(
        **{name: getattr(question, name) for name in type(question).model_fields},
        text=text,
        changes=tuple(changed),
        changed_stories=stories,
    )
    concerned = {story.id for story in revision.touched}
    return revision.model_copy(update={"brief": plans.excerpt(concerned)}) if concerned else revision


def _told(changed: Sequence[InputChange]) -> str:
    names = [change.name for change in changed]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"changed for {', '.join(names[:_MOST_NAMED])}{more}"
