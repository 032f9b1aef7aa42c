"""The registry of roles: built in, from entry points, and from a project's own folder.

A package adds roles by the entry point group ``hishamos.roles``, each a ``Role``. A project adds or replaces roles
by YAML files in its ``agents`` folder; those declare, and run no code.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, create_model

from hishamos_pipeline.agents.builtin import ROLES
from hishamos_pipeline.agents.roles import Role
from hishamos_pipeline.agents.tasks import Assignment, Policy, Task
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import RoleError
from hishamos_pipeline.prompts.library import SYSTEM

GROUP = "hishamos.roles"
_MOST_BYTES = 200_000
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,59}")
_TYPES: Mapping[str, Any] = {
    "text": str, "number": float, "integer": int, "boolean": bool,
    "texts": tuple[str, ...], "numbers": tuple[float, ...],
}  # fmt: skip


class _DeclaredTask(Document):
    purpose: str = ""
    prompt: str = Field(min_length=1)
    answer: dict[str, str] = Field(min_length=1)
    model: str = "strong"
    temperature: float | None = Field(None, ge=0, le=2)
    max_output_tokens: int | None = Field(None, gt=0)
    tools: tuple[str, ...] = ()
    turns: bool = False
    api: tuple[str, ...] = ()


class _DeclaredRole(Document):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    purpose: str
    system: str = Field(min_length=1)
    tasks: dict[str, _DeclaredTask] = Field(min_length=1)


class Registry:
    """Roles by name.

    Args:
        roles: later ones replace earlier ones of the same name.
    """

    def __init__(self, roles: Iterable[Role]) -> None:
        self._roles = {role.name: role for role in roles}

    @property
    def roles(self) -> list[Role]:
        """All roles by name."""
        return [self._roles[name] for name in sorted(self._roles)]

    def role(self, name: str) -> Role:
        """A role by name.

        Raises:
            RoleError: there is none of that name.
        """
        if name not in self._roles:
            raise RoleError(
                f"there is no role {name!r}: `hishamos agents list` names those that there are, with --project KEY "
                "those of a project too"
            )
        return self._roles[name]

    @property
    def prompts(self) -> dict[str, str]:
        """The prompts of roles that are not built in, by template name."""
        return {
            f"{role.name}/{name}.md.j2": text for role in self.roles for name, text in role.prompts.items()
        }


def load_registry(project_folder: Path | None = None) -> Registry:
    """The roles that are in reach.

    Args:
        project_folder: a project's ``agents`` folder, if there is one.

    Raises:
        RoleError: a declaration cannot be read; the message names it.
    """
    roles = [*ROLES, *_from_packages()]
    if project_folder is not None and project_folder.is_dir():
        roles += [
            read_role(path)
            for path in sorted(p for p in project_folder.iterdir() if p.suffix in (".yaml", ".yml"))
        ]
    return Registry(roles)


def _from_packages() -> list[Role]:
    roles = []
    for point in entry_points(group=GROUP):
        try:
            role = point.load()
        except Exception as error:
            raise RoleError(f"the role {point.name} of {point.value} cannot be loaded: {error}") from error
        if not isinstance(role, Role):
            raise RoleError(f"the entry point {point.name} of {point.value} is not a hishamos Role")
        roles.append(role)
    return roles


def read_role(path: Path) -> Role:
    """A role from a YAML file.

    Raises:
        RoleError: the file is too large, not YAML, or lacks something; the message names the field.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RoleError(f"{path} is larger than {_MOST_BYTES:,} bytes")
        given = _DeclaredRole.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise RoleError(f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RoleError(f"{path} cannot be read: {error}") from None
    tasks = tuple(_task(path, given.name, name, task) for name, task in given.tasks.items())
    prompts = {"system": given.system, **{name: task.prompt for name, task in given.tasks.items()}}
    return Role(given.name, given.purpose, tasks, prompts, source=str(path))


def _task(path: Path, role: str, name: str, given: _DeclaredTask) -> Task[Any, Any]:
    if not _FIELD.fullmatch(name) or name == SYSTEM:
        raise RoleError(
            f"{path}: tasks.{name}: a task's name is lower case letters, digits and _, and not {SYSTEM}"
        )
    wrong = [field for field in given.answer if not _FIELD.fullmatch(field) or hasattr(Document, field)]
    if wrong:
        raise RoleError(
            f"{path}: tasks.{name}.answer.{wrong[0]}: a field is lower case letters, digits and _"
        )
    unknown = [f"{field}: {kind}" for field, kind in given.answer.items() if kind not in _TYPES]
    if unknown:
        raise RoleError(f"{path}: tasks.{name}.answer.{unknown[0]}: a type is one of {', '.join(_TYPES)}")
    if given.model not in ("strong", "fast"):
        raise RoleError(f"{path}: tasks.{name}.model: is strong or fast, not {given.model!r}")
    fields: dict[str, Any] = {field: (_TYPES[kind], ...) for field, kind in given.answer.items()}
    answer = create_model(f"{role}_{name}_answer", __base__=Document, **fields)
    policy = Policy(
        "fast" if given.model == "fast" else "strong",
        given.temperature,
        given.max_output_tokens,
        given.tools,
        turns=given.turns,
        api=given.api,
    )
    return Task(role, name, Assignment, answer, given.purpose, policy)
