"""A pydantic-ai model under which every request is cached, admitted, priced, retried and recorded.

It sits below pydantic-ai's validation: each round of a conversation is a call of its own, with a reservation and a
row of its own, so that a killed conversation goes on from the store without asking anything twice.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError, ModelTimeoutError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from hishamos_pipeline.core.pipeline.spending import Busy, CallEnd, CallStart, Outcome, Purpose
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import AnswerError, BudgetError, ReplayError
from hishamos_pipeline.llm.admission import CallAdmission
from hishamos_pipeline.llm.json_answers import json_of
from hishamos_pipeline.llm.prices import Tokens
from hishamos_pipeline.llm.providers import ModelRef
from hishamos_pipeline.llm.question import question
from hishamos_pipeline.llm.retries import wait_before
from hishamos_pipeline.llm.tokens import BYTES_PER_TOKEN, estimate_tokens

log = logging.getLogger("hishamos.llm")
_KEEP_ALIVE_SECONDS = 10
_PROGRESS_SECONDS = 1.0
_LONGEST_PAUSE = 5.0
_CONTINUE = (
    "Your answer was cut off at the limit. Continue exactly after its last character. Write only the rest: "
    "no repetition, no introduction, no code fence."
)
_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)


@dataclass(frozen=True, slots=True)
class CallAccount:
    """Who asks, for what, with which prompt, and from which model the question fell to this one."""

    purpose: Purpose
    role: str
    task: str
    prompt_version: str
    fallback_reasons: str = ""


@dataclass(slots=True)
class Usage:
    """What the requests of one question came to."""

    digests: list[str] = field(default_factory=list)
    paid: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: float = 0.0
    attempts: int = 0


@dataclass(slots=True)
class _Stream:
    """How much of an answer has arrived."""

    characters: int = 0
    told: float = field(default_factory=time.monotonic)

    @property
    def tokens(self) -> int:
        return int(self.characters / BYTES_PER_TOKEN)


class MeteredModel(WrapperModel):
    """Wraps a model.

    Args:
        wrapped: the provider's model.
        ref: its name.
        account: who asks.
        admission: admits and records.
        usage: adds up what the question comes to.
        replay: whether answers come from the store alone.
        ends_unsaid: whether a whole answer may end without saying why it ends.
    """

    def __init__(
        self,
        wrapped: Model[Any],
        ref: ModelRef,
        account: CallAccount,
        admission: CallAdmission,
        usage: Usage,
        *,
        replay: bool,
        ends_unsaid: bool,
    ) -> None:
        super().__init__(wrapped)
        self._ends_unsaid = ends_unsaid
        self._ref = ref
        # The server decides who answers as much as the name does.
        self._place = (wrapped.base_url or "").rstrip("/")
        self._account = account
        self._desk = admission
        self._replay = replay
        self.usage = usage

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer a request; one that was cut off is continued, and never handed on as whole.

        Raises:
            BudgetError, UnknownPriceError, ReplayError: the question was not asked.
            AnswerError: the answer is cut off for good.
            ModelAPIError: the provider failed, and trying again did not help or cannot.
        """
        response = await self._answer(messages, model_settings, model_request_parameters)
        rest = replace(
            model_request_parameters,
            output_mode="text",
            output_object=None,
            output_tools=[],
            function_tools=[],
            allow_text_output=True,
        )
        asked = list(messages)
        parts = [response]
        while parts[-1].finish_reason == "length":
            if len(parts) > self._desk.settings.llm_continuations or not _is_text(parts[-1]):
                raise AnswerError(
                    f"{self._ref} could not finish its answer to {self._account.role}/{self._account.task} "
                    f"{self._account.purpose.unit} in {len(parts)} parts; raise HISHAMOS_LLM_MAX_OUTPUT_TOKENS"
                )
            asked += [parts[-1], ModelRequest(parts=[UserPromptPart(_CONTINUE)])]
            parts.append(await self._answer(asked, model_settings, rest))
        if len(parts) > 1:
            response = replace(parts[-1], parts=[TextPart("".join(_text(part) for part in parts))])
        is_json = model_request_parameters.output_mode in ("native", "prompted")
        return _plain(response) if is_json else response

    async def _answer(
        self, messages: list[ModelMessage], settings: ModelSettings | None, params: ModelRequestParameters
    ) -> ModelResponse:
        """One answer: from the store, or from the provider after as many tries as are worth it."""
        body = question(self._ref, self._place, messages, settings, params)
        size = self._require_size(body)
        start = self._start(body)
        self.usage.digests.append(start.request_hash)
        attempt = 1
        while True:
            try:
                return await self._once(replace(start, attempt=attempt), size, messages, settings, params)
            except ModelAPIError as error:
                given = self._desk.settings
                wait = wait_before(error, attempt, given.llm_max_wait_seconds)
                if wait is None or attempt > given.llm_retries:
                    raise
                log.warning(
                    "%s: try %d failed (%s); again in %.1f s", self._name, attempt, _said(error), wait
                )
                await asyncio.sleep(wait)
                attempt += 1

    def _require_size(self, body: str) -> int:
        """A question's tokens by estimate."""
        most, size = self._desk.settings.llm_context_tokens, estimate_tokens(body)
        if size > most:
            raise AnswerError(
                f"the question {self._name} has about {size:,} tokens, more than {most:,}: raise "
                "HISHAMOS_LLM_CONTEXT_TOKENS if the model takes more, or split the brief"
            )
        return size

    async def _once(
        self,
        start: CallStart,
        size: int,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        params: ModelRequestParameters,
    ) -> ModelResponse:
        exact = False
        while True:
            stored = await self._stored(start)
            if stored is not None:
                return stored
            if not start.reserved_tokens:
                start = self._reserved(start, settings, size)
            async with self._desk.queue(self._ref.provider):
                try:
                    admitted = await self._admit(start)
                    if isinstance(admitted, int):
                        return await self._send(admitted, start, size, messages, settings, params)
                except BudgetError as error:
                    # The estimate is rounded up; close to the limit the provider's own count decides.
                    counted = None if exact else await self._count(messages, settings, params)
                    if counted is None:
                        if error.scope == "batch":
                            project = start.purpose.project
                            await asyncio.to_thread(self._desk.refused, project, str(error))
                        raise
                    exact, start = True, self._reserved(start, settings, counted)
                    continue
            # Outside the queue: who waits must not hold up others that could go on.
            log.debug("%s waits: %s", self._name, admitted.why)
            await asyncio.sleep(min(admitted.seconds, _LONGEST_PAUSE))

    async def _admit(self, start: CallStart) -> int | Busy:
        budgets = self._desk.budgets(start.purpose.project)
        alone = self._desk.settings.llm_cache == "use"
        only = self._desk.overrides.only
        asked = asyncio.ensure_future(
            asyncio.to_thread(
                self._desk.log.admit,
                start,
                budgets,
                self._desk.throttle(start.provider),
                alone=alone,
                only=only,
            )
        )
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            # The thread goes on: what it reserves is given back, since nothing will be sent. Not awaited here, since
            # a cancelled scope cancels every further wait.
            asked.add_done_callback(self._give_back)
            raise

    def _give_back(self, asked: "asyncio.Future[int | Busy]") -> None:
        if not asked.cancelled() and asked.exception() is None and isinstance(asked.result(), int):
            end = CallEnd("cancelled", error="cancelled before it was sent")
            self._desk.log.settle(cast("int", asked.result()), end)

    async def _stored(self, start: CallStart) -> ModelResponse | None:
        mode = "replay" if self._replay else self._desk.settings.llm_cache
        if mode == "refresh":
            return None
        stored = await asyncio.to_thread(self._desk.log.cached, start.request_hash, self._desk.overrides.only)
        if stored is None:
            if mode == "replay":
                raise ReplayError(
                    f"replaying, but the store holds no answer of {self._ref} to {self._name}; "
                    "build without --replay to ask for it"
                )
            return None
        await asyncio.to_thread(
            self._desk.log.record_cached, replace(start, reserved_usd=0, reserved_tokens=0)
        )
        return _RESPONSE.validate_json(stored)

    async def _send(
        self,
        call_id: int,
        start: CallStart,
        asked_tokens: int,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        params: ModelRequestParameters,
    ) -> ModelResponse:
        self.usage.attempts += 1
        began, seen = time.monotonic(), _Stream()
        try:
            async with self._kept_alive(call_id):
                response = await self._stream(messages, settings, params, seen)
            stored = mask(_RESPONSE.dump_json(response).decode())
        except BaseException as error:
            outcome: Outcome = "broken" if seen.characters else "failed"
            if isinstance(error, asyncio.CancelledError):
                outcome = "cancelled"
            tokens = Tokens()
            if _may_be_billed(error, seen):
                # Without a visible token nobody knows how far the model was: the worst is booked.
                hidden = max(start.reserved_tokens - asked_tokens, 0)
                tokens = Tokens(asked_tokens, seen.tokens if seen.characters else hidden)
            # Not in a thread: a cancelled task may not wait, and the row must not stay open.
            self._settle(call_id, outcome, tokens, began, error=_said(error))
            if isinstance(error, ValueError):  # such as text that is no Unicode
                raise ModelAPIError(str(self._ref), f"the answer cannot be kept: {_said(error)}") from None
            raise
        usage = response.usage
        read = min(usage.cache_read_tokens, usage.input_tokens)
        tokens = Tokens(
            usage.input_tokens,
            usage.output_tokens,
            read,
            min(usage.cache_write_tokens, usage.input_tokens - read),
        )
        if not tokens.input and not tokens.output:  # a server that does not count; zero would be a lie
            tokens = Tokens(input=asked_tokens, output=seen.tokens)
        self._settle(call_id, "ok", tokens, began, response=stored)
        log.info("%s: %d tokens in, %d out from %s", self._name, tokens.input, tokens.output, self._ref)
        return response

    async def _stream(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        params: ModelRequestParameters,
        seen: _Stream,
    ) -> ModelResponse:
        """Read an answer to its end.

        Raises:
            ModelAPIError: it took too long, or ended without saying that it is whole.
        """
        given = self._desk.settings
        first = min(given.llm_first_token_seconds, given.llm_timeout_seconds)
        until = asyncio.get_running_loop().time() + given.llm_timeout_seconds
        try:
            async with (
                asyncio.timeout(first) as limit,
                self.wrapped.request_stream(messages, settings, params) as stream,
            ):
                async for event in stream:
                    limit.reschedule(until)
                    seen.characters += _characters(event)
                    if time.monotonic() - seen.told > _PROGRESS_SECONDS:
                        seen.told = time.monotonic()
                        log.debug("%s: %d tokens so far", self._name, seen.tokens)
                response = stream.get()
        except TimeoutError:
            late = "the answer took" if seen.characters else "no token came for"
            seconds = given.llm_timeout_seconds if seen.characters else first
            raise ModelTimeoutError(str(self._ref), f"{late} more than {seconds:g} s") from None
        if response.finish_reason is None and not self._ends_unsaid:
            raise ModelAPIError(str(self._ref), "the stream ended before the answer was whole")
        return response

    @contextlib.asynccontextmanager
    async def _kept_alive(self, call_id: int) -> AsyncIterator[None]:
        async def beat() -> None:
            while True:
                await asyncio.sleep(_KEEP_ALIVE_SECONDS)
                try:
                    await asyncio.to_thread(self._desk.log.keep_alive, call_id)
                except Exception as error:  # a busy database now is no reason to stop beating
                    log.warning(
                        "%s: the heartbeat of the call could not be written: %s", self._name, _said(error)
                    )

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()

    def _settle(
        self,
        call_id: int,
        outcome: Outcome,
        tokens: Tokens,
        began: float,
        *,
        error: str = "",
        response: str = "",
    ) -> None:
        cost = self._desk.prices.cost(self._ref, tokens)
        self._desk.log.settle(
            call_id,
            CallEnd(
                outcome=outcome,
                input_tokens=tokens.input,
                output_tokens=tokens.output,
                cached_tokens=tokens.cached,
                cost_usd=cost,
                seconds=round(time.monotonic() - began, 3),
                error=error,
                response=response,
            ),
        )
        usage = self.usage
        usage.paid += outcome == "ok"
        usage.cost_usd += cost
        usage.tokens = Tokens(usage.tokens.input + tokens.input, usage.tokens.output + tokens.output)

    async def _count(
        self, messages: list[ModelMessage], settings: ModelSettings | None, params: ModelRequestParameters
    ) -> int | None:
        """The provider's own count of a question's tokens, where it has one."""
        try:
            return (await self.wrapped.count_tokens(messages, settings, params)).input_tokens
        except (NotImplementedError, ModelAPIError):
            return None

    def _start(self, body: str) -> CallStart:
        return CallStart(
            purpose=self._account.purpose,
            role=self._account.role,
            task=self._account.task,
            provider=self._ref.provider,
            model=self._ref.name,
            prompt_version=self._account.prompt_version,
            request_hash=sha256_text(body),
            request=mask(body),
            fallback_reasons=self._account.fallback_reasons,
            batch=self._desk.overrides.batch,
        )

    def _reserved(self, start: CallStart, settings: ModelSettings | None, input_tokens: int) -> CallStart:
        most = int((settings or {}).get("max_tokens") or self._desk.settings.llm_max_output_tokens)
        usd = self._desk.prices.worst(self._ref, input_tokens, most)
        return replace(start, reserved_usd=usd, reserved_tokens=input_tokens + most)

    @property
    def _name(self) -> str:
        account = self._account
        return f"{account.role}/{account.task} {account.purpose.unit or account.purpose.project}".rstrip()


def _characters(event: object) -> int:
    """How much text an event of a stream brought."""
    if isinstance(event, PartStartEvent):
        piece = getattr(event.part, "content", "")
    elif isinstance(event, PartDeltaEvent):
        piece = getattr(event.delta, "content_delta", "") or getattr(event.delta, "args_delta", "")
    else:
        return 0
    return len(piece if isinstance(piece, str) else json.dumps(piece or ""))


def _is_text(response: ModelResponse) -> bool:
    return bool(_text(response)) and not any(isinstance(part, ToolCallPart) for part in response.parts)


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def _plain(response: ModelResponse) -> ModelResponse:
    """An answer in JSON without what a model has written around it."""
    if any(isinstance(part, ToolCallPart) for part in response.parts):
        return response
    text = _text(response)
    if not text:
        # A stream in which the end of the thoughts is no piece of its own is taken for thoughts to its end.
        thoughts = "".join(part.content for part in response.parts if isinstance(part, ThinkingPart))
        text = thoughts.partition("</think>")[2]
    found = json_of(text)
    if not found or found == _text(response):
        return response
    others = [part for part in response.parts if not isinstance(part, TextPart)]
    return replace(response, parts=[*others, TextPart(found)])


def _may_be_billed(error: BaseException, seen: _Stream) -> bool:
    """Whether the provider has read the question: it answered in part, or was left while it worked."""
    sent = isinstance(error, ModelConnectionError) and error.phase == "read"
    left = isinstance(error, asyncio.CancelledError | ModelTimeoutError)
    return left or sent or bool(seen.characters)


def _said(error: BaseException) -> str:
    return mask(f"{type(error).__name__}: {error}")[:500]
