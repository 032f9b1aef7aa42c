"""Which providers there are now: built in, of installed packages, added and set while everything runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hishamos_pipeline.application import providers
from hishamos_pipeline.application.credentials import new_key
from hishamos_pipeline.errors import (
    ChangedMeanwhileError,
    InputError,
    ModelError,
    ModelSetupError,
    UnknownPriceError,
    UsageError,
)
from hishamos_pipeline.generation.provider_catalog import FOLLOWS_WITHIN, ProviderCatalog
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.llm.prices import Prices, Tokens
from hishamos_pipeline.llm.providers import ModelRef, installed_providers
from hishamos_pipeline.settings import Rate, Settings
from hishamos_pipeline.store.pages import PageQuery
from tests.fakes.providers import FakeProvider, Reply, provider, script
from tests.llm.conftest import GOOD, ask
from tests.support.people import OPERATOR

pytestmark = pytest.mark.real_servers
Set = providers.ChangeProvider
_PACKAGE = """
from hishamos_pipeline.llm.providers import Provider


def opens(name, key, url):
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(name, provider=OpenAIProvider(api_key=key, base_url=url))


async def lists(key, url):
    return ["acme-large"]


acme = Provider("acme", "openai-chat", key_variable="ACME_TOKEN", opens=opens, lists=lists)
taken = Provider("openai", "openai-chat")
"""


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """An installation that asks no model by its settings."""
    given = {"secret_keys": SecretStr(new_key()), "llm_retries": 0, "llm_per_minute": 1000}
    made = Services(settings.model_copy(update=given))
    yield made
    made.close()


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """A provider that gives a good answer."""
    with provider(script(Reply(GOOD))) as made:
        yield made


def add(services: Services, fake: FakeProvider, name: str = "mine", **changed: Any) -> None:
    given = {
        "name": name,
        "wire": "openai-chat",
        "url": f"{fake.url}/v1",
        "prices": {"*": Rate(input=1, output=2)},
    }
    providers.add_provider(services, OPERATOR, providers.AddProvider.model_validate({**given, **changed}))


def bearers(fake: FakeProvider) -> list[str]:
    return [asked.headers["authorization"] for asked in fake.asked]


def later(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long after as every process needs to follow."""
    monkeypatch.setattr(services.providers, "_looked_at", services.providers._looked_at - FOLLOWS_WITHIN)


async def test_an_added_provider_is_asked_and_paid_as_it_says(services: Services, fake: FakeProvider) -> None:
    add(services, fake, key=SecretStr("sk-mine-1"))
    result = await services.gateway.ask(ask("Name a thing.", "mine:large"))
    assert result.output.name == "notes"
    assert result.cost_usd == pytest.approx((100 * 1 + 20 * 2) / 1e6)
    assert bearers(fake) == ["Bearer sk-mine-1"]
    (shown,) = [item for item in providers.list_providers(services, OPERATOR) if item.is_added]
    assert (shown.key, shown.variable) == ("stored", "MINE_API_KEY")
    assert "sk-mine-1" not in shown.model_dump_json()


async def test_another_process_follows(
    services: Services, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Services(services.settings)
    with pytest.raises(ModelSetupError, match="there is no provider 'mine'"):
        await other.gateway.ask(ask("Name a thing.", "mine:large"))
    add(services, fake, key=SecretStr("sk-mine-1"))
    later(other, monkeypatch)
    await other.gateway.ask(ask("Name a thing.", "mine:large"))
    providers.change_provider(services, OPERATOR, Set(provider="mine", key=SecretStr("sk-mine-2")))
    later(other, monkeypatch)
    await other.gateway.ask(ask("Name another thing.", "mine:large"))
    assert bearers(fake) == ["Bearer sk-mine-1", "Bearer sk-mine-2"]
    with provider(script(Reply(GOOD))) as moved:
        providers.change_provider(services, OPERATOR, Set(provider="mine", url=f"{moved.url}/v1"))
        later(other, monkeypatch)
        await other.gateway.ask(ask("Name a third thing.", "mine:large"))
        assert (len(fake.asked), len(moved.asked)) == (2, 1)
    other.close()


async def test_a_disabled_provider_is_passed_over(
    services: Services, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(services, fake)
    add(services, fake, "other")
    models = services.gateway
    providers.change_provider(services, OPERATOR, Set(provider="mine", is_enabled=False))
    result = await models.ask(ask("Name a thing.", "mine:large", "other:large"))
    assert result.provider == "other"
    assert "switched off" in result.fell[0]
    with pytest.raises(ModelError, match="hishamos providers enable mine"):
        await models.ask(ask("Name a thing more.", "mine:large"))
    models.prepare([ModelRef("mine", "large"), ModelRef("other", "large")])
    with pytest.raises(ModelSetupError, match="switched off"):
        models.prepare([ModelRef("mine", "large")])
    providers.change_provider(services, OPERATOR, Set(provider="mine", is_enabled=True))
    assert (await models.ask(ask("Name a thing more.", "mine:large"))).provider == "mine"


async def test_what_was_paid_is_replayed_from_a_disabled_provider(
    services: Services, fake: FakeProvider
) -> None:
    add(services, fake)
    await services.gateway.ask(ask("Name a thing.", "mine:large"))
    providers.change_provider(services, OPERATOR, Set(provider="mine", is_enabled=False))
    replaying = Services(services.settings.model_copy(update={"llm_cache": "replay"}))
    assert (await replaying.gateway.ask(ask("Name a thing.", "mine:large"))).cached
    replaying.close()


def test_prices_of_a_provider_come_after_the_settings_and_before_the_list(
    services: Services, fake: FakeProvider
) -> None:
    rates = {
        "*": Rate(input=1, output=1),
        "large*": Rate(input=2, output=2),
        "large": Rate(input=3, output=3),
    }
    add(services, fake, prices=rates)

    def cost(name: str, settings: dict[str, Rate] | None = None, free: tuple[str, ...] = ()) -> float:
        return Prices(settings or {}, free, services.providers()).cost(
            ModelRef("mine", name), Tokens(1_000_000, 0)
        )

    assert [cost("small"), cost("larger"), cost("large")] == [1, 2, 3]
    assert cost("large", {"mine:large": Rate(input=9, output=9)}) == 9
    assert cost("large", free=("mine:*",)) == 0
    providers.set_price(services, OPERATOR, "mine", "*", None)
    with pytest.raises(UnknownPriceError, match="hishamos providers price mine small"):
        cost("small")
    providers.set_price(services, OPERATOR, "anthropic", "claude-opus-9", (5, 25))
    found = Prices({}, (), services.providers())
    assert found.cost(ModelRef("anthropic", "claude-opus-9"), Tokens(0, 1_000_000)) == 25
    assert found.cost(ModelRef("anthropic", "claude-sonnet-5-5"), Tokens(1_000_000, 0)) > 0


def test_bad_providers_are_refused_with_every_field(services: Services, fake: FakeProvider) -> None:
    with pytest.raises(InputError) as caught:
        add(services, fake, "Mine!", url="ftp://x", prices={"a b": Rate(input=1, output=1)})
    assert {field for field, _ in caught.value.problems} == {"name", "url", "prices"}
    for name in ("openai", "blueprint", "github"):
        with pytest.raises(InputError, match="name: there is"):
            add(services, fake, name)
    with pytest.raises(InputError, match="wire"):
        add(services, fake, wire="telepathy")
    with pytest.raises(InputError, match="needs an address"):
        add(services, fake, url="")
    with pytest.raises(UsageError, match="'nobody' is no provider"):
        providers.change_provider(services, OPERATOR, Set(provider="nobody", is_enabled=False))


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/v1", "http://2852039166/v1", "http://[fe80::1]/v1", "http://0xa9fea9fe/v1",
     "http://[::ffff:169.254.169.254]/v1", "https://me:secret@example.org", "http://x/v1?key=1", "http://x:99999/"],
)  # fmt: skip
def test_no_address_leads_to_a_clouds_own(services: Services, fake: FakeProvider, url: str) -> None:
    with pytest.raises(InputError, match="url"):
        add(services, fake, url=url)


def test_two_who_set_the_same(services: Services, fake: FakeProvider) -> None:
    add(services, fake)
    seen = providers.show_provider(services, OPERATOR, "mine")
    providers.change_provider(services, OPERATOR, Set(provider="mine", is_enabled=False, expected=seen.etag))
    with pytest.raises(ChangedMeanwhileError):
        providers.change_provider(
            services, OPERATOR, Set(provider="mine", is_enabled=True, expected=seen.etag)
        )


def test_removing_and_the_audit(services: Services, fake: FakeProvider) -> None:
    add(services, fake)
    providers.change_provider(services, OPERATOR, Set(provider="openai", url="https://proxy.example/v1"))
    assert providers.show_provider(services, OPERATOR, "openai").url == "https://proxy.example/v1"
    assert providers.remove_provider(services, OPERATOR, "mine")
    assert providers.remove_provider(services, OPERATOR, "openai")
    assert not providers.remove_provider(services, OPERATOR, "openai")
    assert providers.show_provider(services, OPERATOR, "openai").url == ""
    with pytest.raises(UsageError):
        providers.show_provider(services, OPERATOR, "mine")
    rows = services.store.audit.page(PageQuery(50)).items
    assert [row.action for row in rows if row.action.startswith("provider")] == [
        "provider.remove", "provider.remove", "provider.set", "provider.set"
    ]  # fmt: skip


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with providers, some of which are none."""
    (tmp_path / "acme_models.py").write_text(_PACKAGE)
    told = tmp_path / "acme_models-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(
        "[hishamos_pipeline.providers]\n"
        "acme = acme_models:acme\nbad = acme_models:nothing\nbuiltin = acme_models:taken\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_providers.cache_clear()
    yield
    installed_providers.cache_clear()


async def test_a_package_brings_a_provider(
    package: None,
    services: Services,
    fake: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "sk-acme-1")
    found = installed_providers()
    assert (found["acme"].variable, found["openai"].wire) == ("ACME_TOKEN", "openai-responses")
    assert "acme_models:nothing" in caplog.text and "acme_models:taken" in caplog.text
    providers.change_provider(
        services, OPERATOR, Set(provider="acme", url=f"{fake.url}/v1", prices={"*": Rate(input=0, output=0)})
    )
    assert (await services.gateway.ask(ask("Name a thing.", "acme:acme-large"))).output.size == 3
    assert bearers(fake) == ["Bearer sk-acme-1"]
    assert [m.model for m in await providers.list_models(services, OPERATOR, "acme")] == ["acme:acme-large"]


def test_it_is_looked_for_again_after_a_while_and_not_before(services: Services, fake: FakeProvider) -> None:
    now = 100.0
    catalog = ProviderCatalog(services.store.providers, lambda: now)
    before = catalog()
    add(services, fake)
    now += FOLLOWS_WITHIN - 1
    assert catalog() is before
    now += 1
    assert "mine" in catalog()
