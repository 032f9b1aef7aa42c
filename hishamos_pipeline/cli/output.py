"""What the commands share: opening the services, tables, JSON and exit codes."""

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
from pydantic_core import to_jsonable_python

from hishamos_pipeline import errors
from hishamos_pipeline.core.actor import Actor, this_user
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.untrusted import terminal_text
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import get_settings

_EXIT_CODES: tuple[tuple[type[errors.HishamosError], int], ...] = (
    (errors.ProjectNotFoundError, 3),
    (errors.ArtifactMissingError, 3),
    (errors.BatchNotFoundError, 3),
    (errors.PersonNotFoundError, 3),
    (errors.AccountError, 2),
    (errors.ForbiddenError, 9),
    (errors.LoginError, 9),
    (errors.ProjectBusyError, 4),
    (errors.ToolMissingError, 5),
    (errors.StorageError, 5),
    (errors.SandboxError, 5),
    (errors.ToolchainError, 5),
    (errors.StoreVersionError, 5),
    (errors.IdeaError, 2),
    (errors.ProjectKeyError, 2),
    (errors.RoleError, 2),
    (errors.EditError, 2),
    (errors.ExportError, 2),
    (errors.UsageError, 2),
    (errors.DeletionRefusedError, 2),
    (errors.BatchError, 2),
    (errors.HostError, 7),
    (errors.BudgetError, 1),
    (errors.AnswerError, 1),
    (errors.ModelError, 6),
)

_WIDE = 160
_BAR = 40
# Variables of our own that are read elsewhere.
_NOT_SETTINGS = {
    "HISHAMOS_DAGSTER_DIR",
    "HISHAMOS_DAGSTER_DATABASE_URL",
    "HISHAMOS_SCREENSHOTS",
    "HISHAMOS_BENCH_IDEAS",
}


class Finite(click.FloatRange):
    """A number that is neither infinite nor none at all."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a value; see ``click.FloatRange``."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number", param, ctx)
        return found


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def exit_code(error: errors.HishamosError) -> int:
    """The exit code that ``hishamos --help`` documents for an error."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)


@contextmanager
def opened(name: str = "") -> Iterator[tuple[Services, Actor]]:
    """The services of this installation, closed at the end, and whoever sits at the command line.

    With ``--as``, it is the user of that address with their rights; with ``--org``, in that organization.

    Args:
        name: the name that they act under, in place of their own.

    Raises:
        click.UsageError: a setting in the environment is not valid.
        PersonNotFoundError, LoginError: there is no such user, or no such organization of theirs.
    """
    context = click.get_current_context(silent=True)
    given = context.find_root().params if context else {}
    actor = this_user(name)
    services = Services(settings(), actor=actor)
    try:
        if given.get("as_user") is not None or given.get("org") is not None:
            actor = _somebody(services, actor, given.get("as_user"), given.get("org") or "")
            yield services.acting_as(actor), actor
        else:
            yield services, actor
    finally:
        services.close()


def _somebody(services: Services, actor: Actor, email: str | None, organization: str) -> Actor:
    """The user that ``--as`` names, or this machine's in another organization."""
    from hishamos_pipeline.application.logins import actor_of

    if email is None:
        return replace(actor, organization=services.store.organizations.get(organization).key)
    user = services.store.users.named(email.strip().lower())
    if user is None:
        raise errors.PersonNotFoundError(f"there is no user {email}: `hishamos users list` shows them")
    return actor_of(services, user, organization, via="command line")


def settings() -> Any:
    """The settings of this process.

    Raises:
        click.UsageError: a setting in the environment is not valid; names the variable.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        found = get_settings()
        for name in unknown_variables(os.environ):
            echo(f"warning: {name} is no setting of HishamOS, and is ignored", err=True)
        return found
    except ValidationError as error:
        first = error.errors()[0]
        field, *inner = (str(part) for part in first["loc"])
        where = f" at {'.'.join(inner)}" if inner else ""
        what = first["msg"].removeprefix("Value error, ")
        raise click.UsageError(f"HISHAMOS_{field.upper()}{where}: {what}") from error
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        name = f"HISHAMOS_{named[1].upper()}" if named else "a setting"
        raise click.UsageError(
            f'{name} is not valid JSON ({error.__cause__ or error}); write an object such as {{"key": "value"}}'
        ) from error


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none: misspelt, as a rule."""
    from hishamos_pipeline.settings import Settings

    known = {f"HISHAMOS_{name.upper()}" for name in Settings.model_fields} | _NOT_SETTINGS
    return sorted(name for name in environment if name.startswith("HISHAMOS_") and name not in known)


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line; what could act on a terminal is shown as an escape instead."""
    click.echo(terminal_text(str(text)), err=err, nl=nl)  # noqa: TID251 - the only place


def read_secret(question: str, *, twice: bool = False) -> str:
    """A secret that is asked for at a terminal, and a line of standard input elsewhere; never an argument."""
    if sys.stdin.isatty():
        return str(click.prompt(question, hide_input=True, confirmation_prompt=twice))
    return sys.stdin.readline().rstrip("\n")


def confirmed(question: str) -> bool:
    """Whether somebody says yes; the end of the input is no.

    Raises:
        click.Abort: it was interrupted.
    """
    try:
        return click.confirm(question)
    except click.Abort as abort:
        if isinstance(abort.__context__, EOFError):
            return False
        raise


def print_contents(text: str) -> None:
    """Print the contents of a file: exactly, but for a terminal, where what could act on it is shown as an escape."""
    if sys.stdout.isatty():
        echo(text, nl=False)
    else:
        click.echo(text, nl=False)  # noqa: TID251 - nobody looks at it


def print_json(value: object) -> None:
    """Print a view, or several of them, as JSON for scripts."""
    echo(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False))


def bars(rows: Sequence[tuple[str, float]], unit: str = "") -> list[str]:
    """Lines with a bar for each value; the longest is that of the largest."""
    most = max((value for _, value in rows), default=0.0) or 1.0
    return [
        f"{name:<28} {value:>10.4f} {unit} {'█' * round(_BAR * value / most)}".rstrip()
        for name, value in rows
    ]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table; text from a brief is shown as it is, never read as markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(terminal_text(str(value))) for value in row))
    # In a file or a pipe there is no screen that lines would have to fit.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
