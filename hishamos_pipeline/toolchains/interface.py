"""The seam between verification and a language: from declared requirements to programs that can be run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hishamos_pipeline.sandbox.interface import Toolchain


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a project runs or is tested with; ``licence`` is as its metadata says, empty if unknown."""

    name: str
    version: str
    sha256: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A toolchain, or why there is none.

    ``findings`` say what is wrong with the requirements, by name; nothing was installed then.
    """

    toolchain: Toolchain | None
    packages: tuple[Package, ...] = ()
    findings: tuple[str, ...] = ()


class Toolchains(Protocol):
    """Makes the toolchains of a language, each once."""

    async def prepare(self, requirements: Sequence[str]) -> Prepared:
        """The toolchain for a project's declared requirements.

        Raises:
            ToolchainError: it could not be made, for reasons that are not the project's.
        """
        ...
