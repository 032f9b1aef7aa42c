"""Keys at rest: encrypted, rotated, and never readable without the key that encrypted them."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import CredentialError
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.store.store import ProjectStore

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = "sk-ant-very-secret-0815"


def test_a_secret_is_encrypted_in_the_file(store: ProjectStore, settings: Settings) -> None:
    store.credentials.set("ANTHROPIC_API_KEY", SECRET, (OLD,))
    assert store.credentials.get("ANTHROPIC_API_KEY", (OLD,)) == SECRET
    assert list(store.credentials.names()) == ["ANTHROPIC_API_KEY"]
    with store.read() as session:
        kept = session.execute(text("SELECT * FROM credentials")).all()
    assert kept and SECRET not in str(kept)
    store.engine.dispose()
    if store.engine.dialect.name == "sqlite":
        files = [path for path in Path(settings.home).iterdir() if path.is_file()]
        assert files and all(SECRET.encode() not in path.read_bytes() for path in files)
    assert mask(f"said {SECRET}") == "said ***"


def test_keys_rotate(store: ProjectStore) -> None:
    store.credentials.set("A", SECRET, (OLD,))
    assert store.credentials.get("A", (NEW, OLD)) == SECRET
    assert store.credentials.rotate((NEW, OLD)) == 1
    assert store.credentials.get("A", (NEW,)) == SECRET
    with pytest.raises(CredentialError, match="HISHAMOS_SECRET_KEYS lacks the key"):
        store.credentials.get("A", (OLD,))


def test_a_rotation_that_cannot_read_everything_changes_nothing(store: ProjectStore) -> None:
    other = Fernet.generate_key().decode()
    store.credentials.set("A", SECRET, (OLD,))
    store.credentials.set("B", SECRET, (other,))
    with pytest.raises(CredentialError):
        store.credentials.rotate((NEW, OLD))
    assert store.credentials.get("A", (OLD,)) == SECRET


def test_without_a_key_nothing_is_kept(store: ProjectStore) -> None:
    with pytest.raises(CredentialError, match="new-key"):
        store.credentials.set("A", SECRET, ())
    with pytest.raises(CredentialError, match="32 url-safe base64"):
        store.credentials.set("A", SECRET, ("short",))
    assert list(store.credentials.names()) == []


def test_a_secret_can_be_removed(store: ProjectStore) -> None:
    store.credentials.set("A", SECRET, (OLD,))
    assert store.credentials.remove("A")
    assert not store.credentials.remove("A")
    assert store.credentials.get("A", (OLD,)) is None
