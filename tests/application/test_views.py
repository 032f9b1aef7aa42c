"""What use cases take and return: frozen, strict, and of a shape that does not change by accident."""

import inspect
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from syrupy.assertion import SnapshotAssertion

from hishamos_pipeline import application
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.base import Base
from hishamos_pipeline.store.store import ProjectStore

MODULES = [import_module(f"{application.__name__}.{m.name}") for m in iter_modules(application.__path__)]
MODELS = [
    found
    for module in MODULES
    for found in vars(module).values()
    if inspect.isclass(found)
    and issubclass(found, View | UseCaseInput)
    and found.__module__ == module.__name__
]
USE_CASES = [
    found
    for module in MODULES
    for found in vars(module).values()
    if inspect.isfunction(found)
    and found.__module__ == module.__name__
    and not found.__name__.startswith("_")
    and "services" in inspect.signature(found).parameters
]


def test_the_shape_of_every_view(snapshot: SnapshotAssertion) -> None:
    """What ``--json`` prints. A field that is gone or means something else breaks somebody's script."""
    views = sorted((m for m in MODELS if issubclass(m, View)), key=lambda m: (m.__module__, m.__name__))
    assert {f"{m.__module__}.{m.__name__}": m.model_json_schema() for m in views if m is not View} == snapshot


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_they_are_frozen_and_refuse_what_they_do_not_know(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"] and model.model_config["extra"] == "forbid"
    with pytest.raises((ValidationError, UsageError), match="no_such_field"):
        model.model_validate({"no_such_field": 1})


# Nobody is known before they have run; the feed is read for nobody, and handed on to those who may see it.
BEFORE_ANYBODY_IS_KNOWN = {
    "events.feed", "agents.note_call",
    "organizations.accept_invitation", "logins.actor_of", "logins.actor_of_token", "logins.log_in",
    "logins.log_in_by_link", "logins.log_in_client", "logins.log_out", "logins.new_session", "logins.refresh",
    "logins.right_password",
    "logins.set_password_by_link", "mailed_links.mail_invitation",
    "mailed_links.mail_password_link", "tokens.require_still_known", "ollama_models.contexts_of",
    "mailed_links.require_mail", "mailed_links.require_open_registration",
    "agent_tasks.do_next_task", "oidc.begin", "oidc.finish", "oidc.providers",
}  # fmt: skip
# Everybody may do this with what is their own, and with nothing else.
ABOUT_ONESELF = {
    "begin_second_factor", "change_password", "confirm_second_factor", "end_token", "list_rights", "list_sessions",
    "list_tokens",
    "log_out_everywhere", "make_token", "profile", "remove_second_factor", "update_profile",
}  # fmt: skip


def called(use_case: Any) -> str:
    return f"{use_case.__module__.rpartition('.')[2]}.{use_case.__name__}"


KNOWN = [found for found in USE_CASES if called(found) not in BEFORE_ANYBODY_IS_KNOWN | {"rights.require"}]


@pytest.mark.parametrize("use_case", KNOWN, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_each_use_case_says_what_it_does(use_case: Any) -> None:
    """So that the policy is asked, whatever the door."""
    assert hasattr(use_case, "action") or use_case.__name__ in ABOUT_ONESELF


@pytest.mark.parametrize("use_case", KNOWN, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_each_use_case_is_told_who_wants_it_and_returns_no_row(use_case: Any) -> None:
    hints = get_type_hints(use_case)
    assert list(inspect.signature(use_case).parameters)[:2] == ["services", "actor"]
    assert hints["services"] is Services and hints["actor"] is Actor
    assert "Row" not in str(hints["return"]) and "store." not in str(hints["return"])


def test_no_row_leaves_the_store(store: ProjectStore) -> None:
    """The public methods of every repository hand out records and plain values."""
    rows = {mapper.class_ for mapper in Base.registry.mappers}
    repositories = [
        value for name, value in vars(store).items() if not name.startswith("_") and name != "engine"
    ]
    assert len(repositories) >= 21
    for repository in repositories:
        for name, method in inspect.getmembers(type(repository), inspect.isfunction):
            if not name.startswith("_"):
                returned = str(get_type_hints(method)["return"])
                assert not [row for row in rows if row.__name__ in returned], f"{type(repository)}.{name}"


def test_views_survive_json() -> None:
    for model in MODELS:
        TypeAdapter(model).json_schema()
