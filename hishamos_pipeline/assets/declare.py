"""How assets and checks are declared: what the graph says of them is filled in from ``core.pipeline.graph``."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from hishamos_pipeline.assets.metadata import DATA_VERSION_TAG
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.errors import HishamosError, StoreAwayError
from hishamos_pipeline.generation.project import Project
from hishamos_pipeline.generation.runner import StepResult
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.generation.versions import code_version
from hishamos_pipeline.partitions import project_key, projects
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.settings import get_settings

_MAX_OFFENDING = 50
_STORE_TRIES = 5
_STORE_PAUSE_SECONDS = 5

# Shows an artifact that was made, or found up to date.
Presenter = Callable[[Project, StepResult[Any]], "dg.MaterializeResult[Any]"]
# What offends, as ids with a reason each; empty when the check passes. It is given the project, or the step's context.
Finder = Callable[[Any], Sequence[str]]


def project_asset(*, kinds: set[str]) -> Callable[[Presenter], dg.AssetsDefinition]:
    """Declare the asset of a project: its name is the artifact's kind, its docstring the description.

    The step runner makes it, by the producer of that name; what is decorated shows it.

    Args:
        kinds: icons in the UI.
    """

    def declare(show: Presenter) -> dg.AssetsDefinition:
        @declared(show.__name__, kinds=kinds, description=show.__doc__)
        async def asset(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult[Any]:
            with failures():
                run = pipeline.project(project_key(context))
                made = await run.make(show.__name__)
            for name, again in made.remade.items():
                context.log_event(_again(name, run.key, again))
            return show(run.project, made)

        return asset

    return declare


def _again(artifact: str, key: str, made: StepResult[Any]) -> dg.AssetMaterialization:
    """The event of an artifact that was made again within the step of another."""
    return dg.AssetMaterialization(
        asset_key=artifact,
        partition=key,
        description=made.reason,
        metadata={"revision": made.row.revision, "made": f"made: {made.reason}"},
        tags={DATA_VERSION_TAG: made.row.content_hash},
    )


def declared(
    artifact: str, *, kinds: set[str], description: str | None
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """``dagster.asset`` for an artifact; inputs, group, owners and code version come from the graph."""
    step = STEPS[artifact]
    services = Services(get_settings())
    return dg.asset(
        name=artifact,
        deps=[dg.AssetKey(name) for name in step.inputs],
        partitions_def=projects,
        group_name=step.group,
        owners=[f"team:{step.group}"],
        kinds=kinds,
        code_version=code_version(artifact, services.engine),
        pool=_pool(artifact, services.provider_of(artifact)),
        description=description,
    )


def _pool(artifact: str, provider: str) -> str | None:
    """What few steps of all runs may use at a time: a provider, or the machine's sandbox."""
    if artifact == "verified_build":
        return "sandbox"
    return f"provider_{provider}" if provider else None


@contextmanager
def failures() -> Iterator[None]:
    """Turn our own errors into failures that show the message without a stack trace.

    Trying again cannot help against any of them, but for a database that was lost.
    """
    try:
        yield
    except StoreAwayError as error:
        raise dg.RetryRequested(max_retries=_STORE_TRIES, seconds_to_wait=_STORE_PAUSE_SECONDS) from error
    except HishamosError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def project_check(
    *,
    artifact: str,
    fix: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    in_context: bool = False,
) -> Callable[[Finder], dg.AssetChecksDefinition]:
    """Declare a check of an artifact; one of severity ``ERROR`` blocks what is made from it.

    Args:
        artifact: what it judges.
        fix: what to do when it fails, as a sentence; ``{key}`` stands for the project's key.
        severity: ``WARN`` for what is only a matter of taste.
        in_context: whether it is given the context of the artifact's step in place of the project.
    """
    blocking = severity == dg.AssetCheckSeverity.ERROR

    def declare(find: Finder) -> dg.AssetChecksDefinition:
        with warnings.catch_warnings():
            # Partitioned checks are a preview feature of Dagster; without them the status of a project's
            # check would be overwritten by whichever project ran last.
            warnings.simplefilter("ignore", dg.PreviewWarning)

            @dg.asset_check(
                asset=dg.AssetKey(artifact),
                name=find.__name__,
                description=find.__doc__,
                blocking=blocking,
                partitions_def=projects,
            )
            def check(context: dg.AssetCheckExecutionContext, pipeline: Pipeline) -> dg.AssetCheckResult:
                run = pipeline.project(project_key(context))
                advice = fix.replace("{key}", run.key)
                with failures():
                    offending = list(find(run.runner.context(artifact) if in_context else run.project))
                if offending and blocking:
                    run.lifecycle.stop(
                        "blocked", artifact, f"{find.__name__}: {_sentence(offending, advice)}"
                    )
                return dg.AssetCheckResult(
                    passed=not offending,
                    severity=severity,
                    description=_sentence(offending, advice),
                    metadata=_findings(offending),
                )

        return check

    return declare


def _sentence(offending: Sequence[str], fix: str) -> str:
    if not offending:
        return "No findings."
    more = f" (and {len(offending) - 1} more)" if len(offending) > 1 else ""
    return f"{offending[0][:400]}{more}. {fix}"


def _findings(offending: Sequence[str]) -> dict[str, Any]:
    if not offending:
        return {"findings": 0}
    schema = dg.TableSchema([dg.TableColumn("finding")])
    records = [dg.TableRecord({"finding": text[:500]}) for text in offending[:_MAX_OFFENDING]]
    return {
        "findings": len(offending),
        "offending": dg.MetadataValue.table(records=records, schema=schema),
    }
