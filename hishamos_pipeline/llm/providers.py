"""The providers: how each is named, reached and given its key."""

import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import CredentialError, ModelError, ModelSetupError
from hishamos_pipeline.settings import Rate

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from hishamos_pipeline.llm.ollama import OllamaServer

log = logging.getLogger("hishamos.llm")
BLUEPRINT = "blueprint"
ENTRY_POINTS = "hishamos_pipeline.providers"
Wire = Literal["anthropic", "openai-responses", "openai-chat", "ollama", "google"]
WIRES: tuple[Wire, ...] = get_args(Wire)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: the wire format it speaks, the variable of its key, and how genai-prices calls it.

    Args:
        name: what comes before the colon of a model.
        wire: the wire format.
        key_variable: of its key, where it needs one.
        url: its base URL; empty is the SDK's own.
        prices: its name in genai-prices.
        own: whether its server is, as a rule, a machine of one's own, and not a service for many.
        any_server: whether any server may be behind it: it has no URL of its own, and that it can enforce the shape
            of an answer is taken for granted.
        is_enabled: whether it is asked.
        rates: prices by model or pattern of models, for what genai-prices does not list.
        opens: opens a model by its name, key and URL, in place of ``wire``.
        lists: lists the models by key and URL, in place of ``wire``.
    """

    name: str
    wire: Wire
    key_variable: str = ""
    url: str = ""
    prices: str = ""
    own: bool = False
    any_server: bool = False
    is_enabled: bool = True
    rates: Mapping[str, Rate] = field(default_factory=dict)
    opens: "Callable[[str, str, str | None], Model[Any]] | None" = None
    lists: Callable[[str, str | None], Awaitable[list[str]]] | None = None

    @property
    def variable(self) -> str:
        """The variable of its key, whether it needs one or not."""
        return self.key_variable or key_variable(self.name)


def key_variable(name: str) -> str:
    """The variable that a provider's key is in, unless it says another one."""
    return f"{name.upper().replace('-', '_')}_API_KEY"


_PROVIDERS = (
    Provider("anthropic", "anthropic", "ANTHROPIC_API_KEY", prices="anthropic"),
    Provider("openai", "openai-responses", "OPENAI_API_KEY", prices="openai"),
    Provider("openai-chat", "openai-chat", "OPENAI_API_KEY", prices="openai"),
    Provider("google", "google", "GOOGLE_API_KEY", prices="google"),
    Provider("ollama", "ollama", url="http://127.0.0.1:11434/v1", own=True),
    Provider("compatible", "openai-chat", own=True, any_server=True),
)
Providers = Mapping[str, Provider]
PROVIDERS: Providers = MappingProxyType({item.name: item for item in _PROVIDERS})


@functools.cache
def installed_providers() -> Providers:
    """The providers that come with HishamOS, and those of installed packages.

    A package names a ``Provider`` in the entry points ``hishamos_pipeline.providers``; see
    https://packaging.python.org/en/latest/specifications/entry-points/. One that cannot be loaded, or has the name of
    another one, is left out and logged.
    """
    found = dict(PROVIDERS)
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            provider = entry.load()
        except Exception as error:
            log.error("the provider %s of an installed package cannot be loaded: %s", entry.value, error)
            continue
        if not isinstance(provider, Provider) or provider.name in {*found, BLUEPRINT}:
            log.error(
                "%s of an installed package is no provider, or has the name of another one", entry.value
            )
            continue
        found[provider.name] = provider
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model of a provider, written ``provider:model``."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}" if self.name else self.provider


def read_ref(text: str, setting: str) -> ModelRef:
    """Read ``provider:model``; whether there is such a provider is known where it is asked.

    Raises:
        ModelSetupError: it is not written like that.
    """
    provider, _, name = text.strip().partition(":")
    if provider == BLUEPRINT and not name:
        return ModelRef(BLUEPRINT, "")
    if not name or not provider:
        write = f"{provider}:MODEL" if provider in PROVIDERS else f"`{BLUEPRINT}`, or PROVIDER:MODEL"
        raise ModelSetupError(f"{setting} names {text!r}; write {write}")
    return ModelRef(provider, name)


def require_provider(text: str, setting: str, known: Iterable[str]) -> None:
    """Make sure that there is the provider of what a setting names, as ``provider`` or ``provider:model``.

    Raises:
        ModelSetupError: names the setting and the providers that there are.
    """
    names = list(known)
    if text.partition(":")[0] not in names:
        raise ModelSetupError(f"{setting} names {text!r}: there is no such provider, only {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class Access:
    """How providers are reached.

    Args:
        urls: base URLs by provider, which come before those that providers have.
        key: gives the key that a variable of this name holds.
        providers: gives those that there are now; the same object until they are looked for again.
    """

    urls: Mapping[str, str]
    key: Callable[[str], str]
    providers: Callable[[], Providers] = installed_providers

    def provider(self, name: str) -> Provider:
        """A provider.

        Raises:
            ModelSetupError: there is none of that name.
        """
        found = self.providers().get(name)
        if found is None:
            raise ModelSetupError(f"there is no provider {name!r}, only {', '.join(self.providers())}")
        return found

    def url(self, provider: Provider) -> str:
        """The base URL; empty is the SDK's own.

        Raises:
            ModelSetupError: the provider has none of its own, and none is set.
        """
        url = self.urls.get(provider.name, provider.url)
        if provider.any_server and not url:
            raise ModelSetupError(
                f'HISHAMOS_LLM_URLS lacks "{provider.name}": set it to {{"{provider.name}": "http://…/v1"}}'
            )
        return url

    def secret(self, provider: Provider) -> str:
        """The key; a placeholder where the provider needs none.

        Raises:
            CredentialError: the key is missing.
        """
        if not provider.key_variable:
            return self.key(provider.variable) or "none"
        found = self.key(provider.variable)
        if not found:
            raise CredentialError(
                f"{provider.name} needs a key: set {provider.key_variable}, or keep it encrypted with "
                f"`hishamos credentials add {provider.name}`"
            )
        return found


def ollama_server(provider: Provider, access: Access) -> "OllamaServer":
    """The server of a provider that speaks Ollama's own API.

    Raises:
        ModelSetupError: the provider has no address.
    """
    from hishamos_pipeline.llm.ollama import OllamaServer

    return OllamaServer(access.url(provider), access.secret(provider))


def open_model(ref: ModelRef, access: Access, *, prompted: bool) -> "Model[Any]":
    """A pydantic-ai model; the provider's SDK is imported here and not before.

    Args:
        ref: which model.
        access: keys and URLs.
        prompted: whether the shape of answers is asked for in words, not enforced.

    Raises:
        CredentialError: the key is missing.
        ModelSetupError: the provider's package is missing, or the model cannot enforce a schema.
    """
    provider = access.provider(ref.provider)
    key, url = access.secret(provider), access.url(provider) or None
    try:
        model = _open(provider, ref.name, key, url)
    except ImportError as error:
        raise _package_missing(provider, error) from error
    if not prompted and not model.profile.get("supports_json_schema_output"):
        raise ModelSetupError(
            f"{ref} cannot be made to answer in a given shape; choose another model, or set "
            "HISHAMOS_LLM_STRUCTURED=prompted to ask for the shape in words"
        )
    return model


def _package_missing(provider: Provider, error: ImportError) -> ModelSetupError:
    return ModelSetupError(
        f"{provider.name} needs a package that is not installed: pip install 'hishamos-pipeline[{provider.wire}]' "
        f"({error})"
    )


def _open(provider: Provider, name: str, key: str, url: str | None) -> "Model[Any]":
    if provider.opens:
        return provider.opens(name, key, url)
    if provider.wire == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(name, provider=AnthropicProvider(api_key=key, base_url=url))
    if provider.wire == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=url))
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    if provider.wire == "openai-responses":
        return OpenAIResponsesModel(name, provider=OpenAIProvider(api_key=key, base_url=url))
    if provider.wire == "ollama":
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        return OllamaModel(
            name,
            provider=OllamaProvider(api_key=key, base_url=url),
            profile={"supports_json_schema_output": True},
        )
    # Without this flag a stream that ends early would be taken for a whole answer.
    strict: dict[str, Any] = {"openai_chat_streaming_requires_finish_reason": True}
    if provider.any_server:
        strict["supports_json_schema_output"] = True
    return OpenAIChatModel(
        name, provider=OpenAIProvider(api_key=key, base_url=url), profile=cast("Any", strict)
    )


async def model_names(provider: Provider, access: Access) -> list[str]:
    """The models that a provider offers with this key; the cheapest question that shows that it works.

    Raises:
        CredentialError: the key is missing or not accepted.
        ModelError: the provider cannot be reached.
    """
    key, url = access.secret(provider), access.url(provider) or None
    try:
        if provider.lists:
            return await provider.lists(key, url)
        if provider.wire == "ollama":
            return [model.name for model in await ollama_server(provider, access).models()]
        if provider.wire == "anthropic":
            import anthropic

            async with anthropic.AsyncAnthropic(
                api_key=key, base_url=url, max_retries=1, timeout=20
            ) as client:
                return [item.id async for item in client.models.list()]
        if provider.wire == "google":
            from google import genai
            from google.genai.types import HttpOptions

            options = HttpOptions(base_url=url, timeout=20_000)
            pager = await genai.Client(api_key=key, http_options=options).aio.models.list()
            return [str(item.name).removeprefix("models/") async for item in pager]
        import openai

        async with openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=1, timeout=20) as chat:
            return [item.id async for item in chat.models.list()]
    except ImportError as error:
        raise _package_missing(provider, error) from None
    except ModelError:
        raise
    except Exception as error:
        if getattr(error, "status_code", getattr(error, "code", None)) in (401, 403):
            raise CredentialError(
                f"{provider.name} does not accept the key ({mask(str(error))[:200]}); correct "
                f"{provider.variable}"
            ) from None
        raise ModelError(
            f"{provider.name} cannot be reached at {url or 'its own address'}: {mask(str(error))[:300]}"
        ) from None
