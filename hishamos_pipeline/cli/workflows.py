"""``hishamos workflows``: check definitions of workflows, and show what they may say."""

import json
from pathlib import Path
from typing import TextIO

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table
from hishamos_pipeline.errors import InputError


@click.group("workflows")
def command() -> None:
    """Check definitions of workflows, and show what they may say."""


@command.command("validate")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@json_option
def validate(file: TextIO, as_json: bool) -> None:
    """Check the workflow in FILE, YAML or JSON, or from standard input with `-`. Nothing is kept.

    Every problem is told at once, with its line and column.
    """
    from hishamos_pipeline.application import workflow_definitions

    with opened() as (services, actor):
        try:
            asked = workflow_definitions.CheckWorkflow(text=file.read())
            found = workflow_definitions.check_workflow(services, actor, asked)
        except InputError as error:
            for field, problem in error.problems:
                echo(f"{field}: {problem}", err=True)
            raise SystemExit(2) from None
    if as_json:
        print_json(found)
        return
    rows = [(step.id, step.type, ", ".join(step.depends_on), step.inside) for step in found.steps]
    print_table(("step", "type", "after", "inside"), rows)
    echo(f"{found.workflow} is valid: {len(found.steps)} steps, {len(found.inputs)} inputs")


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
