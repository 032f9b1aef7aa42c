"""Everything that a project's steps work with, opened from the settings."""

import os
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hishamos_pipeline.core.actor import INSTALLATION, Actor
from hishamos_pipeline.core.pipeline.batch import NO_BATCH, OWN_SETTINGS, BatchOverrides
from hishamos_pipeline.core.text.ids import check_key
from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.errors import BatchError, CredentialError, ProjectNotFoundError
from hishamos_pipeline.settings import Settings, listed
from hishamos_pipeline.store.store import ProjectStore, open_store

# What a command does not use is not imported for it: most of them only read the store.
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hishamos_pipeline.accounts.access_tokens import SigningKeys
    from hishamos_pipeline.agents.engine import Engine
    from hishamos_pipeline.agents.registry import Registry
    from hishamos_pipeline.core.artifacts.idea import ProjectBudget
    from hishamos_pipeline.generation.project import Project
    from hishamos_pipeline.generation.provider_catalog import ProviderCatalog
    from hishamos_pipeline.generation.run import ProjectRun
    from hishamos_pipeline.llm.gateway import Gateway
    from hishamos_pipeline.llm.providers import Access
    from hishamos_pipeline.prompts.library import PromptLibrary
    from hishamos_pipeline.sandbox.interface import Sandbox
    from hishamos_pipeline.toolchains.interface import Toolchains


@dataclass
class Services:
    """The store, the engine and the sandbox of this installation, each opened when first used."""

    settings: Settings
    patient: bool = False  # whether a database that is away is waited for
    overrides: BatchOverrides = NO_BATCH  # those of the batch that projects are built for
    actor: Actor = INSTALLATION  # whom they work for
    api: "Callable[[], Any] | None" = None  # gives the API of this process, for agents that call it

    @cached_property
    def store(self) -> ProjectStore:
        """The project store.

        Raises:
            StoreVersionError, StorageError: see ``open_store``.
        """
        wait = self.settings.database_wait_seconds if self.patient else 0.0
        return open_store(self.settings.store_url, wait_seconds=wait).acting_as(self.actor)

    def acting_as(self, actor: Actor) -> "Services":
        """The same services for somebody else; what is open is shared, and closed by these."""
        other = copy(self)
        other.actor = actor
        for name in ("gateway", "engine"):  # they ask on account of whom they were opened for
            other.__dict__.pop(name, None)
        other.__dict__["store"] = self.store.acting_as(actor)
        return other

    @cached_property
    def engine(self) -> "Engine":
        """Who answers the roles' tasks, as the settings name it.

        Raises:
            ModelSetupError: the settings name no such provider.
        """
        from hishamos_pipeline.blueprints.engine import BlueprintEngine

        blueprint = BlueprintEngine()
        if not self.asks_models:
            return blueprint
        from hishamos_pipeline.authoring.model_engine import ModelEngine

        # Not opened yet: the assets ask an engine for its versions when they are declared.
        return ModelEngine(
            lambda: self.gateway,
            self.library(),
            self.settings,
            blueprint,
            lambda: self.store.conversations,
            self.registry(),
        )

    @cached_property
    def signing_keys(self) -> "SigningKeys":
        """What access tokens are signed with.

        Raises:
            CredentialError, StorageError: the secret keys cannot be read.
        """
        from hishamos_pipeline.accounts.access_tokens import SigningKeys, own_secret

        return SigningKeys(
            self.settings.secret_key_list or [own_secret(self.settings.home / "access-tokens.key")]
        )

    def check_models(self) -> None:
        """Find out, without asking anybody, whether the models can be used: before any work is done.

        Raises:
            ModelSetupError, CredentialError: the message says what to set.
        """
        if self.asks_models and self.settings.llm_cache != "replay":
            from hishamos_pipeline.authoring.model_engine import ModelEngine

            assert isinstance(self.engine, ModelEngine)
            self.engine.check()

    @property
    def asks_models(self) -> bool:
        """Whether any task is put to a model."""
        given = self.settings
        named = [given.llm, given.llm_fast, *(item.models for item in given.llm_roles.values())]
        return any(name and name != "blueprint" for name in named)

    @cached_property
    def gateway(self) -> "Gateway":
        """What asks models."""
        from hishamos_pipeline.llm.admission import CallAdmission
        from hishamos_pipeline.llm.gateway import Gateway

        for provider in self.providers().values():  # so that none of them is written down, whichever is asked
            with suppress(CredentialError):  # told when that provider is asked
                self.key(provider.variable)
        admission = CallAdmission(
            self.store.calls,
            self.settings,
            self._project_budget,
            self.overrides,
            self._refused,
            self.providers,
        )
        return Gateway(admission, self.access)

    @property
    def access(self) -> "Access":
        """Keys and URLs of the providers: the environment first, then the encrypted table."""
        from hishamos_pipeline.llm.providers import Access

        return Access(self.settings.llm_urls, self.key, self.providers)

    @cached_property
    def providers(self) -> "ProviderCatalog":
        """Gives the providers that there are now."""
        from hishamos_pipeline.generation.provider_catalog import ProviderCatalog

        return ProviderCatalog(self.store.providers)

    def library(self, key: str = "") -> "PromptLibrary":
        """The prompts, with those of a project's own roles."""
        from hishamos_pipeline.prompts.library import PromptLibrary

        return PromptLibrary(self.settings.prompts_dir, self.registry(key).prompts)

    def registry(self, key: str = "") -> "Registry":
        """The roles, with those of a project's own ``agents`` folder.

        Raises:
            RoleError: a declaration cannot be read.
            ProjectKeyError: the key breaks the slug rule.
        """
        from hishamos_pipeline.agents.registry import load_registry

        return load_registry(self.settings.projects_dir / check_key(key) / "agents" if key else None)

    @cached_property
    def sandbox(self) -> "Sandbox":
        """What runs generated code, after it has been shown to hold.

        Raises:
            SandboxError: none works here, or the settings do not allow it; the message says what to do.
        """
        from hishamos_pipeline.generation.instrumentation import CountedSandbox
        from hishamos_pipeline.sandbox.choice import open_sandbox, require_allowed

        sandbox = open_sandbox(self.settings.sandbox)
        require_allowed(sandbox, self.models, listed(self.settings.sandbox_unsafe_models))
        return CountedSandbox(sandbox, lambda: self.store.counters)

    @property
    def models(self) -> list[str]:
        """Every model that may be asked, as ``provider:model``; none where the blueprint engine answers."""
        if not self.asks_models:
            return []
        from hishamos_pipeline.authoring.model_engine import ModelEngine

        assert isinstance(self.engine, ModelEngine)
        return [str(ref) for ref in self.engine.models]

    def provider_of(self, kind: str) -> str:
        """The provider whose model is asked first for an artifact; empty where none is asked."""
        from hishamos_pipeline.agents.tasks import TASK_OF

        task = TASK_OF.get(kind)
        if task is None or not self.asks_models:
            return ""
        from hishamos_pipeline.authoring.model_engine import chain

        refs, _ = chain(self.settings, task)
        return refs[0].provider if refs else ""

    @cached_property
    def toolchains(self) -> "Toolchains":
        """What generated code is run with; both stacks are Python's."""
        from hishamos_pipeline.toolchains.python import PythonToolchains

        return PythonToolchains(self.settings)

    def _refused(self, project: str, reason: str) -> None:
        self.store.batches.refuse(self.overrides.batch, project, reason)

    def _project_budget(self, key: str) -> "ProjectBudget":
        from hishamos_pipeline.core.artifacts.idea import ProjectBudget

        try:
            return self.store.projects.idea(key).budget
        except ProjectNotFoundError:
            return ProjectBudget()

    def key(self, variable: str) -> str:
        """A key or token, from the environment or the encrypted table, registered so that it is masked everywhere."""
        found = os.environ.get(variable, "").strip() or self.store.credentials.get(
            variable, self.settings.secret_key_list
        )
        return register(found) if found else ""

    def project_data(self, key: str) -> "Project":
        """What there is of a project, without what would build it.

        Raises:
            ProjectKeyError: the key breaks the slug rule.
        """
        from hishamos_pipeline.generation.project import Project

        return Project(check_key(key), self.store, self.settings)

    def project(self, key: str) -> "ProjectRun":
        """A project on its way through the pipeline.

        Raises:
            ProjectKeyError: the key breaks the slug rule.
        """
        from hishamos_pipeline.generation.context import StepServices
        from hishamos_pipeline.generation.run import ProjectRun

        return ProjectRun(
            StepServices(
                self.project_data(key),
                engine=self.engine,
                sandbox=lambda: self.sandbox,
                toolchains=lambda: self.toolchains,
                overrides=self.overrides,
                keys=self.key,
            )
        )

    def for_batch(self, overrides: BatchOverrides) -> "Services":
        """The same services, for the runs of a batch, with the settings that it has of its own.

        Raises:
            BatchError: a setting is none that a batch can have, or not valid.
        """
        unknown = sorted(overrides.settings.keys() - set(OWN_SETTINGS))
        if unknown:
            raise BatchError(f"a batch cannot set {', '.join(unknown)}: it can set {', '.join(OWN_SETTINGS)}")
        try:
            valid = Settings.model_validate({**self.settings.model_dump(), **overrides.settings})
        except ValidationError as error:
            first = error.errors()[0]
            raise BatchError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return replace(self, settings=valid, overrides=overrides)

    def close(self) -> None:
        """Close what was opened."""
        if "store" in self.__dict__:
            self.store.engine.dispose()
