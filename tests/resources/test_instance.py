"""What the shipped ``dagster.yaml`` promises, read off the live instance, on both databases."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import DagsterRunStatus

from hishamos_pipeline.assets.declare import declared
from hishamos_pipeline.core.pipeline.batch import SLOT_TAG
from hishamos_pipeline.definitions import defs
from hishamos_pipeline.resources.dagster_home import prepare_dagster_home
from hishamos_pipeline.settings import Settings, get_settings


@pytest.fixture
def live(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_HOME", "HISHAMOS_DAGSTER_DIR", "HISHAMOS_DAGSTER_DATABASE_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance


def new_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    job = defs().resolve_job_def("build_project")
    return instance.create_run_for_job(
        job, tags={"dagster/partition": "notes"}, status=DagsterRunStatus.STARTED
    )


def test_the_queue_and_its_limits(live: dg.DagsterInstance) -> None:
    assert isinstance(live.run_coordinator, QueuedRunCoordinator)
    given = live.get_concurrency_config()
    assert given.run_queue_config is not None
    assert given.run_queue_config.max_concurrent_runs == Settings().runs_at_a_time
    one_each = [
        {"key": key, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        for key in ("dagster/partition", SLOT_TAG)
    ]
    assert given.run_queue_config.tag_concurrency_limits == one_each
    assert given.pool_config.default_pool_limit == 4
    assert given.pool_config.pool_granularity is not None
    assert given.pool_config.pool_granularity.value == "op"
    monitoring = live.run_monitoring_settings
    assert live.run_monitoring_enabled and monitoring["free_slots_after_run_end_seconds"] == 300
    assert monitoring["max_runtime_seconds"] == 7200
    assert not live.telemetry_enabled and not live.nux_enabled
    assert live.get_settings("retention")["sensor"]["purge_after_days"]["success"] == 30


@pytest.mark.parametrize(("reason", "retried"), [(RunFailureReason.STEP_FAILURE, "false"), (None, "true")])
def test_only_crashed_workers_are_tried_again(
    live: dg.DagsterInstance, reason: RunFailureReason | None, retried: str
) -> None:
    run = new_run(live)
    live.report_run_failed(run, job_failure_data=JobFailureData(None, reason) if reason else None)
    after = live.get_run_by_id(run.run_id)
    assert after and after.tags["dagster/will_retry"] == retried


def test_a_pool_has_slots_which_a_run_gives_back(live: dg.DagsterInstance) -> None:
    storage, run = live.event_log_storage, new_run(live)
    storage.initialize_concurrency_limit_to_default("sandbox")
    for number in range(4):
        assert storage.claim_concurrency_slot("sandbox", run.run_id, f"step-{number}").is_claimed
    assert not storage.claim_concurrency_slot("sandbox", run.run_id, "step-5").is_claimed
    storage.free_concurrency_slots_for_run(run.run_id)
    assert storage.get_concurrency_info("sandbox").active_slot_count == 0


def pools(found: Iterable[Any]) -> dict[str, str]:
    """The pool of each asset that has one."""
    assets = [asset for asset in found if isinstance(asset, dg.AssetsDefinition)]
    return {asset.key.to_user_string(): pool for asset in assets for pool in asset.node_def.pools}


def test_the_blueprint_engine_needs_the_sandbox_alone() -> None:
    assert pools(defs().assets or ()) == {"verified_build": "sandbox"}


def test_steps_share_a_pool_by_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISHAMOS_LLM", "anthropic:claude-sonnet-5-5")
    roles = '{"qa": {"models": "openai:gpt-5-mini"}, "documentation": {"models": "blueprint"}}'
    monkeypatch.setenv("HISHAMOS_LLM_ROLES", roles)
    get_settings.cache_clear()

    def body(context: dg.AssetExecutionContext) -> None:
        """Never run."""

    kinds = ("source_code", "test_suite", "documentation", "verified_build", "repository")
    made = [declared(kind, kinds={"python"}, description="")(body) for kind in kinds]
    assert pools(made) == {
        "source_code": "provider_anthropic",
        "test_suite": "provider_openai",
        "verified_build": "sandbox",
    }
