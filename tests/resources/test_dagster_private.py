"""What is used of Dagster's insides: in one file, and only as long as there is no other way."""

from pathlib import Path

import dagster
import pytest
from dagster._core.storage import tags

import hishamos_pipeline
from hishamos_pipeline import partitions
from hishamos_pipeline.resources import dagster_private

PACKAGE = Path(hishamos_pipeline.__file__).parent


@pytest.mark.parametrize("name", dagster_private.__all__)
def test_dagster_exports_no_such_name(name: str) -> None:
    assert not hasattr(dagster, name), f"import {name} from dagster, and take it out of dagster_private"


def test_no_other_file_reaches_into_dagster() -> None:
    private = {path for path in PACKAGE.rglob("*.py") if "dagster._" in path.read_text()}
    assert private == {PACKAGE / "resources" / "dagster_private.py"}


def test_tags_are_named_as_dagster_names_them() -> None:
    assert partitions.PARTITION_TAG == tags.PARTITION_NAME_TAG
    assert partitions.RUN_KEY_TAG == tags.RUN_KEY_TAG
    assert partitions.RETRY_NUMBER_TAG == tags.RETRY_NUMBER_TAG
    assert partitions.WILL_RETRY_TAG == tags.WILL_RETRY_TAG
    assert partitions.MAX_RETRIES_TAG == tags.MAX_RETRIES_TAG
