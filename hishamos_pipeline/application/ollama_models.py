"""Models of servers of Ollama: fetching one, and how much each takes."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import ModelError, UsageError
from hishamos_pipeline.generation.services import Services

_SHOW_SECONDS = 10.0


class PullView(View):
    """How far a server has come with fetching a model, in bytes of the part that it is at."""

    status: str
    completed_bytes: int
    total_bytes: int


@requires("providers.manage")
async def pull_model(services: Services, actor: Actor, name: str, model: str) -> AsyncIterator[PullView]:
    """Have a server of Ollama fetch a model, and tell of its progress until it is there.

    Raises:
        UsageError: it is no server of Ollama.
        ModelError: there is no such provider, or the model cannot be fetched.
    """
    from hishamos_pipeline.llm.providers import ollama_server

    provider = services.access.provider(name)
    if provider.wire != "ollama":
        raise UsageError(f"{name} is no server of Ollama: it has the models that it has")
    async for step in ollama_server(provider, services.access).pull(model):
        yield PullView(status=step.status, completed_bytes=step.completed, total_bytes=step.total)


async def contexts_of(services: Services, name: str, models: Sequence[str]) -> list[int | None]:
    """The most tokens that each model takes; ``None`` where its server does not tell."""
    from hishamos_pipeline.llm.providers import ollama_server

    provider = services.access.provider(name)
    if provider.wire != "ollama":
        return [None] * len(models)
    server = ollama_server(provider, services.access)

    async def context(model: str) -> int | None:
        try:
            return (await server.show(model)).context_tokens
        except ModelError:  # it was removed meanwhile, or tells nothing of this one
            return None

    try:
        return list(await asyncio.wait_for(asyncio.gather(*map(context, models)), _SHOW_SECONDS))
    except TimeoutError:
        return [None] * len(models)
