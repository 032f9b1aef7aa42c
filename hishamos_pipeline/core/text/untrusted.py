"""Text that nobody vouches for, brought into the form that the place where it comes to stand takes as mere text."""

import json
from typing import Any

from hishamos_pipeline.core.text import linear_re as re

_MARKS = re.compile(r"[@#!]")
_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?$", re.IGNORECASE)
_REFERENCE = re.compile(r"[#!]|GH-|/issues/|/pull/|/-/", re.IGNORECASE)
# Control characters but for tab and line feed, and halves of characters, which cannot be stored.
_CONTROLS = (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))
# What changes the direction of text (Unicode TR 9; CVE-2021-42574), and what nobody sees: zero-width spaces, invisible
# operators, soft hyphens, tags. The joiners of emoji and of Persian words stay.
_UNSEEN = (0xAD, 0x200B, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xE0000, 0xE0080))
_TRICKS = dict.fromkeys((*_CONTROLS, *_UNSEEN))
_ESCAPED = {
    code: f"\\u{code:04x}" if code < 0x10000 else json.dumps(chr(code))[1:-1]
    for code in _TRICKS
    if code != 0x0D
}
_JOINER = "\u2060"
_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


def one_line(text: str) -> str:
    """A text without line breaks and what plays tricks, and with single spaces."""
    return " ".join(without_tricks(text).split())


def markdown_line(text: str) -> str:
    """A line that Markdown and HTML renderers show as it was written."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def inline_code(text: str) -> str:
    """A line of Markdown code, in which nothing mentions people, closes issues or becomes a link."""
    return f"`{one_line(text).replace('`', chr(39)) or '-'}`"


def code_block(text: str) -> str:
    """A block of Markdown code, in which nothing is markup and nobody is mentioned."""
    return f"```\n{text.replace('`', chr(39))}\n```"


def neutralize_mentions(text: str) -> str:
    """A text in which hosts find no person to notify and no issue to close, wherever it comes to stand.

    An invisible word joiner parts the marks; see "Linking a pull request to an issue" in GitHub's documents.
    """
    words = re.split(r"(\s+)", _MARKS.sub(_parted, text))
    for number in range(0, len(words) - 2, 2):
        word = words[number]
        if (match := _CLOSING.search(word)) and _REFERENCE.search(words[number + 2]):
            words[number] = f"{word[: match.start() + 1]}{_JOINER}{word[match.start() + 1 :]}"
    return "".join(words)


def _parted(match: re.Match) -> str:
    """A mark with a joiner behind it where it would name a person or a number."""
    start, end = match.span()
    before, after = match.string[max(start - 1, 0) : start], match.string[end : end + 1]
    names = _is_word(after) and not _is_word(before) if match[0] == "@" else after.isdecimal()
    return f"{match[0]}{_JOINER}" if names else match[0]


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def without_tricks(text: str) -> str:
    """A text without control characters, and without what is not seen or turns the text around: it has no place in a
    document, and plays tricks on terminals and readers.
    """
    return text.translate(_TRICKS)


def all_without_tricks(value: Any) -> Any:
    """Plain data whose texts and keys have no such characters."""
    if isinstance(value, str):
        return without_tricks(value)
    if isinstance(value, dict):
        return {all_without_tricks(key): all_without_tricks(item) for key, item in value.items()}
    return [all_without_tricks(item) for item in value] if isinstance(value, list | tuple) else value


def terminal_text(text: str) -> str:
    """A text that a terminal shows as it is: what would act on it, or not be seen, is an escape as in JSON."""
    return text.translate(_ESCAPED)


def git_path(path: str) -> str:
    """A path as ``git fast-import`` reads it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def string_literal(text: str) -> str:
    """A literal that Python and TOML read alike: its escapes are those that both have."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def docstring_line(text: str) -> str:
    """A sentence for a docstring that begins and ends elsewhere: nothing in it can end the docstring."""
    safe = one_line(text).replace("\\", "/").replace('"', "'")
    return f"{safe.rstrip('.')}."


def docstring(text: str, indent: str) -> str:
    """A whole docstring, which the text cannot close."""
    safe = text.replace("\\", "\\\\").replace('"' * 3, "'" * 3).strip()
    lines = [line.strip() for line in safe.splitlines()] or [""]
    if len(lines) == 1:
        space = " " if safe.endswith('"') else ""
        return f'{indent}"""{safe}{space}"""'
    body = "\n".join(f"{indent}{line}".rstrip() for line in lines[1:])
    return f'{indent}"""{lines[0]}\n{body}\n{indent}"""'
