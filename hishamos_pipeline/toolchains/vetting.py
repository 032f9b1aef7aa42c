"""What can be told of a requirement before an index is asked: its form, and names that look like others."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from rapidfuzz.distance import OSA

# Names this short are near to many others by chance.
_LEAST_LENGTH = 4
_COPIED_ABOVE = 1000
# Near to a popular name, and what it says: the successor that Starlette's test client asks for.
_MEANT = frozenset({"httpx2"})


@cache
def popular() -> tuple[str, ...]:
    """The 6,000 most downloaded packages of PyPI, the most popular first (October 2026)."""
    return tuple(files(__package__).joinpath("popular.txt").read_text().split())


def vet(requirements: Sequence[str], allowed: Iterable[str] = ()) -> tuple[list[Requirement], list[str]]:
    """The requirements that may be asked an index for, and what is wrong with the others.

    Args:
        requirements: as the project declares them.
        allowed: names that are known to be what they should be (HISHAMOS_TOOLCHAIN_ALLOW).
    """
    good, findings = [], []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            findings.append(f"{text[:100]}: is no requirement: {str(error).splitlines()[0]}")
            continue
        name = canonicalize_name(requirement.name)
        near = "" if name in {canonicalize_name(item) for item in allowed} else near_miss(name)
        if requirement.url:
            findings.append(f"{requirement.name}: names an address; only packages of the index are installed")
        elif near:
            findings.append(
                f"{requirement.name}: looks like the popular {near}; "
                "if it is meant, name it in HISHAMOS_TOOLCHAIN_ALLOW"
            )
        else:
            good.append(requirement)
    return good, findings


def near_miss(name: str) -> str:
    """The popular package that a name looks like without being popular itself; empty if there is none."""
    if len(name) < _LEAST_LENGTH or name in _known():
        return ""
    for other in (*popular()[:_COPIED_ABOVE], *_MEANT):
        if len(other) >= _LEAST_LENGTH and OSA.distance(name, other, score_cutoff=1) <= 1:
            return other
        if name.replace("-", "") == other.replace("-", "") or name in (f"python-{other}", f"{other}-python"):
            return other
    return ""


@cache
def _known() -> frozenset[str]:
    return frozenset(popular()) | _MEANT
