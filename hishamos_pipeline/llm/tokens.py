"""Counting tokens before a call is made.

Neither SDK counts without a network. Where tiktoken's files are on this machine (``TIKTOKEN_CACHE_DIR``) its
count is used, otherwise a stated estimate from the text's size; both are rounded up, since they bound a cost.
"""

import os
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

BYTES_PER_TOKEN = 2.5  # English prose has about 4, source code about 3; rounded against the caller
_MARGIN = 1.15  # models other than OpenAI's split text into more tokens
_O200K = "fb374d419588a4632f3f557e76b4b70aebbca790"  # the name under which tiktoken keeps o200k_base
_PER_REQUEST = 200  # what a provider puts around messages and a schema


def estimate_tokens(text: str) -> int:
    """An upper estimate of a question's tokens."""
    encoding = _encoding()
    if encoding is not None:
        return ceil(len(encoding.encode(text, disallowed_special=())) * _MARGIN) + _PER_REQUEST
    return ceil(len(text.encode()) / BYTES_PER_TOKEN) + _PER_REQUEST


@cache
def _encoding() -> Any:
    """OpenAI's newest encoding, if its file is here: asking tiktoken without it would go to the network."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR")
    if not folder or not (Path(folder) / _O200K).is_file():
        return None
    import tiktoken

    return tiktoken.get_encoding("o200k_base")
