"""What a project has come to: figures and paths, for people and for scripts."""

from typing import Any

import click

from hishamos_pipeline.core.document import Document
from hishamos_pipeline.core.documents import Archive, Requirements, Stories, VerifiedBuild
from hishamos_pipeline.core.target import Publication
from hishamos_pipeline.generation.run import ProjectRun


def summary(run: ProjectRun) -> dict[str, Any]:
    """State, figures of each artifact that exists, and where its results are."""
    project = run.project.store.projects.get(run.key)
    heads = run.project.store.artifacts.heads(run.key)

    def document(kind: str, as_type: type[Document]) -> Any:
        row = heads.get(kind)
        return as_type.model_validate_json(row.content) if row else None

    requirements = document("requirements", Requirements)
    stories = document("stories", Stories)
    build = document("verified_build", VerifiedBuild)
    published = [document(kind, Publication) for kind in ("github_repository", "gitlab_project")]
    archives = [document(kind, Archive) for kind in ("zip_archive", "tar_archive")]
    return {
        "key": project.key,
        "title": project.title,
        "state": project.state,
        "failed_step": project.failed_step,
        "reason": project.reason,
        "cost_usd": project.cost_usd,
        "requirements": len(requirements.requirements) if requirements else 0,
        "stories": len(stories.stories) if stories else 0,
        "implemented": len(build.stories_verified) if build else 0,
        "deferred": [
            {"id": story.id, "title": story.title, "reason": story.reason}
            for story in (stories.deferred if stories else ())
        ],
        "unchecked": [
            {"id": item.id, "statement": item.statement}
            for item in (requirements.unchecked if requirements else ())
        ],
        "files": len(build.files) if build else 0,
        "tests": build.tests if build else 0,
        "coverage": build.coverage if build else 0.0,
        "seconds": round(sum(row.seconds for row in heads.values()), 2),
        "tree": str(run.project.folder.path("tree")) if build else "",
        "repository": str(run.project.folder.path("repository")) if "repository" in heads else "",
        "isolated": build.isolated if build else True,
        "open_proposals": len(run.project.store.edits.proposals(run.key)),
        "published": [
            {"url": item.web_url, "proposed": item.change_url, "warnings": item.warnings}
            for item in published
            if item and item.wanted
        ],
        "archives": [str(run.project.folder.path(item.path)) for item in archives if item and item.wanted],
    }


def print_summary(run: ProjectRun) -> None:
    """The summary for a person."""
    facts = summary(run)
    click.echo("")
    click.echo(f"{facts['title']} ({facts['key']}): {facts['state']}")
    if facts["reason"]:
        click.echo(f"  reason       {facts['failed_step']}: {facts['reason']}")
    click.echo(f"  stories      {facts['implemented']} of {facts['stories']} implemented and verified")
    for story in facts["deferred"]:
        click.echo(f"  deferred     {story['id']} {story['title']}: {story['reason']}")
    for rule in facts["unchecked"]:
        click.echo(f"  unchecked    {rule['id']} {rule['statement']} No rule checks it, and nothing keeps it")
    click.echo(f"  tests        {facts['tests']} passed, coverage {facts['coverage']:g} %")
    click.echo(f"  files        {facts['files']}")
    for name in ("tree", "repository"):
        if facts[name]:
            click.echo(f"  {name:<12} {facts[name]}")
    for path in facts["archives"]:
        click.echo(f"  archive      {path}")
    for item in facts["published"]:
        click.echo(f"  published    {item['url']}")
        if item["proposed"]:
            click.echo(f"  proposed     {item['proposed']}")
        for warning in item["warnings"]:
            click.echo(f"  warning      {warning}")
    if not facts["isolated"]:
        click.echo("  sandbox      none: the generated code ran UNPROTECTED")
    if facts["open_proposals"]:
        click.echo(f"  proposals    {facts['open_proposals']} open: hishamos proposals list {facts['key']}")
