"""``hishamos ideas``: submit briefs, and list what was submitted."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

if TYPE_CHECKING:
    from hishamos_pipeline.application.ideas import SubmittedIdea
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.services import Services

Command = TypeVar("Command", bound=Callable[..., Any])


def with_option(command: Command) -> Command:
    """The options of commands that submit a brief with files."""
    handed = click.option(
        "--with", "handed", multiple=True, metavar="PATH", type=click.Path(path_type=Path, exists=True),
        help="Hand in a file, a folder or a ZIP with the brief; may be repeated. It takes the place of all files "
        "that were handed in earlier.",
    )  # fmt: skip
    none = click.option("--no-files", is_flag=True, help="Take back all files that were handed in earlier.")
    replaces = click.option(
        "--replace", is_flag=True,
        help="Let it take the place of a project's brief that came from another document.",
    )  # fmt: skip
    return handed(none(replaces(command)))


@click.group("ideas")
def command() -> None:
    """Submit briefs, and list what was submitted."""


@command.command("submit")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@with_option
@json_option
def submit(file: Path, handed: tuple[Path, ...], no_files: bool, replace: bool, as_json: bool) -> None:
    """Submit the brief in FILE, or from standard input with `-`.

    FILE is a document, or a folder or ZIP with a brief and the files beside it. A changed brief under the same key
    becomes the next revision of it.
    """
    with opened() as (services, actor):
        done = submit_file(services, actor, file, handed, no_files=no_files, replace=replace)
    if as_json:
        print_json(done)
    elif done.changed:
        count = len(done.files)
        beside = (
            f", with {count} {'file' if count == 1 else 'files'}"
            if count
            else ", without files"
            if no_files
            else ""
        )
        echo(
            f"accepted {done.key}, revision {done.revision}{beside}; build it with: hishamos build {done.key}"
        )
    else:
        echo(f"{done.key} is unchanged: it equals revision {done.revision}")
    for note in () if as_json else done.notes:
        echo(f"  note         {note}")


@command.command("explain")
@click.argument("brief", metavar="FILE|KEY")
@json_option
def explain(brief: str, as_json: bool) -> None:
    """Show what the engine that needs no key makes of each statement of a brief.

    The brief is that of a file, or of a project. Nothing is submitted.
    """
    from hishamos_pipeline.application import ideas

    path = Path(brief)
    with opened() as (services, actor):
        if path.exists() or path.suffix:
            name, raw, _ = _document(services, path)
            asked = ideas.ExplainIdea(raw=raw, name=name)
        else:
            asked = ideas.ExplainIdea(key=brief)
        found = ideas.explain(services, actor, asked)
    if as_json:
        print_json(found)
    else:
        rows = [(item.line, item.read_as, item.text.partition("\n")[0], item.detail) for item in found]
        print_table(("line", "read as", "statement", "which is"), rows)


@command.command("list")
@click.option("--search", default="", metavar="TEXT", help="Only those whose key or title contains this.")
@click.option(
    "--limit", default=100_000, show_default=True, type=click.IntRange(1), help="Most ideas to list."
)
@json_option
def list_ideas(search: str, limit: int, as_json: bool) -> None:
    """List submitted ideas with their newest revision."""
    from hishamos_pipeline.application import ideas
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = ideas.list_ideas(services, actor, PageQuery(limit, search=search)).items
    if as_json:
        print_json(found)
        return
    columns = ("key", "title", "revision", "source", "state")
    print_table(columns, [(i.key, i.title, i.revision, i.source, i.state) for i in found])


@command.command("questions")
@click.argument("key")
@json_option
def questions(key: str, as_json: bool) -> None:
    """Show what the requirements leave open, and what is assumed until it is answered."""
    from hishamos_pipeline.application import ideas

    with opened() as (services, actor):
        found = ideas.questions(services, actor, key)
    if as_json:
        print_json(found)
    elif not found.open and not found.answered:
        echo(f"the requirements of {key} have no open question")
    else:
        rows = [(item.question, f"assumed: {item.assumption}") for item in found.open]
        rows += [(item.question, item.answer) for item in found.answered]
        print_table(("", "question", "answer"), [(n, *row) for n, row in enumerate(rows, start=1)])


@command.command("answer")
@click.argument("key")
@click.argument("number", type=click.IntRange(1))
@click.argument("text")
def answer(key: str, number: int, text: str) -> None:
    """Answer question NUMBER of `hishamos ideas questions KEY`, or answer it anew.

    The answer becomes part of the idea; the next build makes again what depends on it.
    """
    from hishamos_pipeline.application import ideas

    with opened() as (services, actor):
        done = ideas.answer(services, actor, ideas.AnswerQuestion(key=key, number=number, text=text))
    echo(f"recorded as revision {done.revision}; build it with: hishamos build {key}")


def submit_file(
    services: "Services",
    actor: "Actor",
    file: Path,
    handed: Sequence[Path] = (),
    *,
    no_files: bool = False,
    replace: bool = False,
) -> "SubmittedIdea":
    """Read a brief from a file, a folder or standard input and submit it, with the files beside it.

    Raises:
        click.UsageError: the file cannot be read.
        IdeaError: the brief or a file cannot be accepted.
    """
    from hishamos_pipeline.application.ideas import SubmitIdea, submit
    from hishamos_pipeline.intake.files import read_paths

    if handed and no_files:
        raise click.UsageError("--with and --no-files exclude one another")
    files = read_paths(handed, services.settings) if handed or no_files else None
    name = "" if str(file) == "-" else file.resolve().name
    source = f"{file.resolve().parent.name}/{name}".lstrip("/") if name else "standard input"
    document, raw, beside = _document(services, file)
    files = {**beside, **(files or {})} if beside else files
    command = SubmitIdea(raw=raw, name=document, source=source, files=files, replace=replace)
    return submit(services, actor, command)


def _document(services: "Services", file: Path) -> tuple[str, bytes, dict[str, bytes]]:
    """Name and bytes of the brief in a file, a folder or standard input, and the files of the folder beside it."""
    from hishamos_pipeline.intake.files import read_paths
    from hishamos_pipeline.intake.folders import brief_among

    if file.is_dir():
        return brief_among(read_paths([file], services.settings), file.resolve().name)
    name = "" if str(file) == "-" else file.name
    return name, content_of(file, services.settings.max_handed_bytes), {}


def content_of(file: Path, limit: int) -> bytes:
    """The bytes of a file or of standard input, one more than there may be at most."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(limit + 1)
        with file.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from error
