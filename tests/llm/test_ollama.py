"""Ollama's own API, against a server that speaks it."""

import asyncio

import pytest

from hishamos_pipeline.errors import ModelError
from hishamos_pipeline.llm.ollama import OllamaServer
from hishamos_pipeline.llm.providers import Access, Provider, model_names
from tests.fakes.providers import FakeProvider, Reply, provider, script

pytestmark = pytest.mark.real_servers


def server(fake: FakeProvider) -> OllamaServer:
    return OllamaServer(f"{fake.url}/v1")


async def test_a_server_tells_of_its_models() -> None:
    with provider(script(Reply())) as fake:
        fake.loaded["model-a"] = 4096
        ollama = server(fake)
        assert await ollama.version() == "0.99.0"
        assert [(model.name, model.size) for model in await ollama.models()] == [("model-a", 1_000_000)]
        details = await ollama.show("model-a")
        assert (details.context_tokens, "tools" in details.capabilities) == (131_072, True)
        assert [(model.name, model.context_length) for model in await ollama.loaded()] == [("model-a", 4096)]
        names = await model_names(Provider("mine", "ollama", url=f"{fake.url}/v1"), Access({}, lambda _: ""))
        assert names == ["model-a"]


async def test_a_model_is_fetched_with_its_progress() -> None:
    with provider(script(Reply())) as fake:
        steps = [step async for step in server(fake).pull("qwen3")]
        assert [(step.status, step.completed) for step in steps] == [
            ("pulling manifest", 0), ("pulling 6a", 50), ("pulling 6a", 100), ("success", 0)
        ]  # fmt: skip
        assert "qwen3" in fake.has


@pytest.mark.parametrize(
    ("model", "said"), [("missing", "file does not exist"), ("broken", "stopped fetching")]
)
async def test_a_model_that_cannot_be_fetched(model: str, said: str) -> None:
    with provider(script(Reply())) as fake, pytest.raises(ModelError, match=said):
        async for _ in server(fake).pull(model):
            pass


async def test_what_it_does_not_have_and_what_is_no_ollama() -> None:
    with provider(script(Reply())) as fake:
        with pytest.raises(ModelError, match="404: model 'other' not found"):
            await server(fake).show("other")
        with pytest.raises(ModelError, match="404"):
            await OllamaServer(f"{fake.url}/api/nowhere").version()
    with pytest.raises(ModelError, match="cannot be reached"):
        await server(fake).version()
    for url in ("http://[", "ftp://127.0.0.1", ""):
        with pytest.raises(ModelError, match="cannot be reached"):
            await OllamaServer(url).version()


async def test_a_page_that_is_no_answer() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n<html/>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ModelError, match="does not speak Ollama's API"):
            await OllamaServer(f"http://127.0.0.1:{port}").models()
