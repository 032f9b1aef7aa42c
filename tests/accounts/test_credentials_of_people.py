"""Passwords, delays, second factors and tokens."""

import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from hishamos_pipeline.accounts import passwords, second_factor, tokens
from hishamos_pipeline.accounts.delays import open_again_at
from hishamos_pipeline.core.text.secrets import mask

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 12"),
        ("password1234", "easily guessed"),
        ("aaaaaaaaaaaaaaaa", "easily guessed"),
        ("qwertyuiop12", "easily guessed"),
        ("ann.example.org", "easily guessed"),
        ("annannann2026", "easily guessed"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_passwords_that_are_refused(password: str, said: str) -> None:
    assert said in passwords.faults(password, "ann@example.org", "Ann")[0]


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "Übermäßig lange Wörter 7", "x9#kQ2!vLm0@rT"]
)
def test_passwords_that_are_taken(password: str) -> None:
    assert passwords.faults(password, "ann@example.org", "Ann") == []
    kept = passwords.hashed(password)
    assert kept.startswith("$argon2id$") and passwords.verify(password, kept) == (True, None)
    assert passwords.verify(password + "x", kept)[0] is False
    assert passwords.hashed(password) != kept, "salted"


def test_nobodys_password_takes_as_long_as_somebodys() -> None:
    kept = passwords.hashed("correct horse battery staple")
    passwords.verify("x", "")  # the hash of nobody is made once

    def seconds(of: str) -> float:
        started = time.process_time()
        for _ in range(5):
            assert passwords.verify("wrong", of) == (False, None)
        return time.process_time() - started

    known, unknown = min(seconds(kept) for _ in range(3)), min(seconds("") for _ in range(3))
    assert 0.5 < known / unknown < 2


def test_wrong_logins_wait_longer_each_time() -> None:
    waits = []
    for failures in range(20):
        opens = open_again_at(failures, NOW)
        waits.append((opens - NOW).total_seconds() if opens else 0)
    assert waits[:8] == [0, 0, 0, 0, 0, 2, 4, 8] and waits[-1] == 900
    assert waits == sorted(waits) and open_again_at(3, None) is None
    assert open_again_at(10**9, NOW) == NOW + timedelta(seconds=900)


def test_a_code_is_good_once_and_for_a_clock_that_is_a_little_off() -> None:
    secret = second_factor.new_secret()
    code = pyotp.TOTP(secret).at(NOW)
    step = second_factor.step_of(secret, code, NOW, 0)
    assert step == int(NOW.timestamp()) // 30
    assert second_factor.step_of(secret, code, NOW, step) == 0, "used"
    assert second_factor.step_of(secret, code, NOW + timedelta(seconds=30), 0) == step
    assert second_factor.step_of(secret, code, NOW + timedelta(seconds=90), 0) == 0
    for wrong in ("", "000000" if code != "000000" else "000001", code[:5], "nonsense", "１２３４５６"):
        assert second_factor.step_of(secret, wrong, NOW, 0) == 0
    assert "otpauth://totp/HishamOS:ann%40example.org" in second_factor.address(secret, "ann@example.org")
    assert len(set(second_factor.new_recovery_codes())) == second_factor.RECOVERY_CODES


@pytest.mark.parametrize("kind", [tokens.API, tokens.REFRESH, tokens.LINK, tokens.SESSION])
def test_tokens_are_masked_wherever_they_are_logged(kind: str) -> None:
    token = tokens.new_token(kind)
    assert token != tokens.new_token(kind) and len(tokens.digest(token)) == 64
    assert token not in mask(f"GET /x?token={token}: 401, Bearer {token}") and "***" in mask(token)
    assert mask("those who_know hos_short") == "those who_know hos_short"
