"""Questions about one file of a plan: to write it, to change it, to correct it; and what answers them."""

from typing import Literal

from pydantic import Field

from hishamos_pipeline.core.artifacts.brief import Excerpt
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Architecture, PlannedFile, Stories, Story
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.core.text.interfaces import outline

# Lines from which on a file is changed by edits, and not written out again.
LONG_FILE = 300
# Characters of interfaces that a prompt may show although it needs only some of them.
LITTLE = 20_000


class SourceText(Document):
    """A file that is known already."""

    path: str
    text: str


class InputChange(Document):
    """Something that was worked from and that is another now: its name, and how, as a diff."""

    name: str
    diff: str


class AboutFile(Document):
    """A question about one file of a plan, with what the brief says of what it serves."""

    path: str
    architecture: Architecture
    stories: Stories
    brief: Excerpt = Excerpt()

    @property
    def planned(self) -> PlannedFile | None:
        """The plan of this file; test files of stories have none."""
        return next((file for file in self.architecture.files if file.path == self.path), None)

    @property
    def is_source(self) -> bool:
        """Whether it is code or data of the product, as planned."""
        return self.planned is not None and self.planned.kind == "source"

    @property
    def story(self) -> Story | None:
        """The story whose test file this is."""
        paths = {story_test_path(story.id, story.title): story for story in self.stories.planned}
        return paths.get(self.path)

    @property
    def shown(self) -> tuple[PlannedFile, ...]:
        """The files whose interface this one is written by: of a source file its own and those that it depends on; of
        tests those that they call; of documents all of them, or, where that is much, those that users call.
        """
        files, plan = self.architecture.files, self.architecture
        offering = self._offering
        if self.planned is not None and self.planned.kind == "source":
            wanted = {self.path, *self.planned.depends_on}
            # What a package passes on is defined below it.
            wanted |= {
                name
                for file in files
                if file.path in wanted and file.path.endswith("__init__.py")
                for name in file.depends_on
            }
            return tuple(file for file in offering if file.path in wanted)
        if self.tells and sum(len(file.interface) for file in offering) <= LITTLE:
            return offering
        served = set(self.story.requirements) if self.story else set()
        called = {plan.called_module, plan.package}
        near = {
            file.path
            for file in offering
            if served & set(file.requirements) or plan.module_of(file.path) in called
        }
        near |= {name for file in offering if file.path in near for name in file.depends_on}
        return tuple(file for file in offering if file.path in near)

    @property
    def _offering(self) -> tuple[PlannedFile, ...]:
        return tuple(file for file in self.architecture.files if file.interface or file.signatures)

    @property
    def tells(self) -> bool:
        """Whether it tells of the product, as documents do."""
        return self.planned is not None and self.planned.kind in ("docs", "ci")

    @property
    def outlined(self) -> tuple[tuple[str, str], ...]:
        """Of tests, what the other files offer, by path and without prose: so that no word of it asks again."""
        if self.tells or self.is_source:
            return ()
        shown = {file.path for file in self.shown}
        found = [(f.path, outline(f.interface)) for f in self._offering if f.path not in shown]
        is_little = sum(len(text) for _, text in found) <= LITTLE
        return tuple((path, text) for path, text in found if text) if is_little else ()

    @property
    def usage(self) -> str:
        """What users call, for what is called or calls it: not for the modules below."""
        plan = self.architecture
        is_below = self.is_source and plan.in_package(self.path)
        return "" if is_below and plan.module_of(self.path) != plan.called_module else plan.usage

    @property
    def named(self) -> tuple[PlannedFile, ...]:
        """The other files of the plan that hold code or data."""
        shown = {self.path, *(file.path for file in self.shown), *(path for path, _ in self.outlined)}
        return tuple(f for f in self.architecture.files if f.kind == "source" and f.path not in shown)


class FileRequest(AboutFile):
    """Asks for one planned file of a project; ``edited`` are the files that it is built on and people have written."""

    edited: tuple[SourceText, ...] = ()

    @property
    def named(self) -> tuple[PlannedFile, ...]:
        """The other files that hold code or data; for a source file none, which may use only those that it depends on:
        so that a file more does not ask for the others again.
        """
        return () if self.is_source else super().named

    @property
    def shows_criteria(self) -> bool:
        """Whether it is this file that keeps criteria: one that serves all is built on others that do."""
        return self.planned is None or bool(self.planned.requirements) or not self.planned.depends_on

    @property
    def served(self) -> tuple[Story, ...]:
        """The planned stories whose requirements this file serves; all of them where it names none."""
        wanted = set(self.planned.requirements) if self.planned else set()
        return tuple(s for s in self.stories.planned if not wanted or wanted & set(s.requirements))


class FileText(Document):
    """A file's whole text."""

    text: str


class FileRevision(FileRequest):
    """Asks for a file that exists, changed as far as what it was written from has changed; ``text`` is the file.

    ``changed_stories`` are ids of all stories that are new or have other criteria.
    """

    text: str
    changes: tuple[InputChange, ...]
    changed_stories: tuple[str, ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether the answer is edits of the file, and not the file whole."""
        return self.text.count("\n") > LONG_FILE

    @property
    def touched(self) -> tuple[Story, ...]:
        """The stories some of whose criteria have changed."""
        changed = {change.name.removeprefix("criterion ") for change in self.changes}
        own = (self.story,) if self.story else self.served
        if not self.shows_criteria:  # it may keep any of them
            return tuple(s for s in own if s.id in self.changed_stories)
        return tuple(s for s in own if changed & {item.id for item in s.criteria})


class TextEdit(Document):
    """A place in a file, by text that stands there once, and what is to stand there."""

    search: str = Field(min_length=1)
    replace: str


class FileEdits(Document):
    """Edits of a file, done in their order."""

    edits: tuple[TextEdit, ...] = ()


class RepairRequest(AboutFile):
    """Asks for one file again, corrected: with what failed, the files that the failure is about, and diffs that did not
    help.
    """

    text: str
    failures: tuple[str, ...]
    related: tuple[SourceText, ...]
    reason: str = ""
    tried: tuple[str, ...] = ()


class Correction(Document):
    """A corrected file, or why it is not: another file is at fault (``path``), the code and not the test, the plan, or
    nobody that a repair could reach.
    """

    outcome: Literal["corrected", "other_file", "code_at_fault", "plan_at_fault", "impossible"] = "corrected"
    text: str = ""
    path: str = ""
    reason: str = ""


class FaultRequest(Document):
    """Asks on which side a failure's fault is, where no rule can tell."""

    failure: str
    files: tuple[SourceText, ...]
    criteria: tuple[str, ...]


class Fault(Document):
    """The side that has to change, with the reason."""

    side: Literal["code", "test"]
    reason: str = Field(min_length=1)
