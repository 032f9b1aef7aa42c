"""The actor's own second factor: begun, shown to work, and removed."""

from hishamos_pipeline.accounts import second_factor, tokens
from hishamos_pipeline.accounts.lookup import own_id
from hishamos_pipeline.application.logins import right_password
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import AccountError, LoginError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.credentials.repository import encrypted


class SecondFactor(View):
    """A secret for an authenticator, and the address that it reads it from."""

    secret: str
    address: str


def begin_second_factor(services: Services, actor: Actor, password: str) -> SecondFactor:
    """Begin to set up the actor's second factor; it counts once a code of it was shown.

    Raises:
        LoginError: the password is wrong.
        AccountError: there is one already.
        CredentialError: there is no key to encrypt its secret with.
    """
    store = services.acting_as(actor).store
    user = store.users.get(own_id(actor))
    if user.totp_enabled:
        raise AccountError("there is a second factor already: remove it first")
    if not right_password(services, user, password):
        raise LoginError("the password is wrong")
    secret = second_factor.new_secret()
    store.users.begin_second_factor(user.id, encrypted(secret, services.settings.secret_key_list))
    return SecondFactor(secret=secret, address=second_factor.address(secret, user.email))


def confirm_second_factor(services: Services, actor: Actor, code: str) -> list[str]:
    """Turn the second factor on by a code of it; recovery codes, which are told this once.

    Raises:
        LoginError: the code is wrong.
        AccountError: nothing was begun.
    """
    store = services.acting_as(actor).store
    user_id = own_id(actor)
    kept = store.users.secrets(user_id)
    if not kept.totp_secret or kept.totp_enabled:
        raise AccountError("no second factor was begun")
    step = second_factor.step_shown(kept, services.settings.secret_key_list, code, store.clock.now())
    if not step:
        raise LoginError("the code is wrong: is the clock of the authenticator right?")
    codes = second_factor.new_recovery_codes()
    store.users.enable_second_factor(user_id, step, [tokens.digest(item) for item in codes])
    return codes


def remove_second_factor(services: Services, actor: Actor, password: str) -> None:
    """Ask for no second factor any more.

    Raises:
        LoginError: the password is wrong.
        AccountError: the organization asks for one.
    """
    store = services.acting_as(actor).store
    user_id = own_id(actor)
    if not right_password(services, store.users.get(user_id), password):
        raise LoginError("the password is wrong")
    if asking := [
        key for key in store.organizations.roles(user_id) if store.organizations.get(key).needs_second_factor
    ]:
        raise AccountError(f"{asking[0]} asks its members for a second factor")
    store.users.disable_second_factor(user_id)
