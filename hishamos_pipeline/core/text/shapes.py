"""Texts of a shape: whoever writes another is told how to write it, and not shown a regular expression."""

from typing import Annotated

from pydantic import AfterValidator

from hishamos_pipeline.core.text import linear_re as re


def shaped(pattern: str, how: str) -> AfterValidator:
    """A validator for ``Annotated[str, …]``.

    Args:
        pattern: what the whole text has to match.
        how: how to write it, with an example; it follows "write".
    """
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"write {how}")
        return text

    return AfterValidator(check)


SecretName = Annotated[
    str,
    shaped(
        r"[A-Z][A-Z0-9_]*",
        "the name of the variable or stored credential that holds it, such as GITHUB_TOKEN, not the secret itself",
    ),
]
