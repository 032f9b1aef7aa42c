"""One tick of a sensor, on a real instance whose storage is where the store is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from hishamos_pipeline.definitions import defs
from hishamos_pipeline.resources.pipeline import Pipeline
from hishamos_pipeline.settings import Settings

Tick = Callable[..., dg.SensorResult]


@contextmanager
def instance_of(settings: Settings, folder: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of a test."""
    folder.mkdir(exist_ok=True)
    url = settings.database_url
    overrides = {"storage": {"postgres": {"postgres_url": url}}} if url else {}
    with dg.instance_for_test(temp_dir=str(folder), overrides=overrides) as made:
        yield made


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, settings: Settings, cursor: str | None = None
) -> dg.SensorResult:
    """What a sensor wants done."""
    result = _ticked(sensor, instance, settings, cursor)
    assert isinstance(result, dg.SensorResult)
    return result


def skipped(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, settings: Settings) -> str:
    """What a sensor says that requests nothing."""
    result = _ticked(sensor, instance, settings, None)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def _ticked(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, settings: Settings, cursor: str | None
) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        instance_ref=instance.get_ref(),
        definitions=defs(),
        cursor=cursor,
        resources={"pipeline": Pipeline(home=str(settings.home))},
    ) as context:
        return sensor(context)
