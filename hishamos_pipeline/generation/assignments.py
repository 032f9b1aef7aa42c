"""Tasks outside the chain of assets: somebody gives a role a task, and gets its answer."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hishamos_pipeline.agents.api_caller import AgentAPICaller
from hishamos_pipeline.agents.builtin_tools import API_TOOLS
from hishamos_pipeline.agents.databases import QueriedDatabases
from hishamos_pipeline.agents.tasks import Assignment, Task
from hishamos_pipeline.agents.tools import Desktop, offered
from hishamos_pipeline.authoring.bindings import BINDINGS
from hishamos_pipeline.authoring.model_engine import ModelEngine, chain, overrides
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import TreeFile, VerifiedBuild
from hishamos_pipeline.core.pipeline.graph import file_set_of
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import check_key
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.delivery.history import RepositoryHistory
from hishamos_pipeline.errors import ModelSetupError, RoleError
from hishamos_pipeline.generation.assembling import KINDS
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.llm.gateway import Request, Result
from hishamos_pipeline.settings import Settings, listed
from hishamos_pipeline.verification.ci_files import commands_run
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.running import Runner, tail
from hishamos_pipeline.verification.verify import run_limits
from hishamos_pipeline.web.reading import WebAccess
from hishamos_pipeline.workspace.project_folder import ProjectFolder
from hishamos_pipeline.workspace.tree import limits_of, write_tree


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A project's artifacts and files as they are in the store, and its checks in the sandbox."""

    services: Services
    key: str

    def artifacts(self) -> dict[str, str]:
        """The newest revision of each artifact as JSON, by kind."""
        if not self.key:
            return {}
        return {
            artifact: row.content for artifact, row in self.services.store.artifacts.heads(self.key).items()
        }

    def files(self) -> dict[str, str]:
        """The texts of the newest generated files, by path: as verification left them, where it came to that."""
        return {path: text for path, (text, _) in self._files().items()}

    @property
    def history(self) -> RepositoryHistory:
        """The history of the project's repository."""
        folder = ProjectFolder(self.services.settings.projects_dir, self.key)
        return RepositoryHistory(folder.path("repository"))

    def run_checks(self) -> str:
        """What the commands of the CI files say of these files."""
        files = self._files()
        if not files:
            return "there are no files yet"
        with tempfile.TemporaryDirectory(prefix="hishamos-checks-") as folder:
            tree = Path(folder) / "tree"
            texts = {sha256_text(text): text for text, _ in files.values()}
            write_tree(tree, [file for _, file in files.values()], texts, limits_of(self.services.settings))
            return asyncio.run(self._checked(tree, {path: text for path, (text, _) in files.items()}))

    async def _checked(self, tree: Path, texts: Mapping[str, str]) -> str:
        opened = self.services
        requirements = declared_requirements(texts.get("pyproject.toml", ""))
        prepared = await opened.toolchains.prepare(requirements)
        if prepared.toolchain is None:
            return f"the dependencies cannot be had: {'; '.join(prepared.findings)}"
        runner = Runner(opened.sandbox, prepared.toolchain, run_limits(opened.settings))
        commands = commands_run(texts)
        said = []
        for command in commands:
            outcome = await runner.run(command, tree)
            said.append(f"$ {command}\n{tail(outcome.output)}\n({outcome.ending})")
        return "\n\n".join(said)

    def _files(self) -> dict[str, tuple[str, TreeFile]]:
        found = self.artifacts()
        listed: list[TreeFile] = []
        if "verified_build" in found:
            listed += VerifiedBuild.model_validate_json(found["verified_build"]).files
        else:
            for artifact in (artifact for artifact in KINDS if artifact in found):
                listed += file_set_of(artifact).model_validate_json(found[artifact]).files
        texts = self.services.store.units.blobs(file.sha256 for file in listed)
        return {file.path: (texts[file.sha256], file) for file in listed}


def web_access(settings: Settings) -> WebAccess:
    """What agents reach of the web, as the operator has named it."""
    return WebAccess(
        settings.web_search_url,
        listed(settings.web_hosts),
        listed(settings.http_hosts),
        settings.web_seconds,
        settings.web_bytes,
    )


def databases(settings: Settings) -> QueriedDatabases:
    """The databases that agents may ask."""
    return QueriedDatabases(
        settings.query_databases, seconds=settings.query_seconds, most_rows=settings.query_rows
    )


def check_assignment(
    services: Services,
    role: str,
    task: str,
    question: Mapping[str, Any],
    key: str = "",
    conversation: str = "",
) -> tuple[Task[Any, Any], Document]:
    """Make sure that a role can be given a task: the task, and its question. Takes the arguments of ``assign``.

    Raises:
        ProjectNotFoundError: there is no such project.
        RoleError: no such role or task, the question lacks something, or the task allows no conversation.
    """
    if key:
        # An unknown project is refused before anything of it is read, or paid.
        services.store.projects.get(check_key(key))
    chosen = services.registry(key).role(role).task(task)
    if conversation and not chosen.policy.turns:
        raise RoleError(f"{chosen} is done in one turn: leave out the conversation")
    return chosen, _question(chosen, question)


async def assign(
    services: Services,
    role: str,
    task: str,
    question: Mapping[str, Any],
    *,
    key: str = "",
    conversation: str = "",
    api: AgentAPICaller | None = None,
) -> Result[Any]:
    """Have a role do a task.

    Args:
        services: the services of this installation.
        role: the role's name.
        task: the task's name.
        question: the fields of the task's question.
        key: the project that the task is about; its costs are booked on it, and its own roles are known.
        conversation: name under which earlier turns are kept, and this one will be.
        api: calls the API for whoever has given the task; ``None`` where it is not to be called.

    Raises:
        RoleError: no such role or task, the question lacks something, or the task allows no conversation.
        ModelError: nobody gave a valid answer, or no model is set.
    """
    chosen, asked = await asyncio.to_thread(
        check_assignment, services, role, task, question, key, conversation
    )
    models, _ = chain(services.settings, chosen)
    engine = services.engine
    of_the_chain = str(chosen) in BINDINGS and chosen.question is not Assignment
    if of_the_chain and models and isinstance(engine, ModelEngine):
        return await engine.ask(chosen, asked, Purpose(key, "", conversation))
    if of_the_chain:
        return _free(await engine.answer(chosen, asked), engine.name)
    if not models:
        raise ModelSetupError(
            f"{chosen} needs a model: set HISHAMOS_LLM=provider:model (`hishamos providers list` names providers)"
        )
    store, library = services.store, services.library(key)
    version = library.version(role, task)
    text = library.source(role, task)
    store.conversations.keep_prompts(
        [(version, role, task, text)], key if _is_own(services, role, task, version) else ""
    )
    override = overrides(services.settings, chosen)
    desktop = Desktop(
        key,
        role,
        task,
        StoredProject(services, key),
        store.conversations.used,
        services.settings.llm_tool_calls,
        api,
        web_access(services.settings),
        databases(services.settings),
    )
    result = await services.gateway.ask(
        Request(
            role=role,
            task=task,
            system=library.system(role),
            prompt=library.prompt(role, task, asked),
            output=chosen.answer,
            models=models,
            purpose=Purpose(key, "", conversation),
            prompt_version=version,
            temperature=override.temperature,
            max_output_tokens=override.max_output_tokens,
            tools=_tools(chosen, desktop),
            history=store.conversations.messages(conversation, role, task, key) if conversation else "",
        )
    )
    if conversation:
        store.conversations.save(conversation, role, task, mask(result.messages), key)
    return result


def _is_own(services: Services, role: str, task: str, version: str) -> bool:
    """Whether a prompt is another one than the installation has: that of a project's own role."""
    try:
        return services.library().version(role, task) != version
    except RoleError:
        return True


def _free(answer: Document, name: str) -> Result[Any]:
    return Result(
        output=answer,
        provider=name,
        model="",
        input_tokens=0,
        output_tokens=0,
        cost_usd=0.0,
        calls=0,
        attempts=0,
        cached=False,
        fell=(),
        messages="",
    )


def _tools(task: Task[Any, Any], desktop: Desktop) -> list[Any]:
    from pydantic_ai import Tool

    found = offered([*task.policy.tools, *API_TOOLS], desktop)
    return [Tool(function, takes_ctx=False) for function in found]


def _question(task: Task[Any, Any], fields: Mapping[str, Any]) -> Document:
    try:
        made: Document = task.question.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        hint = "" if task.question is Assignment else "; a task of the chain is given its whole input as JSON"
        raise RoleError(
            f"the input of {task}: {'.'.join(map(str, first['loc']))}: {first['msg']}{hint}"
        ) from None
    return made
