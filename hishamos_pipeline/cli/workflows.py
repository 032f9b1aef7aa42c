"""``hishamos workflows``: definitions of workflows, their runs, and what people are to decide in them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.cli.workflow_runs import COMMANDS, problems_told, show_run
from hishamos_pipeline.errors import InputError

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.generation.services import Services


@click.group("workflows")
def command() -> None:
    """Define workflows, run them, and decide what they ask."""


for _one in COMMANDS:
    command.add_command(_one)


@command.command("validate")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@json_option
def validate(file: TextIO, as_json: bool) -> None:
    """Check the workflow in FILE, YAML or JSON, or from standard input with `-`. Nothing is kept.

    Every problem is told at once, with its line and column.
    """
    from hishamos_pipeline.application import workflow_definitions

    with opened() as (services, actor), problems_told():
        asked = workflow_definitions.CheckWorkflow(text=file.read())
        found = workflow_definitions.check_workflow(services, actor, asked)
    if as_json:
        print_json(found)
        return
    rows = [(step.id, step.type, ", ".join(step.depends_on), step.inside) for step in found.steps]
    print_table(("step", "type", "after", "inside"), rows)
    echo(f"{found.workflow} is valid: {len(found.steps)} steps, {len(found.inputs)} inputs")


@command.command("templates")
@json_option
def templates(as_json: bool) -> None:
    """List the workflows that come with HishamOS; `publish --template NAME` takes one."""
    from hishamos_pipeline.application import workflow_definitions as definitions

    with opened() as (services, actor):
        found = definitions.list_workflow_templates(services, actor)
    if as_json:
        print_json(found)
    else:
        print_table(("template", "title", "inputs"), [(t.name, t.title, ", ".join(t.inputs)) for t in found])


@command.command("graph")
@click.argument("what")
@click.option("--version", type=click.IntRange(1), help="This version; by default the published one.")
def graph(what: str, version: int | None) -> None:
    """Print the workflow named WHAT as a Mermaid flowchart, or the run of that number with its states."""
    from hishamos_pipeline.application import workflow_definitions, workflow_runs

    with opened() as (services, actor):
        if what.isdecimal():
            echo(workflow_runs.draw_workflow_run(services, actor, int(what)).rstrip())
        else:
            echo(workflow_definitions.draw_workflow(services, actor, what, version).rstrip())


@command.command("publish")
@click.argument("what")
@click.option("--version", type=click.IntRange(1), help="Publish this version of the workflow named WHAT.")
@click.option("--template", is_flag=True, help="WHAT is the name of a template.")
@click.option("--draft", is_flag=True, help="Keep it as a draft, which managers alone can run.")
@json_option
def publish(what: str, version: int | None, template: bool, draft: bool, as_json: bool) -> None:
    """Keep the workflow in the file WHAT as the next version of its name, and publish it.

    With --version, WHAT is a name, and that version is published again.
    """
    from hishamos_pipeline.application import workflow_definitions as definitions

    with opened() as (services, actor), problems_told():
        if version is None:
            text = _template(services, actor, what) if template else Path(what).read_text(encoding="utf-8")
            made = definitions.save_workflow(services, actor, definitions.CheckWorkflow(text=text))
        else:
            made = definitions.publish_workflow(services, actor, what, version)
        if version is None and not draft:
            made = definitions.publish_workflow(services, actor, made.name, made.number)
    if as_json:
        print_json(made)
    else:
        echo(f"{made.name}, version {made.number}, is {made.status}")


@command.command("retire")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
def retire(name: str, version: int) -> None:
    """Have a VERSION of the workflow NAME begin no run any more."""
    from hishamos_pipeline.application import workflow_definitions as definitions

    with opened() as (services, actor):
        definitions.retire_workflow(services, actor, name, version)
    echo(f"{name}, version {version}, is retired")


@command.command("list")
@click.option("--name", default="", help="All versions of this workflow.")
@json_option
def list_(name: str, as_json: bool) -> None:
    """List workflows, with all of their versions."""
    from hishamos_pipeline.application import workflow_definitions as definitions
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = definitions.list_workflows(services, actor, PageQuery(limit=200), name=name)
    if as_json:
        print_json(found)
        return
    rows = [(v.name, str(v.number), v.status, v.type, v.title, v.created_by) for v in found.items]
    print_table(("workflow", "version", "status", "type", "title", "by"), rows)


@command.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="This version; by default the published one.")
@json_option
def show(name: str, version: int | None, as_json: bool) -> None:
    """Show the text of the workflow NAME, or the run of that number."""
    from hishamos_pipeline.application import workflow_definitions as definitions
    from hishamos_pipeline.application import workflow_runs

    with opened() as (services, actor):
        if name.isdecimal():
            show_run(workflow_runs.show_workflow_run(services, actor, int(name)), as_json)
            return
        found = definitions.show_workflow(services, actor, name, version)
    if as_json:
        print_json(found)
    else:
        echo(found.source.rstrip())


@command.command("types")
@json_option
def types(as_json: bool) -> None:
    """List the types of steps: what each takes, with * for what it needs, and what it gives."""
    from hishamos_pipeline.application import workflow_definitions

    with opened() as (services, actor):
        found = workflow_definitions.list_step_types(services, actor)
    if as_json:
        print_json(found)
        return
    rows = [(kind.name, kind.description, ", ".join(kind.takes), ", ".join(kind.gives)) for kind in found]
    print_table(("type", "what it does", "takes", "gives"), rows)


@command.command("schema")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of workflows, for editors that complete and check YAML."""
    from hishamos_pipeline.intake import workflows

    text = json.dumps(workflows.schema(), indent=2, ensure_ascii=False)
    if output:
        output.write_text(f"{text}\n", encoding="utf-8")
    else:
        echo(text)


def _template(services: "Services", actor: "Actor", name: str) -> str:
    """The text of a template.

    Raises:
        InputError: there is none of that name.
    """
    from hishamos_pipeline.application import workflow_definitions as definitions

    found = {t.name: t.source for t in definitions.list_workflow_templates(services, actor)}
    if name not in found:
        raise InputError(((name, f"is no template; there are {', '.join(found)}"),))
    return found[name]
