"""The JSON of an answer that was asked for as JSON, whatever a model has written around it."""

import json

_OPEN, _CLOSE = "<think>", "</think>"
# So many places are tried at which the value could begin: prose is not searched without end.
_MOST_TRIES = 64


def json_of(text: str) -> str:
    """The first whole object or list in a text, after thoughts that lead it; the text itself if there is none.

    Thoughts are ``<think>…</think>`` at the beginning, as reasoning models of open weights write them.
    """
    answer = without_thoughts(text)
    if _decodes(answer.strip()):
        return answer
    decoder, place = json.JSONDecoder(), -1
    for _ in range(_MOST_TRIES):
        found = [at for mark in "{[" if (at := answer.find(mark, place + 1)) >= 0]
        if not found:
            break
        place = min(found)
        try:
            value, end = decoder.raw_decode(answer, place)
        except (ValueError, RecursionError):
            continue
        if value:  # an empty pair of brackets is prose as a rule
            return answer[place:end]
    return answer


def without_thoughts(text: str) -> str:
    """A text without the thoughts that it begins with; thoughts that never end are the answer itself."""
    rest = text.lstrip()
    while rest.startswith(_OPEN):
        _, closed, after = rest.partition(_CLOSE)
        if not closed:
            return text
        rest = after.lstrip()
    return rest if rest != text.lstrip() else text


def _decodes(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
