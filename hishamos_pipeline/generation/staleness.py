"""Which artifacts of a project have to be made again, and why. It looks, and changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.core.artifacts.documents import Architecture, Archive, VerifiedBuild
from hishamos_pipeline.core.artifacts.target import Publication
from hishamos_pipeline.core.pipeline import staleness
from hishamos_pipeline.core.pipeline.batch import BatchOverrides
from hishamos_pipeline.core.pipeline.graph import EXPORTS, STEPS
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.generation.artifact_storage import Presence, presence
from hishamos_pipeline.generation.export_policy import EXPORT_OF, HOST_OF, AskedExports, ExportPolicy
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.scoping import OTHER_SCOPE, is_of_other_scope
from hishamos_pipeline.generation.versions import code_version
from hishamos_pipeline.store.artifacts.records import ArtifactRevision

FALLBACK = ":fallback"
MISSING = "its files are missing"
# What a batch that makes all anew makes anew: an accepted brief stays one, and exports follow the repository.
_MADE_ANEW = STEPS.keys() - {"idea", "repository", *EXPORTS.values()}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about an artifact apart from its inputs: why it cannot stand, and where its files are."""

    problem: str = ""
    presence: Presence = "here"


class Staleness:
    """Compares what the store has of a project with what a build would make of it now.

    Args:
        project: the project.
        engine: answers the roles' tasks; its rules have versions.
        exports: which exports are asked for.
        overrides: those of the batch that the project is built for.
    """

    def __init__(
        self, project: Project, engine: Engine, exports: ExportPolicy, overrides: BatchOverrides
    ) -> None:
        self._project, self._engine, self._exports, self._overrides = project, engine, exports, overrides

    def plan(self) -> tuple[staleness.PlannedStep, ...]:
        """What a build would make, and why; exports that nobody asks for are left out."""
        project, asked = self._project, self._exports.asked()
        rows = project.store.artifacts.heads(project.key)
        heads = {artifact: self._head(row, self.inspect(row, asked)) for artifact, row in rows.items()}
        idea = project.store.projects.idea_revision(project.key)
        versions = {artifact: self.version(artifact, asked) for artifact in STEPS}
        steps = staleness.plan(heads, versions, idea.content_hash)
        return tuple(s for s in steps if s.kind not in EXPORT_OF or asked.wants(EXPORT_OF[s.kind]))

    def restorable(self) -> tuple[ArtifactRevision, ...]:
        """The newest revisions whose files are not, or not whole, on this machine, and may be brought back."""
        asked = self._exports.asked()
        rows = self._project.store.artifacts.heads(self._project.key)
        return tuple(
            rows[artifact]
            for artifact in STEPS
            if artifact in rows and self.inspect(rows[artifact], asked).presence == "restorable"
        )

    def assess(self, row: ArtifactRevision | None, artifact: str, inputs: Mapping[str, str]) -> Inspection:
        """Why an artifact has to be made, given its inputs' hashes, no problem if it is up to date; and its files.

        Files that may be brought back count as there.
        """
        if artifact == "idea":
            fresh = row is not None and row.inputs.get(staleness.SUBMITTED) == inputs[staleness.SUBMITTED]
            return Inspection("" if fresh else "a new revision was submitted")
        asked = self._exports.asked()
        found = self.inspect(row, asked) if row else Inspection()
        head = self._head(row, found) if row else None
        reason = staleness.reason_to_make(artifact, head, inputs, self.version(artifact, asked))
        return Inspection(reason, found.presence)

    def inspect(self, row: ArtifactRevision, asked: AskedExports | None = None) -> Inspection:
        """Look at one artifact: can it be read, did it pass, is it still asked for, are its files there."""
        if self.is_outdated(row):
            return Inspection(f"batch {self._overrides.batch} makes it anew")
        try:
            document = STEPS[row.kind].document.model_validate_json(row.content)
        except ValidationError:
            return Inspection("it cannot be read by this release")
        if is_of_other_scope(self._project, document):
            return Inspection(OTHER_SCOPE)
        if isinstance(document, Architecture) and self._project.plan_faults():
            return Inspection("its verification has found it at fault")
        if isinstance(document, VerifiedBuild) and not document.passed:
            return Inspection("its verification failed")
        since = self._project.settings.retry_deferred
        if isinstance(document, VerifiedBuild) and document.deferrals and since and row.created_at < since:
            return Inspection("its deferred stories are tried again")
        if isinstance(document, Archive | Publication):
            problem = self._exports.problem(row.kind, document, asked or self._exports.asked())
            if problem:
                return Inspection(problem)
        where = presence(self._project, document)
        return Inspection({"missing": MISSING, "altered": "its file was changed"}.get(where, ""), where)

    def version(self, artifact: str, asked: AskedExports | None = None) -> str:
        """The code version, with the thresholds of verification, and with all that a publication is made with."""
        version, given = code_version(artifact, self._engine), self._project.settings
        if host := HOST_OF.get(artifact):
            told = self._exports.published_with(host, asked or self._exports.asked())
            return sha256_text(f"{version}{told}")[:32]
        if artifact != "verified_build":
            return version
        rules = (
            given.min_coverage,
            given.min_mutants_killed,
            given.mutants_per_module,
            given.licences_denied,
        )
        return sha256_text(f"{version}{rules}{given.sandbox == 'unsafe-subprocess'}")[:32]

    def is_outdated(self, row: ArtifactRevision) -> bool:
        """Whether an artifact is one that a batch makes anew, and has not made yet."""
        return self._overrides.anew and row.kind in _MADE_ANEW and row.batch != self._overrides.batch

    def _head(self, row: ArtifactRevision, found: Inspection) -> staleness.Head:
        fallback = row.code_version.endswith(FALLBACK)
        problem = "made by the blueprint engine in place of a model" if fallback else found.problem
        return staleness.Head(row.content_hash, row.inputs, row.code_version, problem)


def kinds_of(steps: Sequence[staleness.PlannedStep]) -> set[str]:
    """The artifacts that a plan makes."""
    return {step.kind for step in steps}
