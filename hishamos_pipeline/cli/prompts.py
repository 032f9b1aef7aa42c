"""``hishamos prompts``: the prompts, their versions, and what changed."""

import difflib

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services


@click.group("prompts")
def command() -> None:
    """List the prompts, and show what changed in one.

    Files under `prompts` in the home folder, such as `prompts/coding/new.md.j2`, come before the built-in ones.
    """


@command.command("list")
@click.option("--project", default="", help="Include the roles of this project's agents folder.")
@json_option
def list_prompts(project: str, as_json: bool) -> None:
    """List role, task and version of every prompt."""
    with services() as opened:
        library = opened.library(project)
        rows = [
            (
                role.name,
                task.name,
                library.version(role.name, task.name),
                str(opened.settings.prompts_dir) if library.is_own(role.name, task.name) else role.source,
            )
            for role in opened.registry(project).roles
            for task in role.tasks
        ]
    if as_json:
        print_json([{"role": r, "task": t, "version": v, "source": s} for r, t, v, s in rows])
    else:
        print_table(("role", "task", "version", "source"), rows)


@command.command("show")
@click.argument("role")
@click.argument("task")
@click.option("--project", default="", help="Include the roles of this project's agents folder.")
def show(role: str, task: str, project: str) -> None:
    """Print a prompt with everything that it includes."""
    with services() as opened:
        opened.registry(project).role(role).task(task)
        click.echo(opened.library(project).source(role, task))


@command.command("copy")
@click.argument("role")
@click.argument("task")
def copy(role: str, task: str) -> None:
    """Copy a built-in prompt into the home folder, where it can be changed; TASK may be `system`."""
    with services() as opened:
        found = opened.registry().role(role)
        if task != "system":
            found.task(task)
        path = opened.library().copy(role, task)
    click.echo(f"copied to {path}")


@command.command("diff")
@click.argument("role")
@click.argument("task")
@click.option("--version", default="", help="A version that was used; the last other one by default.")
@click.option("--project", default="", help="Include the roles of this project's agents folder.")
def diff(role: str, task: str, version: str, project: str) -> None:
    """Show what is different in a prompt from a version that was used before."""
    with services() as opened:
        opened.registry(project).role(role).task(task)
        library = opened.library(project)
        now, used = library.version(role, task), opened.store.dialogue.prompt_texts(role, task)
        text = library.source(role, task)
    earlier = [row for row in used if (row.version == version if version else row.version != now)]
    if not earlier:
        if version:
            raise click.UsageError(f"{role}/{task} was never used in version {version}")
        click.echo(f"{role}/{task} {now} was never used in another version")
        return
    old = earlier[0]
    lines = difflib.unified_diff(
        old.text.splitlines(),
        text.splitlines(),
        f"{role}/{task} {old.version}",
        f"{role}/{task} {now}",
        lineterm="",
    )
    click.echo("\n".join(lines) or f"{role}/{task} is as it was in version {old.version}")
