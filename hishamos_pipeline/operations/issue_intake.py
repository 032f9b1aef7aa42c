"""Issues with a label become ideas, and are answered: when they are taken in or refused, and when all is built.

The label is the request and is taken off once it is answered: who may set labels may ask for builds, and a text that is
changed afterwards counts only when the label is set again. Every answer holds a mark, so that none is given twice.
"""

import re
import time
from collections.abc import Sequence

from hishamos_pipeline.core.documents import VerifiedBuild
from hishamos_pipeline.core.graph import EXPORTS
from hishamos_pipeline.core.hashing import sha256_text
from hishamos_pipeline.core.idea import Idea
from hishamos_pipeline.core.secrets import mask
from hishamos_pipeline.delivery.hosts.issues import Issue, Issues
from hishamos_pipeline.errors import ArtifactMissingError, HishamosError, HostError, IdeaError, StorageError
from hishamos_pipeline.intake.brief import detect_format, read_brief
from hishamos_pipeline.settings import IssueIntake, Settings
from hishamos_pipeline.store.issue_ideas import Due
from hishamos_pipeline.store.store import ProjectStore

# What issue templates hold for whoever writes the issue.
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)


def serve(
    store: ProjectStore, issues: Issues, asked: IssueIntake, settings: Settings, *, most: int, until: float
) -> list[str]:
    """Take in labelled issues of a repository, and answer those whose projects have ended; what was done, in words.

    Args:
        store: the project store.
        issues: those of the repository.
        asked: the repository and its label.
        settings: limits of briefs.
        most: how many issues at most, of each sort.
        until: when to stop beginning another, by ``time.monotonic``.

    Raises:
        HostError: the host could not be asked or answered; what was done stays done.
        StorageError: the store cannot be reached; the issues keep their label.
    """
    done: list[str] = []
    for issue in issues.labelled(asked.label, most):
        if time.monotonic() >= until:
            return done
        text = _take(store, asked, issue, settings)
        _answer(issues, issue.number, text)
        issues.unlabel(issue.number, asked.label)
        done.append(f"{asked.repository}#{issue.number}: {text.splitlines()[0]}")
    for due in store.issue_ideas.due(asked.host, asked.repository, most):
        if time.monotonic() >= until:
            return done
        # What is built by now may be for a brief that came from elsewhere.
        if store.projects.idea_revision(due.project.key).revision == due.revision:
            _answer(issues, due.number, ended(store, due))
            done.append(f"{asked.repository}#{due.number}: {due.project.state}")
        store.issue_ideas.answered(due.id, due.project.state)
    return done


def brief_of(issue: Issue, settings: Settings) -> Idea:
    """An issue as an idea: its text is the brief, and its title the title, unless the text has one.

    Raises:
        IdeaError: names the field at fault and what to do.
    """
    text = _HIDDEN.sub("", issue.body).strip()
    if detect_format(text) in ("markdown", "line") and not text.startswith("# "):
        text = f"# {' '.join(issue.title.split())}\n\n{text}"
    return read_brief(text.encode(), max_bytes=settings.max_brief_bytes, max_features=settings.max_features)


def _take(store: ProjectStore, asked: IssueIntake, issue: Issue, settings: Settings) -> str:
    """Submit an issue's brief; the answer to it."""
    where = (asked.host, asked.repository, issue.number)
    try:
        idea = brief_of(issue, settings)
        if store.projects.exists(idea.key) and store.issue_ideas.owner(idea.key) != where:
            raise IdeaError(
                "title", f"there is another project {idea.key!r} already", "Give it another title."
            )
        made = store.projects.submit(idea, f"{asked.host}:{asked.repository}#{issue.number}")
        store.issue_ideas.keep(idea.key, *where, made.revision)
    except StorageError:
        raise  # the brief is not at fault
    except HishamosError as error:
        said = mask(str(error)).replace("`", "'")[:2000]
        return (
            "This cannot be built as it is:\n\n"
            f"```\n{said}\n```\n\nChange the issue, and set the label `{asked.label}` again.\n"
            + _mark("refused", sha256_text(f"{issue.title}\n{issue.body}")[:16])
        )
    return (
        f"Taken in as project `{idea.key}`, revision {made.revision} of its brief. How it ends will be told here.\n\n"
        f"To change it, change this issue and set the label `{asked.label}` again.\n"
        + _mark("accepted", f"{idea.key}-{made.revision}")
    )


def ended(store: ProjectStore, due: Due) -> str:
    """The answer to an issue whose project has ended."""
    project = due.project
    mark = _mark(project.state, f"{project.key}-{due.revision}-{project.updated_at:%Y%m%d%H%M%S}")
    if project.state in ("failed", "blocked"):
        said = mask(project.reason).replace("`", "'")[:2000]
        where = f" at {project.failed_step}" if project.failed_step else ""
        return f"Project `{project.key}` is {project.state}{where}:\n\n```\n{said}\n```\n{mark}"
    lines = [f"Project `{project.key}` is built and verified."]
    try:
        build = store.artifacts.read(project.key, "verified_build", VerifiedBuild)
        lines.append(
            f"\n{build.requirements_verified} requirements are shown by {build.tests} tests that passed; "
            f"{len(build.deferred)} stories are deferred."
        )
    except ArtifactMissingError:
        pass
    return "\n".join([*lines, *_places(store, project.key), mark])


def _places(store: ProjectStore, key: str) -> Sequence[str]:
    found = [store.deliveries.publication(key, kind) for kind in EXPORTS if kind in ("github", "gitlab")]
    return [f"\n{made.change_url or made.web_url}" for made in found if made and made.web_url]


def _answer(issues: Issues, number: int, text: str) -> None:
    """Comment, unless that was done before the process was killed or the answer of the host was lost."""
    mark = text.rpartition("<!--")[2]
    if issues.has_comment(number, mark):
        return
    try:
        issues.comment(number, text)
    except HostError as error:
        if not error.done or not issues.has_comment(number, mark):
            raise


def _mark(what: str, which: str) -> str:
    return f"\n<!-- hishamos {what} {which} -->"
