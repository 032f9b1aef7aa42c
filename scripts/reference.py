"""Writes docs/reference.md: settings, commands, assets and checks, read off the code."""

import sys
from io import StringIO
from pathlib import Path

import click
from pydantic import BaseModel

from hishamos_pipeline.cli.main import COMMANDS, cli
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.settings import Settings

TARGET = Path(__file__).parent.parent / "docs" / "reference.md"


def reference() -> str:
    """The whole reference as Markdown."""
    out = StringIO()
    out.write("# Reference\n\nMade from the code by `make docs`; a test keeps it current.\n")
    out.write(
        "\n## Settings\n\nEach is an environment variable.\n\n| variable | default | meaning |\n| --- | --- | --- |\n"
    )
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        if isinstance(default, BaseModel):
            default = default.model_dump_json(exclude_none=True)
        out.write(f"| `HISHAMOS_{name.upper()}` | `{default}` | {field.description} |\n")
    out.write("\n## Commands\n")
    context = click.Context(cli, info_name="hishamos")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        _write_command(out, command, context, name)
    out.write("\n## Assets\n\n| asset | group | made from | what it is |\n| --- | --- | --- | --- |\n")
    graph = defs().resolve_asset_graph()
    nodes = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    order = [*STEPS, *sorted(nodes.keys() - STEPS.keys())]
    for kind in order:
        text = " ".join((nodes[kind].description or "").split("\n\n")[0].split())
        inputs = STEPS[kind].inputs if kind in STEPS else ()
        out.write(f"| `{kind}` | {nodes[kind].group_name} | {', '.join(inputs) or '–'} | {text} |\n")
    out.write("\n## Checks\n\n| asset | check | blocks | what it says |\n| --- | --- | --- | --- |\n")
    for key in sorted(
        graph.asset_check_keys, key=lambda key: (order.index(key.asset_key.to_user_string()), key.name)
    ):
        spec = graph.get(key)
        text = " ".join((spec.description or "").split())
        blocks = "yes" if spec.blocking else "no"
        out.write(f"| `{key.asset_key.to_user_string()}` | `{key.name}` | {blocks} | {text} |\n")
    return out.getvalue()


def _write_command(out: StringIO, command: click.Command, parent: click.Context, name: str) -> None:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            _write_command(out, found, context, child)
        return
    out.write(f"\n```text\n{command.get_help(context)}\n```\n")


if __name__ == "__main__":
    TARGET.write_text(reference())
    sys.stdout.write(f"wrote {TARGET}\n")
