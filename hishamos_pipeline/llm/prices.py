"""What models cost: the operator's prices first, then genai-prices, which works without a network.

An unknown price is an error, never zero. See https://github.com/pydantic/genai-prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hishamos_pipeline.errors import UnknownPriceError
from hishamos_pipeline.llm.providers import ModelRef, Providers
from hishamos_pipeline.settings import Rate

# Anthropic writes its prompt cache at up to twice the input price (one hour); five minutes cost 1.25.
_CACHE_WRITE = 1.25
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a call; ``cached`` and ``cache_write`` are parts of ``input``."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by ``provider:model``, patterns of models that the operator says are free, and those of providers."""

    rates: Mapping[str, Rate]
    free: tuple[str, ...]
    providers: Providers

    def cost(self, ref: ModelRef, tokens: Tokens) -> float:
        """What tokens of a model cost, in US dollars.

        Raises:
            UnknownPriceError: nobody has said what the model costs.
        """
        rate = self.rates.get(str(ref))
        if rate is None and any(fnmatchcase(str(ref), pattern) for pattern in self.free):
            return 0.0
        rate = rate or self._of_provider(ref)
        if rate is not None:
            return (tokens.input * rate.input + tokens.output * rate.output) / _MILLION
        return self._listed(ref, tokens)

    def worst(self, ref: ModelRef, input_tokens: int, output_tokens: int) -> float:
        """The most that a call can cost: the whole input written to a prompt cache, the whole output used.

        Raises:
            UnknownPriceError: nobody has said what the model costs.
        """
        return self.cost(ref, Tokens(input=round(input_tokens * _CACHE_WRITE), output=output_tokens))

    def _of_provider(self, ref: ModelRef) -> Rate | None:
        provider = self.providers.get(ref.provider)
        rates = provider.rates if provider else {}
        # The longest pattern is the closest one.
        fitting = sorted((name for name in rates if fnmatchcase(ref.name, name)), key=len)
        return rates.get(ref.name) or (rates[fitting[-1]] if fitting else None)

    def _listed(self, ref: ModelRef, tokens: Tokens) -> float:
        from genai_prices import Usage, calc_price

        usage = Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cached,
            cache_write_tokens=tokens.cache_write,
        )
        provider = self.providers.get(ref.provider)
        listed = provider.prices if provider else ""
        try:
            if not listed:
                raise LookupError
            return float(calc_price(usage, ref.name, provider_id=listed).total_price)
        except LookupError:
            raise UnknownPriceError(
                f"the price of {ref} is not known: set HISHAMOS_LLM_PRICES, for example "
                f'{{"{ref}": {{"input": 1.0, "output": 4.0}}}} (US dollars for a million tokens), '
                f"HISHAMOS_LLM_FREE={ref} if it costs nothing, or keep its price with "
                f"`hishamos providers price {ref.provider} {ref.name}`"
            ) from None
