"""The second factor: codes of an authenticator (TOTP, RFC 6238), each good for one login, and recovery codes."""

import secrets
from datetime import datetime, timedelta

from hishamos_pipeline.store.credentials.repository import decrypted
from hishamos_pipeline.store.people.records import Secrets

_STEP_SECONDS, _WINDOW = 30, 1
RECOVERY_CODES = 10


def new_secret() -> str:
    """A secret for an authenticator, in base 32."""
    import pyotp

    return pyotp.random_base32()


def address(secret: str, email: str) -> str:
    """The ``otpauth`` address of a secret, which authenticators read from a picture or by hand."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="HishamOS")


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int:
    """The step of time that a code belongs to; 0 if it is wrong, or was used already.

    Codes of the step before and after are good, too, since clocks differ.

    Args:
        secret: the person's secret.
        code: six digits.
        now: the time.
        last_step: the step of the last code that was used.
    """
    import pyotp

    made = pyotp.TOTP(secret)
    for offset in range(-_WINDOW, _WINDOW + 1):
        at = now + timedelta(seconds=offset * _STEP_SECONDS)
        step = int(at.timestamp()) // _STEP_SECONDS
        if step > last_step and secrets.compare_digest(
            made.at(at).encode(), code.strip().encode("utf-8", "surrogatepass")
        ):
            return step
    return 0


def step_shown(kept: Secrets, secret_keys: tuple[str, ...], code: str, now: datetime) -> int:
    """``step_of`` with what is kept of somebody.

    Raises:
        CredentialError: the secret cannot be decrypted with these keys.
    """
    return step_of(decrypted(kept.totp_secret, secret_keys), code, now, kept.totp_last_step)


def new_recovery_codes() -> list[str]:
    """Codes that are each good for one login without the authenticator."""
    return [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]
