"""Everything that a project's steps work with, opened from the settings."""

from dataclasses import dataclass
from functools import cached_property

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.errors import HishamosError
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.sandbox.interface import Sandbox
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore, open_store


@dataclass
class Workshop:
    """The store, the engine and the sandbox of this installation, each opened when first used."""

    settings: Settings

    @cached_property
    def store(self) -> ProjectStore:
        """The project store.

        Raises:
            StoreVersionError, StorageError: see ``open_store``.
        """
        return open_store(self.settings.store_url)

    @cached_property
    def engine(self) -> Engine:
        """The engine that the settings name.

        Raises:
            HishamosError: no engine has that name.
        """
        if self.settings.engine != "blueprint":
            raise HishamosError(
                f"HISHAMOS_ENGINE names {self.settings.engine!r}, which is not installed; known: blueprint"
            )
        from hishamos_pipeline.blueprints.engine import BlueprintEngine

        return BlueprintEngine()

    @cached_property
    def sandbox(self) -> Sandbox:
        """What runs generated code."""
        from hishamos_pipeline.sandbox.subprocess_sandbox import SubprocessSandbox

        return SubprocessSandbox()

    def project(self, key: str) -> ProjectRun:
        """A project on its way through the pipeline.

        Raises:
            ProjectKeyError: the key breaks the slug rule.
        """
        return ProjectRun(
            key, store=self.store, engine=self.engine, sandbox=self.sandbox, settings=self.settings
        )

    def close(self) -> None:
        """Close what was opened."""
        if "store" in self.__dict__:
            self.store.engine.dispose()
