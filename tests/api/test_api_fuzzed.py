"""The API against what schemathesis makes of its document: whatever is sent, it keeps to what it says."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
)

from hishamos_pipeline.api.app import create_app
from hishamos_pipeline.generation.services import Services
from tests.support.api import RunningApi, running_api, settings_at, token_of

# They end the login that everything is sent with, never end, or ask a provider of models.
LEFT_OUT = ["logout_everywhere", "stream_events", "list_models", "check_provider"]
_HOME = tempfile.TemporaryDirectory()  # as long as the module is there: its application is opened again
_APP = create_app(Services(settings_at(Path(_HOME.name)).model_copy(update={"agent_workers": 0})))
SCHEMA = schemathesis.openapi.from_asgi("/api/schema", _APP).exclude(operation_id=LEFT_OUT)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API whose people and projects are changed by everything that is sent."""
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    with running_api(settings_at(folder)) as made:
        yield made


@schemathesis.check
def accepted_as_documented(_: Any, response: Any, case: Any) -> None:
    """What the document allows may be refused by the rules behind it, but not as a request that is none."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 422:
        problem = response.json()
        assert problem["type"] != "urn:hishamos:problem:invalid-request" or "NUL" in problem["detail"], (
            problem
        )


def keeps_its_word(fuzzed: RunningApi, case: Any, role: str) -> None:
    case.operation.schema.app = fuzzed.app
    validate(case.call(headers={"Authorization": f"Bearer {token_of(fuzzed[role])}"}), case)


def validate(answer: Any, case: Any) -> None:
    # A missing If-Match is answered by 428 (RFC 6585) and a large body by 413, which it does not know.
    left_out = [positive_data_acceptance, missing_required_header]
    if answer.status_code == 413:
        left_out.append(negative_data_rejection)
    case.validate_response(answer, additional_checks=[accepted_as_documented], excluded_checks=left_out)


FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@SCHEMA.parametrize()
@FEW
def test_it_keeps_to_its_document(fuzzed: RunningApi, case: Any) -> None:
    keeps_its_word(fuzzed, case, "operator")


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["viewer", "developer", "admin", "operator"])
@SCHEMA.parametrize()
@MANY
def test_it_keeps_to_its_document_for_every_role(fuzzed: RunningApi, case: Any, role: str) -> None:
    keeps_its_word(fuzzed, case, role)


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["developer", "operator"])
def test_what_was_made_can_be_read_changed_and_removed(fuzzed: RunningApi, role: str) -> None:
    """Sequences of requests, each with what earlier ones have answered."""

    class Sequence(SCHEMA.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            case.operation.schema.app = fuzzed.app
            return {"headers": {"Authorization": f"Bearer {token_of(fuzzed[role])}"}}

        def validate_response(self, response: Any, case: Any, additional_checks: Any = (), **_: Any) -> None:
            validate(response, case)

    Sequence.run(settings=settings(MANY, max_examples=40, stateful_step_count=8))
