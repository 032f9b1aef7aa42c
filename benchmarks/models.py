"""The model layer: waves against the critical path, overhead of a call, kills, budgets, imports."""

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from openai import AsyncOpenAI
from pydantic import BaseModel

from benchmarks.measure import HISHAMOS, Row, medians
from benchmarks.ten_stories import InventedProject
from hishamos_pipeline.core.pipeline.spending import Purpose
from hishamos_pipeline.errors import BudgetError
from hishamos_pipeline.llm.admission import CallAdmission
from hishamos_pipeline.llm.gateway import Gateway, Request
from hishamos_pipeline.llm.providers import Access, ModelRef
from hishamos_pipeline.settings import Rate, Settings
from hishamos_pipeline.store.store import ProjectStore, open_store
from tests.fakes.large_project import LargeProject
from tests.fakes.providers import FakeProvider, Reply, provider, script

# Calls that wait for one another: requirements, architecture, a module, the command line, its review.
PATH_CALLS = 5
KILLS = 20
# Modules and packages of a library; in several packages it is planned in two levels.
SIZES = ((6, 1), (12, 1), (40, 5))


class Thing(BaseModel):
    """What is asked for."""

    name: str


def measure() -> list[Row]:
    """All rows."""
    return [
        *_ten_stories(),
        *_sizes(),
        *asyncio.run(_overhead()),
        _kills(),
        asyncio.run(_budget()),
        _imports(),
    ]


def environment_of(home: Path, fake: FakeProvider) -> dict[str, str]:
    """The environment of a command that asks a model on this machine."""
    return {
        **os.environ, "HISHAMOS_HOME": str(home), "HISHAMOS_LLM": "compatible:m", "HISHAMOS_LLM_FREE": "compatible:*",
        "HISHAMOS_LLM_URLS": f'{{"compatible": "{fake.url}/v1"}}', "HISHAMOS_LLM_CONCURRENCY": "32",
        "HISHAMOS_LLM_PER_MINUTE": "100000",
    }  # fmt: skip


def build_with(home: Path, fake: FakeProvider, brief: str) -> float:
    """Build a brief with such a model, and tell the seconds."""
    path = home.with_suffix(".md")
    path.write_text(brief)
    began = time.perf_counter()
    subprocess.run(
        [*HISHAMOS, "build", str(path)], env=environment_of(home, fake), check=True, capture_output=True
    )
    return time.perf_counter() - began


def _ten_stories() -> list[Row]:
    slow, instant = InventedProject(10, 1.0), InventedProject(10, 0.0)
    with tempfile.TemporaryDirectory() as folder, provider(slow) as one, provider(instant) as other:
        count = iter(range(100))
        waiting, bare = medians(
            lambda: build_with(Path(folder) / f"a{next(count)}", one, slow.brief()),
            lambda: build_with(Path(folder) / f"b{next(count)}", other, instant.brief()),
        )
        calls = len(one.asked) // 3
        store = open_store(f"sqlite:///{folder}/a0/store.db")
        spent = store.calls.spent("many")
        store.engine.dispose()
    path = PATH_CALLS + bare
    ratio = waiting / path
    tokens = (spent.input_tokens + spent.output_tokens) / 10
    return [
        Row("ten stories, 1 s per call: against the critical path (5 calls and the same build without waiting)",
            f"{ratio:.2f} ({waiting:.1f} s / {path:.1f} s)", "under 1.5", ratio < 1.5),
        Row("ten stories: calls and tokens per story", f"{calls / 10:.1f} calls, {tokens:,.0f} tokens", "told", True),
    ]  # fmt: skip


def _sizes() -> list[Row]:
    """What a project of so many modules asks: calls grow with it, prompts hardly do."""
    return [_size(modules, packages) for modules, packages in SIZES]


def _size(modules: int, packages: int) -> Row:
    model = LargeProject(modules, packages)
    with tempfile.TemporaryDirectory() as folder, provider(model) as fake:
        build_with(Path(folder) / "home", fake, model.brief())
        store = open_store(f"sqlite:///{folder}/home/store.db")
        spent = store.calls.spent("many-numbers")
        store.engine.dispose()
    tokens = (spent.input_tokens + spent.output_tokens) / modules
    modules_asked = [size for task, size in model.prompts.items() if task.startswith("coding/new")]
    largest = max(model.prompts.values())
    figure = (
        f"{spent.calls} calls, {tokens:,.0f} tokens for each story; prompts of {statistics.median(modules_asked):,.0f} "
        f"characters for a module, {largest:,} at most"
    )
    return Row(
        f"library of {modules} modules in {packages} package{'s' * (packages > 1)}", figure, "told", True
    )


async def _overhead() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, provider(script(Reply('{"name": "x"}'))) as fake:
        client = AsyncOpenAI(api_key="k", base_url=f"{fake.url}/v1")
        store, gateway = _gateway(folder, fake)

        async def bare(number: int) -> None:
            async with client.chat.completions.stream(
                model="m", messages=[{"role": "user", "content": f"{number}"}], response_format=Thing
            ) as stream:
                await stream.get_final_completion()

        async def ask(number: int) -> None:
            await gateway.ask(_request(str(number)))

        for number in (-1, -2):
            await bare(number)
            await ask(number)
        sdk = await _milliseconds(bare)
        miss = await _milliseconds(ask)
        hit = await _milliseconds(ask)
        store.engine.dispose()
    return [
        Row("gateway, cache miss: overhead of a call over the bare SDK",
            f"{miss - sdk:.1f} ms ({miss:.1f} / {sdk:.1f})", "told", True),
        Row("gateway, cache hit: a whole call", f"{hit:.1f} ms", "told", True),
    ]  # fmt: skip


async def _milliseconds(call: Callable[[int], Awaitable[None]]) -> float:
    times = []
    for number in range(50):
        began = time.perf_counter()
        await call(number)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _kills() -> Row:
    """Kill builds at random moments, let a second one finish, and count questions that were answered twice."""
    model = InventedProject(4, 0.15)
    seed = 20_261_121
    moments = random.Random(seed)
    repeated = killed = 0
    with tempfile.TemporaryDirectory() as folder, provider(model) as fake:
        for number in range(KILLS):
            home = Path(folder) / f"k{number}"
            brief = home.with_suffix(".md")
            brief.write_text(model.brief())
            process = subprocess.Popen(
                [*HISHAMOS, "build", str(brief)], env=environment_of(home, fake),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(moments.uniform(1.5, 6.0))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                killed += 1
            build_with(home, fake, model.brief())
            store = open_store(f"sqlite:///{home}/store.db")
            paid = [row.request_hash for row in store.calls.rows() if row.outcome == "ok"]
            repeated += len(paid) - len(set(paid))
            store.engine.dispose()
    name = f"second build after SIGKILL at random points ({killed} of {KILLS} hit a running build): repeated calls"
    return Row(name, str(repeated), "0", repeated == 0 and killed > 0)


async def _budget() -> Row:
    whole = script(Reply('{"name": "x"}', usage=(10, 8000), delay=0.02))
    with tempfile.TemporaryDirectory() as folder, provider(whole) as fake:
        rate = {"compatible:m": Rate(input=0, output=125)}  # one dollar for the 8,000 tokens of an answer
        store, gateway = _gateway(
            folder, fake, llm_prices=rate, budget_project_usd=10.0, budget_call_usd=None, llm_concurrency=20
        )
        asked = [gateway.ask(_request(f"budget {number}")) for number in range(100)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        store.engine.dispose()
        paid = len(fake.asked)
    refused = sum(isinstance(result, BudgetError) for result in results)
    name = "100 concurrent calls against a budget for ten: paid"
    return Row(name, f"{paid} ({refused} refused)", "at most 10", paid <= 10 and paid + refused == 100)


def _imports() -> Row:
    def run(program: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - began

    ours, base = medians(
        lambda: run("import hishamos_pipeline.llm.gateway"),
        lambda: run("from pydantic import BaseModel\nclass A(BaseModel):\n    x: int"),
        runs=9,
    )
    over = (ours - base) * 1000
    return Row("import of the gateway over pydantic's", f"{over:.0f} ms", "under 100 ms", over < 100)


def _gateway(folder: str, fake: FakeProvider, **changed: object) -> tuple[ProjectStore, Gateway]:
    store = open_store(f"sqlite:///{folder}/bench.db")
    given = {"llm_free": "compatible:*", "llm_urls": fake.urls, "llm_per_minute": 1_000_000, **changed}
    settings = Settings().model_copy(update=given)
    return store, Gateway(CallAdmission(store.calls, settings), Access(fake.urls, lambda _: "k"))


def _request(prompt: str) -> Request[Thing]:
    return Request(
        role="bench",
        task="ask",
        system="Answer.",
        prompt=prompt,
        output=Thing,
        models=[ModelRef("compatible", "m")],
        purpose=Purpose("bench", "asset", prompt),
    )
