"""Parsing Python that nobody vouches for."""

import ast


def parse_python(text: str) -> ast.Module:
    """The syntax tree of a text.

    Raises:
        SyntaxError: it is not Python, or so deeply nested that the parser gives up.
    """
    try:
        return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"cannot be parsed: {type(error).__name__}") from None
