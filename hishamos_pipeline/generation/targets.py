"""What a project is published with."""

from typing import Protocol

from hishamos_pipeline.core.hashing import canonical_json
from hishamos_pipeline.core.idea import Idea
from hishamos_pipeline.core.target import Target
from hishamos_pipeline.delivery.hosts.interface import HostKind
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore
from hishamos_pipeline.store.tables import ExportRequest


class Published(Protocol):
    """What of a project's run decides where it is published."""

    key: str
    store: ProjectStore
    settings: Settings

    def submitted_idea(self) -> Idea:
        """The newest submitted brief."""
        ...

    def wants(self, export: str) -> bool:
        """Whether an export is asked for."""
        ...

    def standing(self, export: str) -> ExportRequest | None:
        """The request for an export that stands."""
        ...


def target_of(run: Published, kind: HostKind, options: Target | None = None) -> Target:
    """What a publication is asked for with: by the request that stands, else by the brief, else by the operator.

    Args:
        run: the project.
        kind: of host.
        options: in place of the request that stands.
    """
    idea, given = run.submitted_idea(), run.settings
    asked, defaults = (idea.github, given.github) if kind == "github" else (idea.gitlab, given.gitlab)
    if options is None:
        request = run.standing(kind)
        options = Target.model_validate_json(request.options) if request else Target()
    target = options.over(asked.over(defaults))
    if target.description:
        return target
    told = " ".join((idea.vision or idea.title).split())[:350]
    return Target(description=told).over(target)


def published_with(run: Published, kind: HostKind) -> str:
    """All that a publication depends on besides the commit: target, host, owners, and the age of its secrets."""
    if not run.wants(kind):
        return ""
    target, kept = target_of(run, kind), run.store.credentials.names()
    host = run.settings.hosts.get(target.host or kind)
    secrets = {name: str(kept.get(f"secret:{run.key}/{name}")) for name in target.secrets}
    return canonical_json(
        [target.model_dump(), host.url if host else "", secrets, run.settings.publish_owners]
    )
