"""``hishamos ideas``: submit briefs, and list what was submitted."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services

if TYPE_CHECKING:
    from hishamos_pipeline.core.documents import OpenQuestion
    from hishamos_pipeline.core.idea import Answer
    from hishamos_pipeline.generation.services import Services
    from hishamos_pipeline.store.projects.repository import Submission


@click.group("ideas")
def command() -> None:
    """Submit briefs, and list what was submitted."""


@command.command("submit")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
def submit(file: Path, as_json: bool) -> None:
    """Submit the brief in FILE, or from standard input with `-`.

    A changed brief under the same key becomes the next revision of it.
    """
    with services() as opened:
        done = submit_file(opened, file)
    if as_json:
        print_json({"key": done.key, "revision": done.revision, "changed": done.changed})
    elif done.changed:
        click.echo(f"accepted {done.key}, revision {done.revision}; build it with: hishamos build {done.key}")
    else:
        click.echo(f"{done.key} is unchanged: it equals revision {done.revision}")


@command.command("list")
@json_option
def list_ideas(as_json: bool) -> None:
    """List submitted ideas with their newest revision."""
    with services() as opened:
        projects = opened.store.projects
        rows = [(project, projects.idea_revision(project.key)) for project in projects.all()]
    if as_json:
        print_json(
            [
                {
                    "key": project.key,
                    "title": project.title,
                    "revision": idea.revision,
                    "source": idea.source,
                    "submitted_at": idea.submitted_at,
                    "state": project.state,
                }
                for project, idea in rows
            ]
        )
        return
    print_table(
        ("key", "title", "revision", "source", "state"),
        [(p.key, p.title, i.revision, i.source, p.state) for p, i in rows],
    )


@command.command("questions")
@click.argument("key")
@json_option
def questions(key: str, as_json: bool) -> None:
    """Show what the requirements leave open, and what is assumed until it is answered."""
    with services() as opened:
        asked, answered = _questions(opened, key)
    if as_json:
        print_json({"open": [q.model_dump() for q in asked], "answered": [a.model_dump() for a in answered]})
    elif not asked and not answered:
        click.echo(f"the requirements of {key} leave no question open")
    else:
        rows = [(item.question, f"assumed: {item.assumption}") for item in asked]
        rows += [(item.question, item.answer) for item in answered]
        print_table(("", "question", "answer"), [(n, *row) for n, row in enumerate(rows, start=1)])


@command.command("answer")
@click.argument("key")
@click.argument("number", type=click.IntRange(1))
@click.argument("text")
def answer(key: str, number: int, text: str) -> None:
    """Answer question NUMBER of `hishamos ideas questions KEY`, or answer it anew.

    The answer becomes part of the idea; the next build makes again what depends on it.
    """
    from hishamos_pipeline.core.idea import Answer

    with services() as opened:
        asked, answered = _questions(opened, key)
        texts = [*(item.question for item in asked), *(item.question for item in answered)]
        if number > len(texts):
            raise click.UsageError(f"{key} has {len(texts)} questions, not {number}")
        question = texts[number - 1]
        idea = opened.store.projects.idea(key)
        if not text.strip() or len(text) > 2000:
            raise click.UsageError("the answer is empty, or longer than 2000 characters")
        answers = [item for item in idea.answers if item.question != question]
        answers.append(Answer(question=question[:1000], answer=text.strip()))
        done = opened.store.projects.submit(
            idea.model_copy(update={"answers": tuple(answers)}), f"answer to question {number}"
        )
    click.echo(f"recorded as revision {done.revision}; build it with: hishamos build {key}")


def _questions(opened: "Services", key: str) -> tuple[tuple["OpenQuestion", ...], tuple["Answer", ...]]:
    """What is open, and what has been answered, perhaps since the requirements were made."""
    from hishamos_pipeline.core.documents import Requirements

    answered = opened.store.projects.idea(key).answers
    known = {item.question for item in answered}
    asked = opened.project(key).project.read("requirements", Requirements).questions
    return tuple(item for item in asked if item.question not in known), answered


def submit_file(opened: "Services", file: Path) -> "Submission":
    """Read a brief from a file or standard input and submit it.

    Raises:
        click.UsageError: the file cannot be read.
        IdeaError: the brief cannot be accepted.
    """
    from hishamos_pipeline.intake.brief import read_brief

    limit = opened.settings.max_brief_bytes
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(limit + 1)
        else:
            with file.open("rb") as stream:
                raw = stream.read(limit + 1)
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from error
    name = "" if str(file) == "-" else file.name
    idea = read_brief(raw, name, max_bytes=limit, max_features=opened.settings.max_features)
    return opened.store.projects.submit(idea, name or "standard input")
