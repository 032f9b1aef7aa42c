"""Which kind of project a brief means that names none: by what it says of itself, the first such words."""

from collections.abc import Mapping, Sequence

from hishamos_pipeline.core.artifacts.idea import Section, StackName
from hishamos_pipeline.core.text import linear_re as re

DEFAULT: StackName = "python-cli"
# A lending library is none, and a program that asks somebody's API is none: only words that leave no doubt count.
_SAYS: Mapping[StackName, re.Pattern] = {
    "python-library": re.compile(
        r"\bpython (?:library|package|module)\b|\blibrary (?:for|in) python\b|\bno command[- ]line\b"
        r"|\b(?:programs|code|projects) (?:of ours )?imports? it\b",
        re.IGNORECASE,
    ),
    "python-api": re.compile(
        r"\b(?:a|an|the|our) (?:small |simple )?(?:rest(?:ful)?|http|json|web) (?:api|service|interface|server)\b"
        r"|\bfastapi\b|\bapi (?:server|service)\b",
        re.IGNORECASE,
    ),
    "python-cli": re.compile(
        r"\bcommand[- ]line (?:program|tool|application|app|interface|utility)\b", re.IGNORECASE
    ),
}


def choose(sections: Sequence[Section]) -> tuple[StackName, str]:
    """A stack, and why it is that one."""
    text = " ".join(" ".join(section.text for section in sections if not section.excludes).split())
    found = [(match.start(), name, match[0]) for name, said in _SAYS.items() if (match := said.search(text))]
    if not found:
        return DEFAULT, f"The brief does not say what kind of program it wants: {DEFAULT} is taken."
    _, name, words = min(found)
    return name, f"The stack is {name}, since the brief says `{words}`."
