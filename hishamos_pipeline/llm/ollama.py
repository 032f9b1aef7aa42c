"""Ollama's own API: what a server has, how much its models take, and fetching another one.

Questions go to its OpenAI-compatible address; this is what that one lacks. See
https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2 as httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import ModelError

_SECONDS = 20.0
# Between two messages of a server that fetches a model; it tells of its progress all the time.
_PULL_SECONDS = 120.0
_MOST_LINE = 1_000_000


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


A = TypeVar("A", bound=_Answer)


class OllamaModel(_Answer):
    """A model that a server has; ``size`` in bytes."""

    name: str
    size: int = 0


class LoadedModel(_Answer):
    """A model in a server's memory, and how many tokens it takes as it was loaded; zero where it does not tell."""

    name: str
    context_length: int = 0


class PullProgress(_Answer):
    """How far a server has come with fetching a model, in bytes of the layer that it is at."""

    status: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""


class _Tags(_Answer):
    models: tuple[OllamaModel, ...] = ()


class _Loaded(_Answer):
    models: tuple[LoadedModel, ...] = ()


class _Version(_Answer):
    version: str


class OllamaDetails(_Answer):
    """What a server tells of a model."""

    capabilities: tuple[str, ...] = ()
    model_info: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def context_tokens(self) -> int | None:
        """The most tokens that the model can take; the key is named after its architecture."""
        found = [value for name, value in self.model_info.items() if name.endswith(".context_length")]
        return found[0] if found and isinstance(found[0], int) else None


class OllamaServer:
    """A server of Ollama.

    Args:
        url: its address, with or without the ``/v1`` of its OpenAI-compatible part.
        key: sent as a bearer token where it is one; a server behind a proxy may ask for it.
        transport: how requests are sent; another one in tests.
    """

    def __init__(self, url: str, key: str = "", transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"} if key and key != "none" else {}
        self._transport = transport

    async def version(self) -> str:
        """The server's release; the cheapest sign that it is alive.

        Raises:
            ModelError: it cannot be reached, or does not speak Ollama's API.
        """
        return (await self._ask("GET", "/api/version", _Version)).version

    async def models(self) -> list[OllamaModel]:
        """The models that it has.

        Raises:
            ModelError: it cannot be reached, or does not speak Ollama's API.
        """
        return list((await self._ask("GET", "/api/tags", _Tags)).models)

    async def loaded(self) -> list[LoadedModel]:
        """The models that are in its memory now.

        Raises:
            ModelError: it cannot be reached, or does not speak Ollama's API.
        """
        return list((await self._ask("GET", "/api/ps", _Loaded)).models)

    async def show(self, model: str) -> OllamaDetails:
        """What it tells of a model.

        Raises:
            ModelError: it does not have it, cannot be reached, or does not speak Ollama's API.
        """
        return await self._ask("POST", "/api/show", OllamaDetails, {"model": model})

    async def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Have it fetch a model, and tell of its progress until it is there.

        Raises:
            ModelError: it cannot; what it says is told.
        """
        last = PullProgress()
        async with (
            self._client(_PULL_SECONDS) as client,
            client.stream("POST", f"{self._url}/api/pull", json={"model": model}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                await answer.aread()
                raise self._refused(answer)
            async for line in answer.aiter_lines():
                if line.strip():
                    last = _read(PullProgress, line[:_MOST_LINE], self._url)
                    if last.error:
                        raise ModelError(f"{self._url} cannot fetch {model}: {mask(last.error)[:300]}")
                    yield last
        if last.status != "success":
            raise ModelError(f"{self._url} stopped fetching {model} at {last.status or 'once'}; ask it again")

    async def _ask(self, method: str, path: str, shape: type[A], body: Mapping[str, Any] | None = None) -> A:
        async with self._client(_SECONDS) as client:
            answer = await client.request(method, f"{self._url}{path}", json=body)
            if answer.status_code != httpx.codes.OK:
                raise self._refused(answer)
            return _read(shape, answer.text, self._url)

    @asynccontextmanager
    async def _client(self, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
        try:
            async with httpx.AsyncClient(
                timeout=seconds, headers=self._headers, transport=self._transport
            ) as client:
                yield client
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise ModelError(f"Ollama cannot be reached at {self._url}: {mask(said)[:300]}") from None

    def _refused(self, answer: httpx.Response) -> ModelError:
        try:
            said = str(json.loads(answer.text)["error"])
        except (ValueError, KeyError, TypeError):
            said = answer.reason_phrase
        return ModelError(f"{self._url} answers {answer.status_code}: {mask(said)[:300]}")


def _read(shape: type[A], text: str, url: str) -> A:
    try:
        return shape.model_validate_json(text)
    except ValidationError:
        raise ModelError(f"{url} does not speak Ollama's API: {mask(text)[:100]!r}") from None
