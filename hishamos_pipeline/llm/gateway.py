"""One request type in, one result out, whoever answers."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from opentelemetry import trace
from pydantic import BaseModel

from hishamos_pipeline.core.pipeline.spending import UNATTRIBUTED, Purpose
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import (
    AnswerError,
    CredentialError,
    HishamosError,
    ModelError,
    ModelSetupError,
    ReplayError,
)
from hishamos_pipeline.llm.admission import CallAdmission
from hishamos_pipeline.llm.providers import Access, ModelRef, Provider, Providers, open_model

if TYPE_CHECKING:
    from pydantic_ai import Tool
    from pydantic_ai.messages import ModelMessage

    from hishamos_pipeline.llm.wire import Usage

log = logging.getLogger("hishamos.llm")
tracer = trace.get_tracer("hishamos")
A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Request(Generic[A]):
    """A question to a model.

    Args:
        role: who is asked.
        task: what for.
        system: the role's instructions.
        prompt: the question.
        output: the shape of the answer.
        models: whom to ask; the later ones only if an earlier one fails.
        purpose: on whose account.
        prompt_version: version of the prompt that the question was made with.
        check: raises ``ValueError`` for an answer of the right shape that is wrong all the same.
        temperature: of the model; ``None`` is the provider's default.
        max_output_tokens: most tokens of one answer; ``None`` is the setting's.
        tools: what the model may use.
        history: messages of earlier turns, as JSON.
    """

    role: str
    task: str
    system: str
    prompt: str
    output: type[A]
    models: Sequence[ModelRef]
    purpose: Purpose = UNATTRIBUTED
    prompt_version: str = ""
    check: Callable[[A], Awaitable[object]] | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: Sequence["Tool[Any]"] = ()
    history: str = ""


@dataclass(frozen=True, slots=True)
class Result(Generic[A]):
    """A validated answer, who gave it, and what it cost.

    ``calls`` is how many requests were paid for, ``attempts`` counts tries that failed as well; ``fell`` says why
    earlier models of the chain did not answer; ``messages`` is the whole conversation as JSON.
    """

    output: A
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    calls: int
    attempts: int
    cached: bool
    fell: tuple[str, ...]
    messages: str


@dataclass(frozen=True, slots=True)
class _Opened:
    """A model that is open, as its provider and key were when they were last looked at."""

    providers: Providers
    provider: Provider
    key: str
    model: Any


@dataclass
class Gateway:
    """Asks models.

    Args:
        admission: admits and records calls.
        access: keys and URLs.
    """

    admission: CallAdmission
    access: Access
    _opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Opened]] = field(
        default_factory=WeakKeyDictionary
    )

    def recalling(self) -> "Gateway":
        """The same, from the store alone, where nothing is recorded either."""
        return Gateway(self.admission.recalling(), self.access)

    async def ask(self, request: Request[A]) -> Result[A]:
        """Ask the models of a chain until one gives a valid answer.

        Raises:
            BudgetError, ModelSetupError, CredentialError, ReplayError: at once, since no other model would do better.
            AnswerError: every model was asked, and the last one gave no usable answer.
            ModelError: every model was asked, and the last one could not be reached.
        """
        with tracer.start_as_current_span(f"ask {request.role}/{request.task}") as span:
            result = await self._ask(request)
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": result.provider,
                    "gen_ai.request.model": result.model,
                    "gen_ai.usage.input_tokens": result.input_tokens,
                    "gen_ai.usage.output_tokens": result.output_tokens,
                    "hishamos.cached": result.cached,
                    "hishamos.project": request.purpose.project,
                    "hishamos.asset": request.purpose.asset,
                }
            )
            return result

    async def _ask(self, request: Request[A]) -> Result[A]:
        from hishamos_pipeline.llm.wire import Usage

        fell: list[str] = []
        usage = Usage()
        if len(request.models) > 1 and self.admission.settings.llm_cache == "use":
            # A model that answered after an earlier one had failed: neither has to be paid again.
            for ref in request.models:
                with suppress(_FellError):
                    return await self._ask_one(request, ref, (), Usage(), replay=True)
        for ref in request.models:
            last = ref is request.models[-1]
            try:
                replay = self.admission.settings.llm_cache == "replay"
                return await self._ask_one(request, ref, tuple(fell), usage, replay=replay)
            except _FellError as failure:
                fell.append(f"{ref}: {failure.error}")
                if last:
                    raise failure.error from None
                log.warning("%s/%s: falling back to the next model: %s", request.role, request.task, fell[-1])
        raise ModelSetupError(f"no model is set for {request.role}/{request.task}: set HISHAMOS_LLM")

    def prepare(self, models: Sequence[ModelRef]) -> None:
        """Find out, without asking anybody, whether models can be used: key, price, package, shape.

        Raises:
            ModelSetupError, CredentialError: the message says what to set.
        """
        enabled = [ref for ref in models if self.access.provider(ref.provider).is_enabled]
        if models and not enabled:
            raise ModelSetupError(_disabled(models[0]))
        for ref in enabled:
            self.admission.prices.worst(ref, 1, 1)
            self._open(ref, self.access)

    def _open(self, ref: ModelRef, access: Access) -> Any:
        return open_model(ref, access, prompted=self.admission.settings.llm_structured == "prompted")

    async def _ask_one(
        self, request: Request[A], ref: ModelRef, fell: tuple[str, ...], usage: "Usage", *, replay: bool
    ) -> Result[A]:
        from pydantic_ai import Agent, ModelRetry, NativeOutput, PromptedOutput, RunContext, UsageLimits
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded
        from pydantic_ai.messages import ModelMessagesTypeAdapter

        from hishamos_pipeline.llm.wire import CallAccount, MeteredModel

        given = self.admission.settings
        account = CallAccount(
            request.purpose, request.role, request.task, request.prompt_version, "; ".join(fell)
        )
        if not (replay or self.access.provider(ref.provider).is_enabled):
            raise _FellError(ModelError(_disabled(ref)))
        opened = self._opened_here(ref)
        model = MeteredModel(
            opened.model, ref, account, self.admission, usage, replay=replay,
            ends_unsaid=opened.provider.wire == "ollama",
        )  # fmt: skip
        before = len(usage.digests)
        shape = PromptedOutput if given.llm_structured == "prompted" else NativeOutput
        agent: Agent[None, A] = Agent(
            model,
            output_type=shape(request.output),
            instructions=request.system,
            retries={"output": given.llm_rounds, "tools": 2},
            tools=request.tools,
            model_settings=self._settings(request),
        )

        @agent.output_validator
        async def check(context: RunContext[None], answer: A) -> A:
            try:
                if given.llm_structured == "native":
                    _require_json_alone(context.messages[-1])
                if request.check:
                    await request.check(answer)
            # Text that is nested or long without end breaks Python's own parser.
            except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
                raise ModelRetry(f"This is wrong: {error}. Correct it, and answer in full again.") from error
            return answer

        try:
            done = await agent.run(
                request.prompt,
                message_history=ModelMessagesTypeAdapter.validate_json(request.history)
                if request.history
                else None,
                usage_limits=UsageLimits(request_limit=given.llm_rounds + given.llm_tool_calls + 5),
            )
        except ModelAPIError as error:
            raise _translated(ref, error, self.access) from None
        except ReplayError as error:
            raise _FellError(error) from None
        except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
            await self._reject(usage.digests[before:], replay)
            raise _FellError(
                AnswerError(
                    f"{ref} gave no valid answer to {request.role}/{request.task} {request.purpose.unit} in "
                    f"{given.llm_rounds + 1} rounds: {mask(_cause(error))[:600]}"
                )
            ) from None
        except AnswerError as error:
            await self._reject(usage.digests[before:], replay)
            raise _FellError(error) from None
        except HishamosError:
            raise
        except Exception as error:  # what a broken server makes the SDK stumble over
            said = mask(f"{type(error).__name__}: {error}")[:300]
            log.debug("%s", said, exc_info=True)
            raise _FellError(ModelError(f"{ref} answered in a way that cannot be read: {said}")) from None
        return _result(done.output, ref, usage, fell, done.all_messages_json().decode())

    async def _reject(self, digests: Sequence[str], replay: bool) -> None:
        """Keep useless answers from being given again; replaying changes nothing that was recorded."""
        if not replay:
            await asyncio.to_thread(self.admission.log.reject, digests)

    def _opened_here(self, ref: ModelRef) -> _Opened:
        # A client belongs to the event loop that it was first used in.
        models = self._opened.setdefault(asyncio.get_running_loop(), {})
        access, known, before = self.access, self.access.providers(), models.get(str(ref))
        if before and before.providers is known:
            return before
        if self.admission.settings.llm_cache == "replay":
            access = replace(access, key=lambda _: "replayed")  # nobody is asked, so no key is needed
        provider = access.provider(ref.provider)
        key = access.secret(provider)
        is_same = before is not None and (before.provider, before.key) == (provider, key)
        model = before.model if before and is_same else self._open(ref, access)
        models[str(ref)] = _Opened(known, provider, key, model)
        return models[str(ref)]

    def _settings(self, request: Request[A]) -> Any:
        given = self.admission.settings
        settings: dict[str, Any] = {
            "max_tokens": request.max_output_tokens or given.llm_max_output_tokens,
            "max_retries": 0,  # ours are counted, recorded, and free the provider's slot while they wait
            "timeout": given.llm_timeout_seconds,
            "cache": True,
        }
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        return settings


class _FellError(Exception):
    """A model failed in a way in which another one may not."""

    def __init__(self, error: HishamosError) -> None:
        super().__init__(str(error))
        self.error = error


def _disabled(ref: ModelRef) -> str:
    return f"{ref.provider} is switched off: `hishamos providers enable {ref.provider}` switches it on"


def _translated(ref: ModelRef, error: Any, access: Access) -> Exception:
    """Our error for a provider's: loud where the settings are at fault, a fall to the next model elsewhere."""
    from pydantic_ai.exceptions import ModelAuthenticationError, ModelNotFoundError

    from hishamos_pipeline.llm.retries import elsewhere

    said = mask(_said(error))[:500]
    if isinstance(error, ModelAuthenticationError):
        variable = access.provider(ref.provider).variable
        return CredentialError(f"{ref.provider} does not accept the key: correct {variable} ({said})")
    if isinstance(error, ModelNotFoundError):
        return ModelSetupError(
            f"{ref.provider} has no model {ref.name!r}: `hishamos providers models {ref.provider}` lists them ({said})"
        )
    if not elsewhere(error):
        return ModelSetupError(f"{ref} refused the request: {said}")
    return _FellError(ModelError(f"{ref} did not answer: {said}"))


def _require_json_alone(message: "ModelMessage") -> None:
    """Refuse JSON that had to be picked out of prose or a code fence.

    Raises:
        ValueError: the answer's text is more than JSON.
    """
    text = "".join(part.content for part in message.parts if part.part_kind == "text")
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"the answer is not JSON alone ({error})") from None


def _said(error: Any) -> str:
    """What the provider said, without what surrounds it."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else None
    return f"{getattr(error, 'status_code', '')} {message}".strip() if message else str(error)


def _cause(error: BaseException) -> str:
    """What went wrong at the bottom: the last validation error says more than that rounds are used up."""
    inner = error.__cause__ or error.__context__
    return f"{error}: {inner}" if inner is not None else str(error)


def _result(output: A, ref: ModelRef, usage: "Usage", fell: tuple[str, ...], messages: str) -> Result[A]:
    return Result(
        output=output,
        provider=ref.provider,
        model=ref.name,
        input_tokens=usage.tokens.input,
        output_tokens=usage.tokens.output,
        cost_usd=usage.cost_usd,
        calls=usage.paid,
        attempts=usage.attempts,
        cached=usage.attempts == 0,
        fell=fell,
        messages=messages,
    )
