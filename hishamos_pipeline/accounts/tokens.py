"""Tokens that stand for somebody: drawn at random, shown once, and kept as their SHA-256.

What they begin with is known to ``core.text.secrets``, which masks them wherever something is logged.
"""

import hashlib
import secrets

# Of a person or a service; for a new access token; for one use, by a link; of a browser.
API, REFRESH, LINK, SESSION = "hos", "hor", "hol", "hob"
_BYTES = 32
# As much of a token as people need to tell one from another.
SHOWN = 10


def new_token(kind: str) -> str:
    """A token that begins with what it is, so that people and scanners for secrets know it."""
    return f"{kind}_{secrets.token_urlsafe(_BYTES)}"


def digest(token: str) -> str:
    """What is kept of a token. It has 256 random bits, so that a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
