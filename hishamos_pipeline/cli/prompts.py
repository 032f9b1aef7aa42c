"""``hishamos prompts``: the prompts, their versions, and what changed."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

_project = click.option("--project", default="", help="Include the roles of this project's agents folder.")


@click.group("prompts")
def command() -> None:
    """List the prompts, and show what changed in one.

    Files under `prompts` in the home folder, such as `prompts/coding/new.md.j2`, come before the built-in ones.
    """


@command.command("list")
@_project
@json_option
def list_prompts(project: str, as_json: bool) -> None:
    """List role, task and version of every prompt."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        found = prompts.list_prompts(services, actor, project)
    if as_json:
        print_json(found)
    else:
        columns = ("role", "task", "version", "source")
        print_table(columns, [(p.role, p.task, p.version, p.source) for p in found])


@command.command("show")
@click.argument("role")
@click.argument("task")
@_project
def show(role: str, task: str, project: str) -> None:
    """Print a prompt with everything that it includes."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        echo(prompts.read_prompt(services, actor, role, task, project))


@command.command("copy")
@click.argument("role")
@click.argument("task")
def copy(role: str, task: str) -> None:
    """Copy a built-in prompt into the home folder, where it can be changed; TASK may be `system`."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        echo(f"copied to {prompts.copy_prompt(services, actor, role, task)}")


@command.command("diff")
@click.argument("role")
@click.argument("task")
@click.option("--version", default="", help="A version that was used; the last other one by default.")
@_project
def diff(role: str, task: str, version: str, project: str) -> None:
    """Show what is different in a prompt from a version that was used before."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        found = prompts.diff_prompt(services, actor, role, task, version=version, project=project)
    if found.before:
        echo(found.diff or f"{role}/{task} is as it was in version {found.before}")
    else:
        echo(f"{role}/{task} {found.now} was never used in another version")


@command.command("versions")
@click.argument("role")
@click.argument("task")
@json_option
def versions(role: str, task: str, as_json: bool) -> None:
    """List the versions in which a prompt was used, the newest first."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        found = prompts.list_versions(services, actor, role, task)
    if as_json:
        print_json(found)
    else:
        rows = [
            (v.version, f"{v.first_used_at:%Y-%m-%d %H:%M}", "in use" if v.is_active else "") for v in found
        ]
        print_table(("version", "first used (UTC)", ""), rows)


@command.command("activate")
@click.argument("role")
@click.argument("task")
@click.argument("version")
def activate(role: str, task: str, version: str) -> None:
    """Use a prompt again as it was in VERSION; what was made with another one is made anew."""
    from hishamos_pipeline.application import prompts

    with opened() as (services, actor):
        prompts.activate_version(services, actor, role, task, version)
    echo(f"{role}/{task} is in version {version} again")
