"""Finds, renders and versions prompts.

A prompt's version is the hash of its text, its role's system prompt and whatever they include, so that a changed
file makes exactly the artifacts stale that were made with it. Operators put their own files, of the same names,
into ``prompts`` under the home folder.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.errors import RoleError

# How ``source`` heads each file.
_PART = re.compile(r"\n--- ([a-z0-9_]{1,60}/[a-z0-9_]{1,60}\.md\.j2)\n")
TEMPLATES = Path(__file__).parent / "templates"
SYSTEM = "system"


class PromptLibrary:
    """All prompts that are in reach.

    Args:
        own: an operator's folder, whose files come before the built-in ones.
        declared: texts of roles from elsewhere, by template name such as ``translator/system.md.j2``.
    """

    def __init__(self, own: Path | None = None, declared: Mapping[str, str] | None = None) -> None:
        loaders: list[jinja2.BaseLoader] = [jinja2.FileSystemLoader(own)] if own else []
        loaders += [jinja2.DictLoader(declared or {}), jinja2.FileSystemLoader(TEMPLATES)]
        self._own = own
        self._loader = jinja2.ChoiceLoader(loaders)
        self._versions: dict[tuple[str, str], str] = {}

    @cached_property
    def _environment(self) -> "_Sandbox":
        made = _Sandbox(
            loader=self._loader,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        made.filters["data"] = as_data
        made.filters["material"] = _material
        made.filters["numbered"] = _numbered
        made.filters["as_actor"] = _as_actor
        return made

    def system(self, role: str) -> str:
        """A role's system prompt.

        Raises:
            RoleError: it has none, or the file cannot be rendered.
        """
        return self._render(role, SYSTEM, {})

    def prompt(self, role: str, task: str, question: object, unit: str = "") -> str:
        """The prompt of a task, headed by its name.

        Raises:
            RoleError: it has none, or the file cannot be rendered with this question.
        """
        text = self._render(role, task, {"q": question})
        return f"# Task {role}/{task}{f' for {unit}' if unit else ''}\n\n{text}"

    def source(self, role: str, task: str) -> str:
        """Everything that a prompt is made of: system prompt, task, and included files.

        Raises:
            RoleError: a file is missing.
        """
        seen: dict[str, str] = {}
        for name in (_name(role, SYSTEM), _name(role, task)):
            self._collect(name, seen)
        return "\n".join(f"--- {name}\n{text}" for name, text in seen.items())

    def is_own(self, role: str, task: str) -> bool:
        """Whether an operator's file is used for a task, or for its role's system prompt."""
        return self._own is not None and any((self._own / _name(role, t)).is_file() for t in (SYSTEM, task))

    def copy(self, role: str, task: str) -> Path:
        """Copy a prompt's text into the operator's folder, for changing it, and return the file.

        Raises:
            RoleError: there is no such folder, no such prompt, or the file is there already.
        """
        if self._own is None:
            raise RoleError("there is no folder for prompts of one's own")
        target = self._own / _name(role, task)
        if target.exists():
            raise RoleError(f"{target} is there already")
        seen: dict[str, str] = {}
        self._collect(_name(role, task), seen)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(seen[_name(role, task)], encoding="utf-8")
        return target

    def restore(self, role: str, task: str, source: str) -> None:
        """Write the files that a prompt was made of into the operator's folder, where they are others now.

        Args:
            role: whose prompt it is.
            task: which of them.
            source: as ``source`` gave it.

        Raises:
            RoleError: there is no such folder, or these files would not make that prompt; nothing is written.
        """
        if self._own is None:
            raise RoleError("there is no folder for prompts of one's own")
        parts = _PART.split(f"\n{source}")
        files = dict(zip(parts[1::2], parts[2::2], strict=True))
        if PromptLibrary(None, files).source(role, task) != source:
            raise RoleError(f"{role}/{task} cannot be had again as it was: what it includes is another now")
        for name, text in files.items():
            target = self._own / name
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(target)

    def version(self, role: str, task: str) -> str:
        """The hash of ``source``, 16 hexadecimal digits."""
        if (role, task) not in self._versions:
            self._versions[role, task] = sha256_text(self.source(role, task))[:16]
        return self._versions[role, task]

    def _collect(self, name: str, seen: dict[str, str]) -> None:
        if name in seen:
            return
        try:
            assert self._environment.loader is not None
            text = self._environment.loader.get_source(self._environment, name)[0]
            if not text.strip():
                raise RoleError(f"the prompt {name} is empty")
            seen[name] = text
            for other in meta.find_referenced_templates(self._environment.parse(text)):
                if other:
                    self._collect(other, seen)
        except jinja2.TemplateNotFound as error:
            raise RoleError(f"the prompt {error.name} is missing") from None
        except jinja2.TemplateSyntaxError as error:
            raise RoleError(
                f"the prompt {name} is not a valid template: line {error.lineno}: {error}"
            ) from None
        except UnicodeDecodeError:
            raise RoleError(f"the prompt {name} is not UTF-8") from None

    def _render(self, role: str, task: str, context: Mapping[str, object]) -> str:
        name = _name(role, task)
        try:
            return self._environment.get_template(name).render(**context).strip() + "\n"
        except jinja2.TemplateNotFound as error:
            raise RoleError(f"the prompt {error.name} is missing") from None
        except Exception as error:  # a template can do anything wrong that Python can
            q = context.get("q")
            has = f"; q has {', '.join(type(q).model_fields)}" if isinstance(q, BaseModel) else ""
            raise RoleError(f"the prompt {name} cannot be rendered: {error}{has}") from None


class _Sandbox(ImmutableSandboxedEnvironment):
    """Prompts of a project's own roles come from wherever the project came from: they may read, and nothing else."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Of a document, its fields and properties; its methods could load files, or worse."""
        if isinstance(obj, BaseModel):
            own = type(obj)
            return attr in own.model_fields or isinstance(getattr(own, attr, None), property)
        return super().is_safe_attribute(obj, attr, value)


def as_data(text: object, name: str) -> str:
    """Text as material between tags that it cannot close, since they carry its own hash.

    What is inside never counts as an instruction; every system prompt says so.
    """
    shown = str(text)
    tag = f"data-{sha256_text(shown)[:16]}"
    label = "".join(c for c in name if c not in '"<>\r\n')
    return f'<{tag} name="{label}">\n{shown}\n</{tag}>'


def _material(document: BaseModel, name: str, fields: Sequence[str]) -> str:
    """Some fields of a document as YAML; what is empty is left out."""
    dumped = document.model_dump(mode="json", include=set(fields))
    filled = {field: _filled(dumped[field]) for field in fields}
    text = yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=110)
    return as_data(text.strip(), name)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item not in ("", None, [], False)}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def _numbered(text: str) -> str:
    return "\n".join(f"{number:4} {line}" for number, line in enumerate(text.splitlines(), start=1))


def _as_actor(actor: str) -> str:
    """``As a reader``, ``As an operator``: by the first letter, which is right nearly always."""
    return f"As {'an' if actor[:1].lower() in 'aeio' else 'a'} {actor}"


def _name(role: str, task: str) -> str:
    return f"{role}/{task}.md.j2"
