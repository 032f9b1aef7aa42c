"""The dependencies of a plan: those of its stack, those that the brief prescribes, and those that the plan names."""

from collections.abc import Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hishamos_pipeline.toolchains.vetting import vet


def with_wanted(known: Sequence[str], wanted: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """Requirements, and those that are wanted besides; what cannot be meant is refused before it is installed."""
    requirements, findings = vet(wanted, allowed)
    if findings:
        raise ValueError(f"dependencies: {'; '.join(findings)}")
    there = {name_of(text): text for text in known}
    for item in requirements:
        if item.marker:
            raise ValueError(f"dependencies: {item.name} has a marker: name what is needed everywhere")
        earlier = there.setdefault(name_of(item.name), str(item))
        if earlier != str(item) and (
            item.extras or item.specifier or name_of(item.name) not in map(name_of, known)
        ):
            raise ValueError(f"dependencies: {item} is there already, as {earlier}")
    return tuple(there.values())


def unnamed(prescribed: Sequence[str], named: Sequence[str]) -> list[str]:
    """Prescribed dependencies that a plan has forgotten."""
    known = {canonicalize_name(item.name) for item in vet(named)[0]}
    return [text for text in prescribed if name_of(text) not in known]


def name_of(requirement: str) -> str:
    """The package that a requirement names, as package indexes write it."""
    return canonicalize_name(Requirement(requirement).name)
