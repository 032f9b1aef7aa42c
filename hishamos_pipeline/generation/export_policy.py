"""Which exports a project is to have, with what, and whether those that it has still are what is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from hishamos_pipeline.core.artifacts.documents import Archive
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.target import HOSTS, HostKind, Publication, Target
from hishamos_pipeline.core.pipeline.graph import EXPORTS
from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.store.exports.records import ExportRequest

EXPORT_OF: Mapping[str, str] = {artifact: export for export, artifact in EXPORTS.items()}
HOST_OF: Mapping[str, HostKind] = {EXPORTS[host]: host for host in HOSTS}
_LONGEST_DESCRIPTION = 350


@dataclass(frozen=True, slots=True)
class AskedExports:
    """What the newest brief and the standing requests ask for, as it was read at one time."""

    idea: Idea
    requests: Mapping[str, ExportRequest]

    def wants(self, export: str) -> bool:
        """Whether an export is asked for: ``zip``, ``tar``, ``github`` or ``gitlab``."""
        return export in self.idea.exports or export in self.requests


class ExportPolicy:
    """Decides about exports from what the store says of a project.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def asked(self) -> AskedExports:
        """What is asked for now."""
        key, store = self._project.key, self._project.store
        return AskedExports(self._project.idea(), store.export_requests.all_standing(key))

    def target(
        self, host_kind: HostKind, options: Target | None = None, asked: AskedExports | None = None
    ) -> Target:
        """What a publication is made with: as the standing request says, else the brief, else the operator.

        Args:
            host_kind: of host.
            options: in place of the standing request.
            asked: what is asked for, if that was read already.
        """
        asked, given = asked or self.asked(), self._project.settings
        idea = asked.idea
        briefed, defaults = (
            (idea.github, given.github) if host_kind == "github" else (idea.gitlab, given.gitlab)
        )
        if options is None:
            request = asked.requests.get(host_kind)
            options = Target.model_validate_json(request.options) if request else Target()
        target = options.over(briefed.over(defaults))
        if target.description:
            return target
        described = one_line(idea.vision or idea.title)[:_LONGEST_DESCRIPTION]
        return Target(description=described).over(target)

    def published_with(self, host_kind: HostKind, asked: AskedExports) -> str:
        """All that a publication depends on besides the commit: target, host, owners, and the age of its secrets."""
        if not asked.wants(host_kind):
            return ""
        project = self._project
        target, kept = self.target(host_kind, asked=asked), project.store.credentials.names()
        host = project.settings.hosts.get(target.host or host_kind)
        secrets = {name: str(kept.get(f"secret:{project.key}/{name}")) for name in target.secrets}
        return canonical_json(
            [target.model_dump(), host.url if host else "", secrets, project.settings.publish_owners]
        )

    def problem(self, artifact: str, made: Archive | Publication, asked: AskedExports) -> str:
        """Why an export cannot stand although what it was made from has not changed; empty if it can."""
        export, key, deliveries = EXPORT_OF[artifact], self._project.key, self._project.store.deliveries
        if made.wanted != asked.wants(export):
            return "it is asked for now" if asked.wants(export) else "it is not asked for any more"
        request = asked.requests.get(export)
        if request and request.status == "requested":
            return "an export was requested"
        if not made.wanted:
            return ""
        if deliveries.last_failed(key, export):
            return "its last export failed"
        if isinstance(made, Publication) and not deliveries.publication(key, export):
            return "where it was published was forgotten"
        return ""
