"""Which commits a repository gets: a pure plan, and its form as a ``git fast-import`` stream."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories, Story, TreeFile
from hishamos_pipeline.core.text.untrusted import git_path, neutralize_mentions, one_line

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """A commit: its message, the files it writes and the paths it removes."""

    subject: str
    body: str
    trailers: tuple[tuple[str, str], ...]
    files: tuple[TreeFile, ...]
    removed: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Subject, body and trailers, as git wants them."""
        trailers = "\n".join(f"{name}: {value}" for name, value in self.trailers)
        return "\n\n".join(part for part in (self.subject, self.body, trailers) if part) + "\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """Author and committer."""

    name: str
    email: str


def first_history(
    files: Sequence[TreeFile], stories: Stories, plan: SprintPlan, title: str
) -> tuple[PlannedCommit, ...]:
    """One commit with what serves the whole project, then one for each story in sprint order.

    A file that serves several stories comes with the first of them.
    """
    by_id = {story.id: story for story in stories.stories}
    epics = {epic.id: epic.title for epic in stories.epics}
    order = [name for sprint in plan.sprints for name in sprint.stories]
    rank = {name: index for index, name in enumerate(order)}
    groups: dict[str, list[TreeFile]] = {name: [] for name in order}
    shared: list[TreeFile] = []
    for file in files:
        served = sorted((name for name in file.stories if name in rank), key=rank.__getitem__)
        (groups[served[0]] if served else shared).append(file)
    commits = [PlannedCommit("chore: set up the project", f"Set up {_safe_line(title)}.", (), tuple(shared))]
    for name in order:
        if groups[name]:
            commits.append(_story_commit(by_id[name], epics, tuple(groups[name])))
    return tuple(commits)


def change(
    files: Sequence[TreeFile], removed: Sequence[str], stories: Stories, known: Collection[str]
) -> PlannedCommit:
    """One commit for all that has changed since the last one.

    Args:
        files: the files that are new or differ.
        removed: paths that are gone.
        stories: the backlog, for titles.
        known: paths that were there before; a story with a file of its own that is not is new.
    """
    by_id = {story.id: story for story in stories.stories}
    new = {file.stories[0] for file in files if len(file.stories) == 1 and file.path not in known}
    touched = {name for file in files for name in file.stories}
    named = [story.id for story in stories.stories if story.id in (new or touched)]
    if len(named) == 1:
        subject = f"feat: {_lower(by_id[named[0]].title)}"
    elif named:
        subject = f"feat: {'add' if new else 'change'} {len(named)} stories"
    else:
        subject = "chore: update the project"
    body = "\n".join(f"- {name} {_safe_line(by_id[name].title)}" for name in named[1:] and named)
    return PlannedCommit(
        _safe_line(subject)[:100],
        body,
        tuple(("Story", name) for name in named),
        tuple(files),
        tuple(removed),
    )


def fast_import(
    commits: Sequence[PlannedCommit],
    texts: Mapping[str, str],
    identity: Identity,
    start: datetime,
    parent: str = "",
) -> Iterator[bytes]:
    """The commits as a stream for ``git fast-import``; the same input gives the same commit ids.

    Args:
        commits: what to commit, in order.
        texts: file texts by SHA-256.
        identity: author and committer.
        start: time of the first commit; each further one is a second later.
        parent: commit to build upon, empty for a new history.
    """
    for index, commit in enumerate(commits):
        stamp = int((start + timedelta(seconds=index)).timestamp())
        who = f"{_ident(identity.name)} <{_ident(identity.email)}> {stamp} +0000"
        message = commit.message.encode()
        yield f"commit refs/heads/{BRANCH}\nauthor {who}\ncommitter {who}\n".encode()
        yield b"data %d\n%s\n" % (len(message), message)
        if index == 0 and parent:
            yield f"from {parent}\n".encode()
        for path in commit.removed:
            yield f"D {git_path(path)}\n".encode()
        for file in commit.files:
            data = texts[file.sha256].encode()
            mode = "100755" if file.executable else "100644"
            yield f"M {mode} inline {git_path(file.path)}\n".encode()
            yield b"data %d\n%s\n" % (len(data), data)
    yield b"done\n"


def write_stream(stream: BinaryIO, parts: Iterator[bytes]) -> None:
    """Write a stream piece by piece."""
    for part in parts:
        stream.write(part)


def _story_commit(story: Story, epics: Mapping[str, str], files: tuple[TreeFile, ...]) -> PlannedCommit:
    scope = "".join(c if c.isascii() and c.isalnum() else "-" for c in epics[story.epic].lower())
    return PlannedCommit(
        _safe_line(f"feat({scope.strip('-')}): {_lower(story.title)}")[:100],
        "",
        (("Story", story.id), *(("Requirement", name) for name in story.requirements)),
        files,
    )


def _safe_line(text: str) -> str:
    """A text of which nothing can become a trailer, and that hosts do nothing about."""
    return neutralize_mentions(one_line(text))


def _lower(title: str) -> str:
    first, _, rest = title.partition(" ")
    return title if first.isupper() and len(first) > 1 else f"{first.lower()} {rest}".strip()


def _ident(text: str) -> str:
    return " ".join("".join(c for c in text if c not in "<>\0").split()) or "HishamOS"
