"""Issues with a label become ideas, and are answered: when they are taken in or refused, and when all is built.

The label is the request and is taken off once it is answered: a text that is changed afterwards counts only when the
label is set again. Every answer holds a mark, so that none is given twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial

from hishamos_pipeline.core.actor import EVERY_ORGANIZATION, Actor
from hishamos_pipeline.core.artifacts.documents import VerifiedBuild
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.target import HOSTS
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import code_block
from hishamos_pipeline.delivery.hosts.issues import Issue, IssueComment, Issues
from hishamos_pipeline.errors import (
    ArtifactMissingError,
    HishamosError,
    HostError,
    IdeaError,
    ProjectBusyError,
    StorageError,
)
from hishamos_pipeline.intake.guarded import read_guarded
from hishamos_pipeline.intake.problems import FRONT_MATTER
from hishamos_pipeline.intake.source import detect_format
from hishamos_pipeline.settings import IssueIntake, Settings, listed
from hishamos_pipeline.store.issues.repository import Due
from hishamos_pipeline.store.projects.repository import Submission
from hishamos_pipeline.store.projects.tables import STUCK_STATES
from hishamos_pipeline.store.store import ProjectStore

# What issue templates hold for whoever writes the issue.
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
# Begins the mark of our own answers.
_MARK = "<!-- hishamos "
# What a host says of one issue: it is gone, moved or locked. Anything else would be said of the next one too.
_OF_ONE = ("not_found", "redirect", "name_taken", "permission", "refused", "gone")


@dataclass
class Served:
    """What was done for the issues of a repository, and what could not be done, in words."""

    done: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def serve(
    store: ProjectStore, issues: Issues, asked: IssueIntake, settings: Settings, *, most: int, until: float
) -> Served:
    """Answer issues whose projects have ended, and take in labelled issues of a repository.

    Args:
        store: the project store.
        issues: those of the repository.
        asked: the repository and its label.
        settings: limits of briefs.
        most: how many issues at most, of each sort.
        until: when to stop beginning another, by ``time.monotonic``.

    Raises:
        HostError: the host could not be asked; what was done stays done.
        StorageError: the store cannot be reached; the issues keep their label.
    """
    served = Served()

    def one(number: int, work: Callable[[], str]) -> None:
        """Do something for one issue, which must not hold up the others."""
        try:
            said = work()
        except HostError as error:
            if error.cause not in _OF_ONE:
                raise
            served.wrong.append(f"{asked.repository}#{number}: {error}")
            return
        if said:
            served.done.append(f"{asked.repository}#{number}: {said}")

    for due in store.issue_ideas.due(asked.host, asked.repository, most):
        if time.monotonic() >= until:
            return served
        one(due.number, partial(_tell_end, store, issues, due))
        store.issue_ideas.answered(due)  # what cannot be answered is not tried for ever
    for issue in issues.labelled(asked.label, most) if time.monotonic() < until else ():
        if time.monotonic() >= until:
            break
        one(issue.number, partial(_take, store, issues, asked, issue, settings))
    return served


def brief_of(issue: Issue, comments: Sequence[IssueComment], settings: Settings) -> Idea:
    """An issue as an idea: its text is the brief, and its title the title, unless the text has one.

    Comments are sections below the text; of a text that is no Markdown they are left out.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    text = _plain(issue.body)
    if detect_format(text) in ("markdown", "line") or FRONT_MATTER.match(text):
        front = FRONT_MATTER.match(text)
        start = front.end() if front else 0
        if not text[start:].lstrip().startswith("# "):
            text = f"{text[:start]}# {' '.join(issue.title.split())}\n\n{text[start:]}"
        said = [(item.author, _plain(item.body)) for item in comments]
        text += (
            "\n```" if said and text.count("```") % 2 else ""
        )  # a block that is never closed would hide them
        text += "".join(f"\n\n## Comment of {author}\n\n{body}\n" for author, body in said if body)
    return read_guarded(text.encode(), "", settings).idea


def _take(store: ProjectStore, issues: Issues, asked: IssueIntake, issue: Issue, settings: Settings) -> str:
    """Submit an issue's brief, answer, and take the label off; what was done, nothing if it has to wait."""
    comments: list[IssueComment] = []
    try:
        if not _may_ask(asked, issue.author):
            fix = "Ask somebody who may." if asked.authors else "Whoever operates this names `authors` first."
            raise IdeaError("author", f"{issue.author} may not ask for builds here", fix)
        comments += [
            item
            for item in issues.comments(issue.number)
            if _may_ask(asked, item.author) and _MARK not in item.body
        ]
        text = _accepted(store, asked, *_submit(store, asked, issue, brief_of(issue, comments, settings)))
    except StorageError:
        raise  # the brief is not at fault
    except ProjectBusyError:
        return ""  # nor is it here: the project of that key is being deleted
    except HishamosError as error:
        text = _refused(asked, issue, comments, error)
    _answer(issues, issue.number, text)
    issues.unlabel(issue.number, asked.label)
    return text.splitlines()[0]


def _plain(text: str) -> str:
    """What somebody has written, without what hosts and templates put around it."""
    return _HIDDEN.sub("", text.replace("\r\n", "\n")).strip()


def _may_ask(asked: IssueIntake, author: str) -> bool:
    return any(fnmatchcase(author, pattern) for pattern in listed(asked.authors))


def _submit(store: ProjectStore, asked: IssueIntake, issue: Issue, idea: Idea) -> tuple[Submission, str]:
    """Submit to the issue's own project, whatever its title is by now, or to a new one; and that one's state before.

    Raises:
        IdeaError: there is a project of that key which comes from elsewhere.
    """
    where = (asked.host, asked.repository, issue.number)
    source = f"{asked.host}:{asked.repository}#{issue.number}"
    own = store.issue_ideas.project_of(*where)
    if own:
        idea = idea.model_copy(update={"key": own})
    elif store.projects.exists(idea.key) and store.projects.idea_revision(idea.key, 1).source != source:
        raise IdeaError("title", f"there is another project {idea.key!r} already", "Give it another title.")
    before = store.projects.get(idea.key).state if own else ""
    asked_by = Actor("", "sensor", EVERY_ORGANIZATION, "issue", f"{asked.host}:{issue.author}")
    made = store.acting_as(asked_by).projects.submit(idea, source)
    if made.changed or not own:
        store.issue_ideas.keep(idea.key, *where, made.revision)
    return made, before


def _accepted(store: ProjectStore, asked: IssueIntake, made: Submission, before: str) -> str:
    again = f"To change it, change this issue and set the label `{asked.label}` again."
    if before not in ("", "submitted", "building") and not made.changed:
        project = store.projects.get(made.key)
        return (
            f"Nothing has changed since revision {made.revision} of the brief of project `{made.key}`, which is "
            f"{project.state}.\n\n{_quoted(project.reason)}{again}\n"
            + _mark("unchanged", f"{made.key}-{made.revision}-{project.updated_at:%Y%m%d%H%M%S}")
        )
    return (
        f"Taken in as project `{made.key}`, revision {made.revision} of its brief. How it ends will be told here.\n\n"
        f"{again}\n" + _mark("accepted", f"{made.key}-{made.revision}")
    )


def _refused(asked: IssueIntake, issue: Issue, comments: Sequence[IssueComment], error: HishamosError) -> str:
    said = "\n".join(item.body for item in comments)
    digest = sha256_text(f"{issue.title}\n{issue.body}\n{said}\n{error}")[:16]
    return (
        f"This cannot be built as it is:\n\n{_quoted(str(error))}"
        f"Change the issue, and set the label `{asked.label}` again.\n" + _mark("refused", digest)
    )


def _tell_end(store: ProjectStore, issues: Issues, due: Due) -> str:
    # What is built by now may be for a brief that came from elsewhere.
    if store.projects.idea_revision(due.project.key).revision != due.revision:
        return ""
    _answer(issues, due.number, ended(store, due))
    return due.project.state


def ended(store: ProjectStore, due: Due) -> str:
    """The answer to an issue whose project has ended."""
    project = due.project
    mark = _mark(project.state, f"{project.key}-{due.revision}-{project.updated_at:%Y%m%d%H%M%S}")
    if project.state in STUCK_STATES:
        where = f" at {project.failed_step}" if project.failed_step else ""
        return f"Project `{project.key}` is {project.state}{where}:\n\n{_quoted(project.reason)}{mark}"
    lines = [f"Project `{project.key}` is built and verified."]
    try:
        build = store.artifacts.read(project.key, "verified_build", VerifiedBuild)
        lines.append(
            f"\n{build.requirements_verified} requirements are shown by {build.tests} tests that passed; "
            f"{len(build.deferred)} stories are deferred."
        )
        lines += [
            f"\n- {item.story} could not be verified: {_quoted(item.reason)}" for item in build.deferrals
        ]
    except ArtifactMissingError:
        pass
    return "\n".join([*lines, *_places(store, project.key), mark])


def _places(store: ProjectStore, key: str) -> Sequence[str]:
    found = [store.deliveries.publication(key, kind) for kind in HOSTS]
    return [f"\n{made.change_url or made.web_url}" for made in found if made and made.web_url]


def _answer(issues: Issues, number: int, text: str) -> None:
    """Comment, unless that was done before the process was killed or the answer of the host was lost."""
    mark = text.rpartition("<!--")[2]
    if issues.answered(number, mark):
        return
    try:
        issues.comment(number, text)
    except HostError as error:
        if not error.done or not issues.answered(number, mark):
            raise


def _quoted(text: str) -> str:
    return f"{code_block(mask(text)[:2000])}\n\n" if text else ""


def _mark(what: str, which: str) -> str:
    return f"\n{_MARK}{what} {which} -->"
