"""``hishamos agents``: the roles, and giving one a task."""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.generation.services import Services

_project = click.option(
    "--project", default="", help="The project that it is about; its own roles are known."
)


@click.group("agents")
def command() -> None:
    """List the roles, show one, or give one a task.

    A project's own roles are YAML files in its `agents` folder.
    """


@command.command("list")
@_project
@json_option
def list_agents(project: str, as_json: bool) -> None:
    """List the roles with their tasks."""
    from hishamos_pipeline.application import agents

    with opened() as (services, actor):
        found = agents.list_roles(services, actor, project)
    if as_json:
        print_json(found)
    else:
        print_table(("role", "purpose", "tasks"), [(r.role, r.purpose, ", ".join(r.tasks)) for r in found])


@command.command("show")
@click.argument("role")
@_project
@json_option
def show(role: str, project: str, as_json: bool) -> None:
    """Show a role: its tasks, what each is asked and answers, and who would answer."""
    from hishamos_pipeline.application import agents

    with opened() as (services, actor):
        found = agents.show_role(services, actor, role, project)
    if as_json:
        print_json(found)
        return
    echo(f"{found.role}: {found.purpose} ({found.source})")
    for task in found.tasks:
        echo(f"\n{task.task}: {task.purpose}")
        for name in ("input", "output", "models", "tools", "api"):
            if values := getattr(task, name):
                echo(f"  {name:<8} {', '.join(values)}")
        if task.conversation:
            echo("  can be continued with --conversation NAME")


@command.command("run")
@click.argument("role")
@click.argument("task")
@click.option("--text", default="", help="The task in words; `-` reads standard input.")
@click.option(
    "--file", "files", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Material, such as code or a report; may be given again.",
)  # fmt: skip
@click.option(
    "--input", "input_", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The whole input as JSON.",
)  # fmt: skip
@click.option("--conversation", default="", help="Name of a conversation to begin or to continue.")
@_project
@json_option
def run(
    role: str,
    task: str,
    text: str,
    files: tuple[Path, ...],
    input_: Path | None,
    conversation: str,
    project: str,
    as_json: bool,
) -> None:
    """Give ROLE the TASK, and print its answer."""
    from hishamos_pipeline.application import agents

    question = _question(text, files, input_)
    wanted = agents.AssignTask(
        role=role, task=task, question=question, project=project, conversation=conversation
    )
    with opened() as (services, actor):
        services.api = partial(_api, services)
        done = asyncio.run(agents.assign_task(services, actor, wanted))
    if as_json:
        print_json(done)
        return
    echo(done.answer["text"] if list(done.answer) == ["text"] else _readable(done.answer))
    paid = "from the store" if done.cached else f"{done.cost_usd:.4f} USD"
    echo(f"\n{done.model}, {paid}".replace(":,", ","), err=True)


def _api(services: Services) -> Any:
    """The API in this process, for what the role may call of it."""
    from hishamos_pipeline.api.app import create_app

    return create_app(services)


def _question(text: str, files: tuple[Path, ...], input_: Path | None) -> dict[str, Any]:
    try:
        if input_ is not None:
            if text or files:
                raise click.UsageError("--input is the whole input: leave out --text and --file")
            loaded = json.loads(input_.read_text(encoding="utf-8"))
            if not isinstance(loaded, dict):
                raise click.UsageError(f"{input_} does not hold a JSON object")
            # `hishamos artifacts show` puts the document into an envelope.
            inner = loaded.get("content")
            return inner if isinstance(inner, dict) and "content_hash" in loaded else loaded
        words = sys.stdin.read() if text == "-" else text
        if not words.strip():
            raise click.UsageError("say in --text what is to be done, or give the whole input with --input")
        return {"text": words, "material": {str(file): file.read_text(encoding="utf-8") for file in files}}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise click.UsageError(f"the input cannot be read: {error}") from error


def _readable(answer: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(answer, sort_keys=False, allow_unicode=True, width=100).rstrip()
