"""Keys of providers, tokens of Git hosts and secrets for repositories: kept encrypted, tried, and never shown."""

import os

from pydantic import SecretStr

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import CredentialError, UsageError
from hishamos_pipeline.generation.services import Services

_SECRET = re.compile(r"secret:[a-z0-9][a-z0-9-]{0,62}/[A-Za-z_][A-Za-z0-9_]{0,99}")


class CredentialView(View):
    """A credential that is kept, or can be: where it is, and since when; never its value."""

    name: str
    variable: str
    where: str
    since: str


class KeepCredential(UseCaseInput):
    """A key or token for a provider, a Git host, a channel, or a secret as ``secret:KEY/NAME``."""

    name: str
    value: SecretStr


class KeptCredential(View):
    """A credential that was kept; ``shadowed_by`` names the variable in the environment that comes before it."""

    name: str
    shadowed_by: str


@requires("credentials.manage")
def keep(services: Services, actor: Actor, command: KeepCredential) -> KeptCredential:
    """Keep a key, in place of the one before, encrypted with HISHAMOS_SECRET_KEYS.

    Raises:
        UsageError: there is nothing of that name, or the key is empty or has white space in it.
        CredentialError: there is no key to encrypt with.
    """
    acting = services.acting_as(actor)
    variable = _variable(acting, command.name)
    value = usable(command.value, may_have_spaces=bool(_SECRET.fullmatch(command.name)))
    acting.store.credentials.set(variable, value, acting.settings.secret_key_list)
    return KeptCredential(name=command.name, shadowed_by=variable if os.environ.get(variable) else "")


def usable(given: SecretStr, *, may_have_spaces: bool = False) -> str:
    """A key as it is kept.

    Raises:
        UsageError: it is empty, or has white space in it where none can be.
    """
    value = given.get_secret_value().strip()
    if not value or (not may_have_spaces and any(c.isspace() for c in value)):
        raise UsageError("the key is empty, or has a space or a line break in it")
    return value


@requires("credentials.manage")
def list_credentials(services: Services, actor: Actor) -> list[CredentialView]:
    """What is kept, and what can be."""
    acting = services.acting_as(actor)
    kept = acting.store.credentials.names()
    secrets = {name: name for name in kept if name.startswith("secret:")}
    return [
        CredentialView(
            name=name,
            variable=variable,
            where="environment" if os.environ.get(variable) else "stored" if variable in kept else "missing",
            since=f"{kept[variable]:%Y-%m-%d}" if variable in kept else "",
        )
        for name, variable in {**_known(acting), **secrets}.items()
    ]


@requires("credentials.manage")
def require_name(services: Services, actor: Actor, name: str) -> None:
    """Make sure that something of that name can be kept, before anybody is asked for it.

    Raises:
        UsageError: nothing can.
    """
    _variable(services.acting_as(actor), name)


@requires("credentials.manage")
async def try_credential(services: Services, actor: Actor, name: str) -> list[str]:
    """Try a key: ask the provider for its models, or the Git host whose token it is. Costs nothing. What was found.

    Raises:
        UsageError: there is nothing of that name.
        CredentialError: it is not kept, or refused.
        HostError, ModelError: the host or the provider cannot be asked.
    """
    acting = services.acting_as(actor)
    variable = _variable(acting, name)
    if name in acting.settings.hosts:
        return _try_host(acting, name)
    if _SECRET.fullmatch(name):
        if not acting.key(variable):
            raise CredentialError(f"{name} is not kept")
        return [f"{name} can be decrypted"]
    from hishamos_pipeline.llm.providers import model_names

    models = await model_names(acting.access.provider(name), acting.access)
    return [f"{name} accepts the key: {len(models)} models"]


@requires("credentials.manage")
def rotate(services: Services, actor: Actor) -> int:
    """Encrypt everything again with the first of HISHAMOS_SECRET_KEYS; how many.

    Raises:
        CredentialError: a key is missing, or does not fit.
    """
    return services.acting_as(actor).store.credentials.rotate(services.settings.secret_key_list)


@requires("credentials.manage")
def remove(services: Services, actor: Actor, name: str) -> bool:
    """Remove a key; whether there was one.

    Raises:
        UsageError: there is nothing of that name.
    """
    acting = services.acting_as(actor)
    return acting.store.credentials.remove(_variable(acting, name))


def new_key() -> str:
    """A new key for HISHAMOS_SECRET_KEYS."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _try_host(services: Services, name: str) -> list[str]:
    from hishamos_pipeline.delivery.hosts.opening import open_host, retry_policy_of

    host = open_host(name, services.settings, services.key, retry_policy_of(services.settings))
    account = host.account()
    facts = [f"{name} accepts the token of {account.login}"]
    if account.scopes is not None:
        facts.append(f"scopes: {', '.join(sorted(account.scopes)) or 'none'}")
    if account.expires:
        facts.append(f"expires: {account.expires}")
    host.require_scopes(account, with_workflows=True)
    return facts


def _known(services: Services) -> dict[str, str]:
    """Variables by name of provider and host."""
    hosts = {name: host.token for name, host in services.settings.hosts.items()}
    return {**{name: provider.variable for name, provider in services.providers().items()}, **hosts}


def _variable(services: Services, name: str) -> str:
    known = _known(services)
    # Variables that the channels of HISHAMOS_NOTIFY name.
    channels = sorted({c.variable for c in services.settings.notify.values() if c.variable})
    if name in known:
        return known[name]
    if _SECRET.fullmatch(name) or name in channels:
        return name
    raise UsageError(f"{name!r} is neither of {', '.join([*known, *channels])}, nor secret:KEY/NAME")
