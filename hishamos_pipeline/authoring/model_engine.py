"""The engine that asks models: prompts in, drafts out, documents finished and checked by code."""

import logging
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from hishamos_pipeline.agents import tasks
from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.file_questions import FileRequest, FileText
from hishamos_pipeline.agents.registry import Registry
from hishamos_pipeline.agents.tasks import Task
from hishamos_pipeline.authoring.bindings import BINDINGS
from hishamos_pipeline.authoring.planning import PlanningRules
from hishamos_pipeline.authoring.revising import ReconsiderError
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.pipeline.rules import rule_version, shape_version
from hishamos_pipeline.core.pipeline.spending import UNATTRIBUTED, Purpose
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.untrusted import all_without_tricks
from hishamos_pipeline.errors import (
    AnswerError,
    BudgetError,
    CredentialError,
    ModelError,
    ModelSetupError,
    ReplayError,
    RoleError,
)
from hishamos_pipeline.llm.gateway import Gateway, Request, Result
from hishamos_pipeline.llm.providers import BLUEPRINT, ModelRef, Providers, read_ref, require_provider
from hishamos_pipeline.prompts.library import PromptLibrary
from hishamos_pipeline.settings import RoleSettings, Settings, listed
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.formatting import tidy_file
from hishamos_pipeline.store.conversations.repository import Conversations

log = logging.getLogger("hishamos.llm")
Q = TypeVar("Q", bound=Document)
A = TypeVar("A", bound=Document)
_NO_OVERRIDE = RoleSettings()


class ModelEngine:
    """Asks the models that the settings name.

    Args:
        gateway: gives what asks models; called when the first is asked.
        library: the prompts.
        settings: which models, how.
        blueprint: answers where the settings say so, and at the end of a fallback chain where a task allows it.
        conversations: gives what keeps the texts of the prompts that were used.
        registry: the roles, for the names in the settings.
    """

    def __init__(
        self,
        gateway: Callable[[], Gateway],
        library: PromptLibrary,
        settings: Settings,
        blueprint: Engine,
        conversations: Callable[[], Conversations],
        registry: Registry,
    ) -> None:
        self._gateway = gateway
        self._library = library
        self._settings = settings
        self._blueprint = blueprint
        self._conversations = conversations
        self._registry = registry
        self._keeps_prompts = True
        self._kept: set[str] = set()
        self._versions: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The models as the settings name them."""
        return self._settings.llm

    @property
    def models(self) -> list[ModelRef]:
        """Every model that some task of the chain of assets may be put to, each once.

        Raises:
            ModelSetupError: a setting names no provider.
        """
        asked = [ref for task in tasks.TASK_OF.values() for ref in chain(self._settings, task)[0]]
        return list(dict.fromkeys(asked))

    def check(self) -> None:
        """Find out, without asking anybody, whether every model can be used.

        Raises:
            ModelSetupError, CredentialError: the message says what to set.
        """
        known = {role.name: role for role in self._registry.roles}
        for name in self._settings.llm_roles:
            role, _, task = name.partition("/")
            if role not in known:
                log.warning("HISHAMOS_LLM_ROLES names the role %r, which only a project could have", role)
            elif task and task not in {item.name for item in known[role].tasks}:
                raise ModelSetupError(f"HISHAMOS_LLM_ROLES: the role {role} has no task {task!r}")
        gateway = self._gateway()
        check_names(self._settings, gateway.access.providers())
        gateway.prepare(self.models)

    def recalling(self) -> "ModelEngine":
        """The same engine with a gateway that knows what was answered before, and asks nobody."""
        made = copy(self)
        made._gateway, made._keeps_prompts = lambda: self._gateway().recalling(), False
        return made

    def asks_models(self, task: Task[Any, Any], question: Document | None = None) -> bool:
        """Whether the settings name a model for a task; a file that follows from the plan needs none."""
        if not chain(self._settings, task)[0]:
            return False
        if not isinstance(question, FileRequest):
            return True
        return scaffold.text_of(question) is None and not _is_shared_test(task, question)

    def version(self, task: Task[Any, Any]) -> str:
        """The hash of prompt, draft, model and sampling, and of the code that finishes the draft."""
        # Asked for each file; what it is made of does not change while a process lives.
        if str(task) not in self._versions:
            self._versions[str(task)] = self._version(task)
        return self._versions[str(task)]

    def _version(self, task: Task[Any, Any]) -> str:
        models, blueprint = chain(self._settings, task)
        if task == tasks.CI_FILE or (blueprint and not models):
            return self._blueprint.version(task)
        override = overrides(self._settings, task)
        parts = (
            self._library.version(task.role, task.name),
            shape_version(f"draft/{task}", BINDINGS[str(task)].draft),
            str(models[0]),
            str(override.temperature),
            rule_version("assembly"),
        )
        return sha256_text("\n".join(parts))[:16]

    def fingerprint(self, task: Task[Q, A], question: Q) -> str:
        """The hash of what a model would be sent, or of the text where none is asked."""
        models, _ = chain(self._settings, task)
        if models and isinstance(question, FileRequest):
            text = scaffold.text_of(question)
            if text is not None:
                return sha256_text(f"scaffold\n{question.path}\n{text}")
        if not models or _is_shared_test(task, question):
            return self._blueprint.fingerprint(task, question)
        return sha256_text(f"{self.version(task)}\n{self._prompt(task, question)}")

    async def answer(self, task: Task[Q, A], question: Q, purpose: Purpose = UNATTRIBUTED) -> A:
        """Ask the models of a task's chain, and finish what comes back.

        Raises:
            ModelError: nobody gave a valid answer, or nobody may be asked.
            UnbuildableError: the blueprint engine was asked, and can make nothing of the question.
        """
        models, blueprint = chain(self._settings, task)
        if models and isinstance(question, FileRequest):
            text = scaffold.text_of(question)
            if text is not None:
                text = await tidy_file(question.path, text, question.architecture.package)
                return cast("A", FileText(text=text))
        if not models or _is_shared_test(task, question):
            return await self._blueprint.answer(task, question, purpose)
        try:
            return cast("A", (await self.ask(task, question, purpose)).output)
        except (BudgetError, ModelSetupError, CredentialError, ReplayError):
            raise
        except (AnswerError, ModelError) as error:
            if not blueprint:
                raise
            if not task.policy.blueprint:
                raise type(error)(f"{error}; the blueprint engine cannot stand in for {task}") from None
            log.warning("%s: falling back to the blueprint engine: %s", task, error)
            return await self._blueprint.answer(task, question, purpose)

    async def ask(self, task: Task[Q, A], question: Q, purpose: Purpose = UNATTRIBUTED) -> Result[Any]:
        """Ask the models of a task's chain alone; the result's output is the finished document.

        Raises:
            ModelError: nobody gave a valid answer, or nobody may be asked.
        """
        models, _ = chain(self._settings, task)
        if isinstance(question, FileRequest) and question.planned is None and question.story is None:
            raise RoleError(f"the architecture plans no file {question.path!r}")
        binding = BINDINGS[str(task)]
        override = overrides(self._settings, task)
        rules = PlanningRules(listed(self._settings.toolchain_allow), self._settings.max_planned_files)
        finished: list[Document] = []
        reconsidered: list[ReconsiderError] = []

        async def check(draft: BaseModel) -> None:
            try:
                finished.append(await binding.finish(question, _without_tricks(draft), rules))
            except ReconsiderError as doubt:
                if not reconsidered and self._settings.llm_rounds:
                    reconsidered.append(doubt)
                    raise
                finished.append(doubt.answer)

        result = await self._gateway().ask(
            Request(
                role=task.role,
                task=task.name,
                system=self._library.system(task.role),
                prompt=self._prompt(task, question),
                output=binding.shape(question),
                models=models,
                purpose=purpose,
                prompt_version=self._version_kept(task),
                check=check,
                temperature=override.temperature,
                max_output_tokens=override.max_output_tokens,
            )
        )
        done: Result[Any] = result
        return replace(done, output=finished[-1])

    def _prompt(self, task: Task[Any, Any], question: Document) -> str:
        return self._library.prompt(task.role, task.name, question, getattr(question, "path", ""))

    def _version_kept(self, task: Task[Any, Any]) -> str:
        version = self._library.version(task.role, task.name)
        if self._keeps_prompts and version not in self._kept:
            text = self._library.source(task.role, task.name)
            self._conversations().keep_prompts([(version, task.role, task.name, text)])
            self._kept.add(version)
        return version


def _without_tricks(draft: BaseModel) -> BaseModel:
    """An answer without characters that play tricks on whoever reads it.

    Raises:
        ValueError: nothing but such was in a field that has to have something.
    """
    plain = draft.model_dump(mode="json")
    cleaned = all_without_tricks(plain)
    return draft if cleaned == plain else type(draft).model_validate(cleaned)


def _is_shared_test(task: Task[Any, Any], question: Document) -> bool:
    """A test file of no story: only a plan of the blueprint engine has such, and only that can write it."""
    return task == tasks.TEST_FILE and isinstance(question, FileRequest) and question.planned is not None


def check_names(settings: Settings, known: Providers) -> None:
    """Refuse settings about providers that there are none of: they would be ignored without a word.

    Raises:
        ModelSetupError: names the setting and what it should be.
    """
    by_role = ((f"HISHAMOS_LLM_ROLES ({name})", item.models) for name, item in settings.llm_roles.items())
    for setting, text in (("HISHAMOS_LLM", settings.llm), ("HISHAMOS_LLM_FAST", settings.llm_fast), *by_role):
        for part in listed(text):
            require_provider(str(read_ref(part, setting)), setting, [BLUEPRINT, *known])
    for provider, url in settings.llm_urls.items():
        require_provider(provider, "HISHAMOS_LLM_URLS", known)
        if not url.startswith(("http://", "https://")):
            raise ModelSetupError(
                f"HISHAMOS_LLM_URLS: the address of {provider} lacks http:// or https://: {url!r}"
            )
    for name in settings.llm_prices:
        require_provider(str(read_ref(name, "HISHAMOS_LLM_PRICES")), "HISHAMOS_LLM_PRICES", known)
    for pattern in listed(settings.llm_free):
        if ":" not in pattern or pattern.split(":")[0] not in {*known, "*"}:
            raise ModelSetupError(
                f"HISHAMOS_LLM_FREE names {pattern!r}; write provider:model, or provider:* for all of a provider"
            )


def chain(settings: Settings, task: Task[Any, Any]) -> tuple[list[ModelRef], bool]:
    """The models to ask for a task, in order, and whether the blueprint engine comes last.

    Raises:
        ModelSetupError: a setting names no provider, or puts something after the blueprint engine.
    """
    override = overrides(settings, task)
    if override.models:
        setting, text = f"HISHAMOS_LLM_ROLES ({task})", override.models
    elif task.policy.model == "fast" and settings.llm_fast:
        setting, text = "HISHAMOS_LLM_FAST", settings.llm_fast
    else:
        setting, text = "HISHAMOS_LLM", settings.llm
    refs = [read_ref(part, setting) for part in listed(text)]
    if not refs:
        raise ModelSetupError(f"{setting} is empty: write `blueprint`, or `provider:model`")
    if any(ref.provider == BLUEPRINT for ref in refs[:-1]):
        raise ModelSetupError(f"{setting} names blueprint before the end: nothing comes after it")
    blueprint = refs[-1].provider == BLUEPRINT
    return (refs[:-1] if blueprint else refs), blueprint


def overrides(settings: Settings, task: Task[Any, Any]) -> RoleSettings:
    """How a task is asked: as the operator sets it, else its role, else as its own policy says."""
    policy = RoleSettings(
        temperature=task.policy.temperature, max_output_tokens=task.policy.max_output_tokens
    )
    role = settings.llm_roles.get(task.role, _NO_OVERRIDE).model_dump(exclude_defaults=True)
    own = settings.llm_roles.get(str(task), _NO_OVERRIDE).model_dump(exclude_defaults=True)
    return policy.model_copy(update={**role, **own})
