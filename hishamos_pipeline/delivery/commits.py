"""Which commits a repository gets: a pure plan, and its form as a ``git fast-import`` stream."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from textwrap import shorten
from typing import BinaryIO

from hishamos_pipeline.core.artifacts.documents import SprintPlan, Stories, Story, TreeFile
from hishamos_pipeline.core.text.untrusted import git_path, neutralize_mentions, one_line
from hishamos_pipeline.verification.provenance import PATH

BRANCH = "main"
_MOST_NAMED, _LONGEST_SUBJECT = 4, 100


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


def changes(
    files: Sequence[TreeFile],
    removed: Sequence[str],
    stories: Stories,
    known: Collection[str],
    before: Stories | None = None,
) -> tuple[PlannedCommit, ...]:
    """One commit for each story that has changed, and one for what belongs to none.

    A file of several stories comes with the first of them that has changed.

    Args:
        files: the files that are new or differ.
        removed: paths that are gone.
        stories: the backlog.
        known: paths that were there before; without ``before``, a story with a file of its own that is not is new.
        before: the backlog of the last commit, where it is known.
    """
    now = {story.id: story for story in stories.stories}
    old = {story.id: story for story in before.stories} if before else {}
    fresh = (
        {f.stories[0] for f in files if len(f.stories) == 1 and f.path not in known} if not before else set()
    )
    told = {name: _told(old.get(name), story) for name, story in now.items()} if before else {}
    groups: dict[str, list[TreeFile]] = {name: [] for name in now}
    shared: list[TreeFile] = []
    for file in files:
        own = [name for name in now if name in file.stories]
        changed = [name for name in own if told.get(name) or name in fresh]
        home = (changed or own[:1] if len(own) == 1 or changed else [""])[0] if own else ""
        (groups[home] if home else shared).append(file)
    gone = {
        story: [path for path in removed if path.startswith(_tests_of(story.id))]
        for story in old.values()
        if story.id not in now
    }
    told_with = tuple(_tests_of(name) for name, group in groups.items() if group)
    left = [
        path
        for path in removed
        if not path.startswith(told_with) and not any(path in paths for paths in gone.values())
    ]
    epics = {epic.id: epic.title for epic in stories.epics}
    made = [
        replace(
            _changed_story(
                now[name], epics, told.get(name, []), tuple(group), is_new=not before or name not in old
            ),
            removed=tuple(path for path in removed if path.startswith(_tests_of(name))),
        )
        for name, group in groups.items()
        if group
    ]
    made += [
        PlannedCommit(
            _subject(f"feat: remove {_lower(story.title)}"), "", (("Story", story.id),), (), tuple(paths)
        )
        for story, paths in gone.items()
        if paths
    ]
    return _with_shared(made, shared, left)


def _with_shared(
    made: Sequence[PlannedCommit], shared: Sequence[TreeFile], removed: Sequence[str]
) -> tuple[PlannedCommit, ...]:
    """The commits with one of what belongs to no story; the record of provenance comes with the last."""
    record = tuple(file for file in shared if file.path == PATH)
    rest = tuple(file for file in shared if file.path != PATH)
    if rest or not made:
        paths = [*(file.path for file in rest), *removed] or [PATH]
        named = _listed([path.rsplit("/", 1)[-1] for path in paths])
        commit = PlannedCommit(_subject(f"{_kind(paths)}: update {named}"), "", (), rest, tuple(removed))
        made, removed = [*made, commit], ()
    last = replace(made[-1], files=(*made[-1].files, *record), removed=(*made[-1].removed, *removed))
    return (*made[:-1], last)


def _changed_story(
    story: Story, epics: Mapping[str, str], told: Sequence[str], files: tuple[TreeFile, ...], *, is_new: bool
) -> PlannedCommit:
    """The commit of a story: a feature where it says something else, else what kind of files are others."""
    kind = "feat" if told or is_new else _kind([file.path for file in files])
    listed = _listed([file.path for file in files])
    body = "\n".join(
        [*(f"- {line}" for line in told if not is_new), *([f"Files: {listed}."] if not is_new else [])]
    )
    commit = _story_commit(story, epics, files)
    return replace(commit, subject=commit.subject.replace("feat", kind, 1), body=body)


def _told(before: Story | None, now: Story) -> list[str]:
    """What has changed of a story, in words."""
    if before is None:
        return ["the story is new"]
    old, new = ({item.id: item for item in story.criteria} for story in (before, now))
    found = [f"now called {_safe_line(now.title)}"] if before.title != now.title else []
    for name, item in new.items():
        said = _safe_line(f"when {item.when}, then {item.then}")
        if name not in old:
            found.append(f"added {name}: {said}")
        elif (old[name].given, old[name].when, old[name].then) != (item.given, item.when, item.then):
            found.append(f"changed {name}: {said}")
    found += [
        f"removed {name}: {_safe_line(f'when {i.when}, then {i.then}')}"
        for name, i in old.items()
        if name not in new
    ]
    return found


def _kind(paths: Sequence[str]) -> str:
    """The type of a commit by its files; see https://www.conventionalcommits.org."""
    if all(path.endswith(".md") or path == "LICENSE" for path in paths):
        return "docs"
    if all(path.startswith((".github/", ".gitlab")) or path == ".gitlab-ci.yml" for path in paths):
        return "ci"
    if all(path.startswith("tests/") for path in paths):
        return "test"
    if any(path.endswith(".py") for path in paths):
        return "refactor"
    return "build" if "pyproject.toml" in paths else "chore"


def _listed(names: Sequence[str]) -> str:
    shown = [_safe_line(name) for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        return f"{', '.join(shown)} and {len(names) - _MOST_NAMED} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _tests_of(story: str) -> str:
    """How the path of a story's test file begins, whatever its title."""
    return f"tests/test_{story.lower().replace('-', '_')}_"


def _subject(text: str) -> str:
    """A subject, cut between words where it is long."""
    line = _safe_line(text)
    cut = shorten(line, _LONGEST_SUBJECT, placeholder=" …")
    if len(line) <= _LONGEST_SUBJECT or len(cut) > _LONGEST_SUBJECT // 2:
        return cut
    return f"{line[: _LONGEST_SUBJECT - 1]}…"  # a title without spaces has no place to cut it between words


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
        _subject(f"feat({scope.strip('-')}): {_lower(story.title)}".replace("feat():", "feat:")),
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
