"""What a project has come to, for a person."""

from typing import TYPE_CHECKING

from hishamos_pipeline.cli.output import echo

if TYPE_CHECKING:
    from hishamos_pipeline.application.projects import ProjectSummary


def print_summary(facts: "ProjectSummary") -> None:
    """State, figures and paths, a line each."""
    echo("")
    echo(f"{facts.title} ({facts.key}): {facts.state}")
    if facts.reason:
        echo(f"  reason       {facts.failed_step}: {facts.reason}")
    for note in facts.notes:
        echo(f"  note         {note}")
    if 0 < facts.built_revision < facts.revision:
        echo(
            f"  figures      of revision {facts.built_revision} of the brief; the newest is {facts.revision}"
        )
    echo(f"  stories      {facts.implemented} of {facts.stories} implemented and verified")
    for story in facts.deferred:
        echo(f"  deferred     {story.id} {story.title}: {story.reason}")
    if facts.waiting:
        echo(f"  waiting      {', '.join(facts.waiting)}: outside the scope; the next build adds them")
    for story in facts.not_verified:
        echo(f"  not verified {story.id} {story.title}: {story.reason}")
    for rule in facts.unchecked:
        echo(f"  unchecked    {rule.id} {rule.statement} No rule checks it, and nothing keeps it")
    for title in facts.not_taken_up:
        echo(f"  not taken up {title}: the brief asks for something there that no requirement cites")
    for edited in facts.outdated_edits:
        echo(f"  edit         {edited}")
    echo(f"  tests        {facts.tests} passed, coverage {facts.coverage:g} %")
    echo(f"  files        {facts.files}")
    for name, path in (("tree", facts.tree), ("repository", facts.repository)):
        if path:
            echo(f"  {name:<12} {path}")
    for path in facts.archives:
        echo(f"  archive      {path}")
    for item in facts.published:
        echo(f"  published    {item.url}")
        if item.proposed:
            echo(f"  proposed     {item.proposed}")
        for warning in item.warnings:
            echo(f"  warning      {warning}")
    if not facts.isolated:
        echo("  sandbox      none: the generated code ran UNPROTECTED")
    if facts.open_proposals:
        echo(f"  proposals    {facts.open_proposals} open: hishamos proposals list {facts.key}")
