"""The providers: how each is named, reached and given its key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import CredentialError, ModelError, ModelSetupError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

BLUEPRINT = "blueprint"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: the wire format it speaks, the variable of its key, and how genai-prices calls it.

    ``own`` says that its server is, as a rule, a machine of one's own, and not a service for many.
    """

    name: str
    wire: Literal["anthropic", "openai-responses", "openai-chat", "ollama", "google"]
    key_variable: str = ""
    url: str = ""
    prices: str = ""
    own: bool = False

    @property
    def variable(self) -> str:
        """The variable of its key, whether it needs one or not."""
        return self.key_variable or f"{self.name.upper()}_API_KEY"


_PROVIDERS = (
    Provider("anthropic", "anthropic", "ANTHROPIC_API_KEY", prices="anthropic"),
    Provider("openai", "openai-responses", "OPENAI_API_KEY", prices="openai"),
    Provider("openai-chat", "openai-chat", "OPENAI_API_KEY", prices="openai"),
    Provider("google", "google", "GOOGLE_API_KEY", prices="google"),
    Provider("ollama", "ollama", url="http://127.0.0.1:11434/v1", own=True),
    Provider("compatible", "openai-chat", own=True),
)
PROVIDERS: Mapping[str, Provider] = MappingProxyType({item.name: item for item in _PROVIDERS})


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model of a provider, written ``provider:model``."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}" if self.name else self.provider


def read_ref(text: str, setting: str) -> ModelRef:
    """Read ``provider:model``.

    Raises:
        ModelSetupError: no such provider, or no model named.
    """
    provider, _, name = text.strip().partition(":")
    if provider == BLUEPRINT and not name:
        return ModelRef(BLUEPRINT, "")
    if provider not in PROVIDERS:
        known = ", ".join([BLUEPRINT, *(f"{item}:MODEL" for item in PROVIDERS)])
        raise ModelSetupError(f"{setting} names {text!r}; write one of {known}")
    if not name:
        raise ModelSetupError(f"{setting} names {text!r} without a model; write {provider}:MODEL")
    return ModelRef(provider, name)


@dataclass(frozen=True, slots=True)
class Access:
    """How providers are reached: base URLs by provider, and where a key comes from by its variable's name."""

    urls: Mapping[str, str]
    key: Callable[[str], str]

    def url(self, provider: Provider) -> str:
        """The base URL; empty is the SDK's own.

        Raises:
            ModelSetupError: the provider has none of its own, and none is set.
        """
        url = self.urls.get(provider.name, provider.url)
        if provider.name == "compatible" and not url:
            raise ModelSetupError(
                'HISHAMOS_LLM_URLS lacks "compatible": set it to {"compatible": "http://…/v1"}'
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
    provider = PROVIDERS[ref.provider]
    key, url = access.secret(provider), access.url(provider) or None
    try:
        model = _open(provider, ref.name, key, url)
    except ImportError as error:
        raise ModelSetupError(
            f"{ref} needs a package that is not installed: pip install 'hishamos-pipeline[{ref.provider}]' ({error})"
        ) from error
    if not prompted and not model.profile.get("supports_json_schema_output"):
        raise ModelSetupError(
            f"{ref} cannot be made to answer in a given shape; choose another model, or set "
            "HISHAMOS_LLM_STRUCTURED=prompted to ask for the shape in words"
        )
    return model


def _open(provider: Provider, name: str, key: str, url: str | None) -> "Model[Any]":
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
    if provider.name == "compatible":
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
        if provider.wire == "anthropic":
            import anthropic

            async with anthropic.AsyncAnthropic(
                api_key=key, base_url=url, max_retries=1, timeout=20
            ) as client:
                return [item.id async for item in client.models.list()]
        if provider.wire == "google":
            from google import genai  # type: ignore[import-untyped]

            options = {"base_url": url} if url else None
            pager = await genai.Client(api_key=key, http_options=options).aio.models.list()
            return [str(item.name).removeprefix("models/") async for item in pager]
        import openai

        async with openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=1, timeout=20) as chat:
            return [item.id async for item in chat.models.list()]
    except ImportError as error:
        raise ModelSetupError(
            f"{provider.name} needs a package that is not installed: "
            f"pip install 'hishamos-pipeline[{provider.name}]' ({error})"
        ) from None
    except Exception as error:
        if getattr(error, "status_code", None) in (401, 403):
            raise CredentialError(
                f"{provider.name} does not accept the key ({mask(str(error))[:200]}); correct "
                f"{provider.variable}"
            ) from None
        raise ModelError(
            f"{provider.name} cannot be reached at {url or 'its own address'}: {mask(str(error))[:300]}"
        ) from None
