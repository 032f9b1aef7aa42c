"""Keys of providers and hosts, encrypted at rest.

The encryption keys are in ``HISHAMOS_SECRET_KEYS``, or in the file that ``HISHAMOS_SECRET_KEYS_FILE`` names: the first
encrypts, all decrypt, so that a new one can be put in front and ``rotate`` be run. See
https://cryptography.io/en/latest/fernet/#cryptography.fernet.MultiFernet.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.errors import CredentialError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.credentials.tables import CredentialRow
from hishamos_pipeline.store.people.tables import UserRow
from hishamos_pipeline.store.sessions import Sessions
from hishamos_pipeline.store.webhooks.tables import WebhookRow

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class Credentials:
    """Reads and writes encrypted secrets."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def set(self, name: str, secret: str, secret_keys: tuple[str, ...]) -> None:
        """Keep a secret under a name, in place of the one before.

        Raises:
            CredentialError: there is no encryption key.
        """
        ciphertext = _fernet(secret_keys).encrypt(secret.encode()).decode()
        with self._sessions.write() as session:
            now = self._sessions.clock.now()
            session.merge(CredentialRow(name=name, ciphertext=ciphertext, updated_at=now))
            audit(session, now, "credential.set", name)

    def get(self, name: str, secret_keys: tuple[str, ...]) -> str | None:
        """A secret; ``None`` where none is kept under that name.

        Raises:
            CredentialError: it cannot be decrypted with these keys.
        """
        with self._sessions.read() as session:
            row = session.get(CredentialRow, name)
        return None if row is None else register(_decrypt(row, secret_keys))

    def check(self, secret_keys: tuple[str, ...]) -> int:
        """Try the encryption keys on everything that is kept; how much that is.

        Raises:
            CredentialError: a key is not one, or something cannot be decrypted with these keys.
        """
        with self._sessions.read() as session:
            rows = session.scalars(select(CredentialRow).order_by(CredentialRow.name)).all()
        if secret_keys:
            _fernet(secret_keys)
        for row in rows:
            register(_decrypt(row, secret_keys))
        return len(rows)

    def names(self) -> dict[str, datetime]:
        """The names under which something is kept, and since when."""
        with self._sessions.read() as session:
            rows = session.scalars(select(CredentialRow).order_by(CredentialRow.name))
            return {row.name: row.updated_at for row in rows}

    def remove(self, name: str) -> bool:
        """Remove a secret; whether there was one."""
        with self._sessions.write() as session:
            row = session.get(CredentialRow, name)
            if row is not None:
                session.delete(row)
                audit(session, self._sessions.clock.now(), "credential.remove", name)
            return row is not None

    def rotate(self, secret_keys: tuple[str, ...]) -> int:
        """Encrypt everything again with the first of the keys, all of it or nothing.

        Second factors and secrets of webhooks, too.

        Raises:
            CredentialError: one of the secrets cannot be decrypted with any of the keys.
        """
        fernet = _fernet(secret_keys)
        with self._sessions.write() as session:
            rows = list(session.scalars(select(CredentialRow)))
            for row in rows:
                row.ciphertext = fernet.encrypt(_decrypt(row, secret_keys).encode()).decode()
            for user in session.scalars(select(UserRow).where(UserRow.totp_secret != "")):
                user.totp_secret = encrypted(decrypted(user.totp_secret, secret_keys), secret_keys)
            for webhook in session.scalars(select(WebhookRow)):
                webhook.secret = encrypted(decrypted(webhook.secret, secret_keys), secret_keys)
            audit(session, self._sessions.clock.now(), "credential.rotate", "all", count=len(rows))
            return len(rows)


def encrypted(text: str, secret_keys: tuple[str, ...]) -> str:
    """A text, encrypted as credentials are.

    Raises:
        CredentialError: there is no encryption key.
    """
    return _fernet(secret_keys).encrypt(text.encode()).decode()


def decrypted(ciphertext: str, secret_keys: tuple[str, ...]) -> str:
    """What ``encrypted`` was given.

    Raises:
        CredentialError: it cannot be decrypted with these keys.
    """
    from cryptography.fernet import InvalidToken

    try:
        return _fernet(secret_keys).decrypt(ciphertext).decode()
    except InvalidToken:
        raise CredentialError(
            "the secret of a second factor or of a webhook cannot be decrypted: HISHAMOS_SECRET_KEYS lacks the key "
            "that it was encrypted with; add that"
        ) from None


def _fernet(secret_keys: tuple[str, ...]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    if not secret_keys:
        raise CredentialError(
            "HISHAMOS_SECRET_KEYS is not set, nor HISHAMOS_SECRET_KEYS_FILE: one of them holds the keys that stored "
            "credentials are encrypted with. Set it to the one that was used; where nothing is stored yet, make one "
            "with `hishamos credentials new-key`"
        )
    try:
        return MultiFernet([Fernet(register(key)) for key in secret_keys])
    except ValueError:
        raise CredentialError(
            "HISHAMOS_SECRET_KEYS holds a key that is not 32 url-safe base64 bytes; "
            "make one with `hishamos credentials new-key`"
        ) from None


def _decrypt(row: CredentialRow, secret_keys: tuple[str, ...]) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _fernet(secret_keys).decrypt(row.ciphertext).decode()
    except InvalidToken:
        raise CredentialError(
            f"the stored credential {row.name!r} cannot be decrypted: HISHAMOS_SECRET_KEYS lacks the key that it was "
            f"encrypted with; add that, or keep it again with `hishamos credentials add`"
        ) from None
