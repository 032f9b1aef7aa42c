"""``hishamos agents``: the roles, and giving one a task."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hishamos_pipeline.cli.output import json_option, print_json, print_table, services

if TYPE_CHECKING:
    from hishamos_pipeline.agents.tasks import Task

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
    with services() as opened:
        roles = opened.registry(project).roles
    if as_json:
        print_json(
            [
                {"role": r.name, "purpose": r.purpose, "tasks": [t.name for t in r.tasks], "source": r.source}
                for r in roles
            ]
        )
    else:
        print_table(
            ("role", "purpose", "tasks"),
            [(r.name, r.purpose, ", ".join(t.name for t in r.tasks)) for r in roles],
        )


@command.command("show")
@click.argument("role")
@_project
@json_option
def show(role: str, project: str, as_json: bool) -> None:
    """Show a role: its tasks, what each is asked and answers, and who would answer."""
    from hishamos_pipeline.authoring.model_engine import chain

    with services() as opened:
        found = opened.registry(project).role(role)
        library = opened.library(project)
        facts = [
            {
                "task": task.name,
                "purpose": task.purpose,
                "input": list(task.question.model_fields),
                "output": list(task.answer.model_fields),
                "models": [str(ref) for ref in chain(opened.settings, task)[0]] or [_without_model(task)],
                "tools": list(task.policy.tools),
                "conversation": task.policy.turns,
                "prompt_version": library.version(role, task.name),
            }
            for task in found.tasks
        ]
    if as_json:
        print_json({"role": found.name, "purpose": found.purpose, "source": found.source, "tasks": facts})
        return
    click.echo(f"{found.name}: {found.purpose} ({found.source})")
    for fact in facts:
        click.echo(f"\n{fact['task']}: {fact['purpose']}")
        for name in ("input", "output", "models", "tools"):
            if fact[name]:
                click.echo(f"  {name:<8} {', '.join(fact[name])}")  # type: ignore[arg-type]
        if fact["conversation"]:
            click.echo("  can be continued with --conversation NAME")


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
    from hishamos_pipeline.generation.assignments import assign

    question = _question(text, files, input_)
    with services() as opened:
        result = asyncio.run(assign(opened, role, task, question, key=project, conversation=conversation))
    if as_json:
        print_json(
            {
                "answer": result.output.model_dump(mode="json"),
                "model": f"{result.provider}:{result.model}",
                "cached": result.cached,
                "cost_usd": result.cost_usd,
                "input_tokens": result.input_tokens,
                "output_tokens": result.output_tokens,
                "fell": list(result.fell),
            }
        )
        return
    answer = result.output.model_dump(mode="json")
    click.echo(answer["text"] if list(answer) == ["text"] else _readable(answer))
    paid = "from the store" if result.cached else f"{result.cost_usd:.4f} USD"
    click.echo(f"\n{result.provider}:{result.model}, {paid}".replace(":,", ","), err=True)


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


def _without_model(task: "Task[Any, Any]") -> str:
    """Who answers where no model is set: tasks of the chain have the blueprint engine, the others nobody."""
    from hishamos_pipeline.agents.tasks import TASK_OF

    return "blueprint" if task in TASK_OF.values() else "none: set HISHAMOS_LLM"


def _readable(answer: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(answer, sort_keys=False, allow_unicode=True, width=100).rstrip()
