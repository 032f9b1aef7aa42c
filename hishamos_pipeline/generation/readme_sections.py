"""Sections that a build writes at the end of a README, whoever has written the rest."""

from collections.abc import Sequence

from hishamos_pipeline.stacks.python.formatting import tidy_file

README = "README.md"


async def with_section(text: str, heading: str, items: Sequence[str], package: str) -> str:
    """A README with a section of its level two that lists items; an older one of that heading goes.

    Args:
        text: the README.
        heading: of the section.
        items: lines of Markdown; the section is left out where there are none.
        package: the package that its code blocks are formatted for.
    """
    own = without_section(text, heading).rstrip()
    listed = "\n".join(f"- {item}" for item in items)
    section = f"\n\n## {heading}\n\n{listed}\n" if items else "\n"
    return await tidy_file(README, own + section, package)


def without_section(text: str, heading: str) -> str:
    """A document without one section, to the next one of its level."""
    before, found, after = text.partition(f"\n## {heading}\n")
    _, more, rest = after.partition("\n## ")
    return f"{before}\n## {rest}" if found and more else before
