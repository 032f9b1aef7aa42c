"""What the repository of idempotency keys hands out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key that was made before; ``status`` is 0 while it is done."""

    request_hash: str
    status: int
    headers: str
    answer: bytes | None
    created_at: datetime
