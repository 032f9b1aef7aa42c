"""What a project has come to, for a person."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hishamos_pipeline.application.projects import ProjectSummary


def print_summary(facts: "ProjectSummary") -> None:
    """State, figures and paths, a line each."""
    click.echo("")
    click.echo(f"{facts.title} ({facts.key}): {facts.state}")
    if facts.reason:
        click.echo(f"  reason       {facts.failed_step}: {facts.reason}")
    click.echo(f"  stories      {facts.implemented} of {facts.stories} implemented and verified")
    for story in facts.deferred:
        click.echo(f"  deferred     {story.id} {story.title}: {story.reason}")
    if facts.waiting:
        click.echo(f"  waiting      {', '.join(facts.waiting)}: outside the scope; the next build adds them")
    for story in facts.not_verified:
        click.echo(f"  not verified {story.id} {story.title}: {story.reason}")
    for rule in facts.unchecked:
        click.echo(f"  unchecked    {rule.id} {rule.statement} No rule checks it, and nothing keeps it")
    for title in facts.not_taken_up:
        click.echo(f"  not taken up {title}: the brief asks for something there that no requirement cites")
    click.echo(f"  tests        {facts.tests} passed, coverage {facts.coverage:g} %")
    click.echo(f"  files        {facts.files}")
    for name, path in (("tree", facts.tree), ("repository", facts.repository)):
        if path:
            click.echo(f"  {name:<12} {path}")
    for path in facts.archives:
        click.echo(f"  archive      {path}")
    for item in facts.published:
        click.echo(f"  published    {item.url}")
        if item.proposed:
            click.echo(f"  proposed     {item.proposed}")
        for warning in item.warnings:
            click.echo(f"  warning      {warning}")
    if not facts.isolated:
        click.echo("  sandbox      none: the generated code ran UNPROTECTED")
    if facts.open_proposals:
        click.echo(f"  proposals    {facts.open_proposals} open: hishamos proposals list {facts.key}")
