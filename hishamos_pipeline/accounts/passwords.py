"""Passwords: hashed with argon2id, and refused where they are easily guessed."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwdlib import PasswordHash

LEAST, MOST = 12, 1000
# Of zxcvbn's five scores, from 0; below 3 a password is found within 10^8 guesses.
_LEAST_SCORE = 3
# How many characters have to be there besides the owner's address and name, and how long a part of those counts.
_LEAST_OWN, _LEAST_PART = 8, 3
# What zxcvbn looks at; its time grows faster than the length.
_LOOKED_AT = 72


@cache
def _hasher() -> "PasswordHash":
    from pwdlib import PasswordHash

    return PasswordHash.recommended()


@cache
def _nobodys() -> str:
    """A hash that fits no password, so that an unknown address takes as long as a known one."""
    return _hasher().hash("nobody's password, which is never told to anybody")


def faults(password: str, *about: str) -> list[str]:
    """What is wrong with a new password, as sentences; none if it may be used.

    Args:
        password: the password.
        about: what a guesser knows of its owner: address and name.
    """
    if len(password) < LEAST:
        return [f"a password has at least {LEAST} characters"]
    if len(password) > MOST:
        return [f"a password has at most {MOST} characters"]
    from zxcvbn import zxcvbn

    known = [
        part for text in about for part in (text, *text.replace("@", " ").replace(".", " ").split()) if part
    ]
    left = password.lower()
    for part in sorted((part.lower() for part in known), key=len, reverse=True):
        left = left.replace(part, "") if len(part) >= _LEAST_PART else left
    score = zxcvbn(password[:_LOOKED_AT], user_inputs=[*known, "hishamos"])["score"]
    if score < _LEAST_SCORE or len(left) < _LEAST_OWN:
        return [
            "the password is easily guessed: take a longer one, or several words that do not belong together"
        ]
    return []


def hashed(password: str) -> str:
    """The hash of a password, with the parameters that it was made with."""
    return _hasher().hash(_bytes(password))


def verify(password: str, kept: str) -> tuple[bool, str | None]:
    """Whether a password is the one of a hash, and the hash to keep in its place where that is out of date.

    It takes as long where there is no hash, and where the password is wrong.
    """
    fits, newer = _hasher().verify_and_update(_bytes(password[:MOST]), kept or _nobodys())
    return (fits, newer) if kept else (False, None)


def _bytes(password: str) -> bytes:
    """A password as it is hashed, whatever text it is."""
    return password.encode("utf-8", "surrogatepass")
