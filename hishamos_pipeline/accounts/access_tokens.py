"""Access tokens: signed words that somebody is logged in, good for ten minutes, which the store need not look up.

They are JSON Web Tokens with EdDSA (RFC 8037), and no other algorithm. Their keys follow from the installation's secret
keys (HKDF, RFC 5869): the newest signs, and all of them are believed, so that keys are rotated as those of credentials
are. A key is found by the ``kid`` of its public half; nothing that a token names is fetched.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hishamos_pipeline.errors import LoginError, StorageError

LASTS = timedelta(minutes=10)
# An agent's are made for one request, and repeated with the next.
AGENT_LASTS = timedelta(minutes=2)
AUDIENCE = "hishamos-api"
_ISSUER = "hishamos"
_PURPOSE = b"hishamos access tokens 1"
_ALGORITHM = "EdDSA"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Delegation:
    """The agent that acts for a person (RFC 8693, section 4.1), and what for.

    Args:
        agent: the agent's role.
        task: the run and step, or the task, that it does.
        person: the label of the person.
        project: the key of the only project that it is about; empty for all of the organization.
        scopes: the actions that it is limited to.
    """

    agent: str
    task: str
    person: str
    project: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an access token says: who has logged in, where, since when, and until when it is good.

    ``delegated`` names the agent that it is for, which acts for the person; number 0 is then the machine's own user,
    who has no account.
    """

    user_id: int
    organization: str
    issued_at: datetime
    expires_at: datetime
    delegated: Delegation | None = None


class SigningKeys:
    """Signs access tokens, and reads them.

    Args:
        secrets: the installation's secret keys, the newest first; at least one.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        pairs = [_pair(secret) for secret in secrets]
        self._kid, self._private = pairs[0]
        self._public: dict[str, Ed25519PublicKey] = {kid: private.public_key() for kid, private in pairs}

    def sign(self, token: AccessToken) -> str:
        """The token as it is shown."""
        claims: dict[str, Any] = {
            "iss": _ISSUER, "aud": AUDIENCE, "sub": str(token.user_id), "org": token.organization,
            # With fractions: whoever logs out everywhere and in again within a second is logged in.
            "iat": token.issued_at.timestamp(), "exp": token.expires_at.timestamp(),
        }  # fmt: skip
        if given := token.delegated:
            claims |= {
                "act": {"sub": f"agent:{given.agent}", "task": given.task}, "name": given.person,
                "project": given.project, "scope": " ".join(sorted(given.scopes)),
            }  # fmt: skip
        return jwt.encode(claims, self._private, algorithm=_ALGORITHM, headers={"kid": self._kid})

    def read(self, shown: str, now: datetime) -> AccessToken:
        """What a token says.

        Raises:
            LoginError: it is none of this installation's, or has run out.
        """
        try:
            key = self._public[str(jwt.get_unverified_header(shown).get("kid"))]
            claims: dict[str, Any] = jwt.decode(
                shown,
                key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=_ISSUER,
                # By the clock that everything else goes by.
                options={
                    "require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False
                },
            )  # fmt: skip
            token = AccessToken(
                user_id=int(claims["sub"]),
                organization=str(claims["org"]),
                issued_at=datetime.fromtimestamp(float(claims["iat"]), UTC),
                expires_at=datetime.fromtimestamp(float(claims["exp"]), UTC),
                delegated=_delegated(claims),
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
            raise LoginError("this access token is none of this installation's: log in again") from None
        if token.expires_at <= now:
            raise LoginError("this access token has run out: refresh it")
        return token


def _delegated(claims: dict[str, Any]) -> Delegation | None:
    if "act" not in claims:
        return None
    return Delegation(
        agent=str(claims["act"]["sub"]).removeprefix("agent:"),
        task=str(claims["act"]["task"]),
        person=str(claims["name"]),
        project=str(claims["project"]),
        scopes=frozenset(str(claims["scope"]).split()),
    )


def own_secret(path: Path) -> str:
    """The secret of an installation on one machine that has no secret keys of its own; it is made when first needed.

    Raises:
        StorageError: the file cannot be written or read.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        if not path.exists():
            descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(os.urandom(_BYTES).hex())
            try:
                os.link(fresh, path)  # whole, and only if nobody else was first
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text()
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {error.strerror or error}") from error


def _pair(secret: str) -> tuple[str, Ed25519PrivateKey]:
    derived = HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(derived)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(public).hexdigest()[:16], private
