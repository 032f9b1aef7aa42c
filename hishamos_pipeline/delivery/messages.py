"""Descriptions of pull and merge requests and notes of releases, from what changed and what was checked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from hishamos_pipeline.core.text.untrusted import inline_code, neutralize_mentions, one_line

# GitHub takes 65,536 characters.
_LONGEST = 60_000
_FILES, _COMMITS = 100, 50
_LETTERS = {"A": "added", "D": "removed", "M": "changed"}


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a project: its title, its verified stories as id and title, its checks as name and figure."""

    title: str
    stories: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, str], ...]

    def about(self, stories: Collection[str]) -> "Told":
        """The same with those stories alone."""
        return replace(self, stories=tuple(item for item in self.stories if item[0] in stories))


def change_title(subjects: Sequence[str]) -> str:
    """Title of a proposal: the commit's subject if there is one alone."""
    return (
        neutralize_mentions(one_line(subjects[0]))[:200]
        if len(subjects) == 1
        else f"HishamOS: {len(subjects)} changes"
    )


def change_body(subjects: Sequence[str], files: Sequence[tuple[str, str]], told: Told) -> str:
    """Description of a proposal: commits, stories, files and checks."""
    parts = [
        f"Made by HishamOS from the brief of {inline_code(told.title)}.",
        "## Commits",
        *_listed(subjects, _COMMITS),
    ]
    parts += [
        "## Files",
        *_listed([f"{path} {_LETTERS.get(letter, 'changed')}" for letter, path in files], _FILES),
    ]
    if told.stories:
        parts += [
            "## Stories verified",
            *_listed([f"{name} {title}" for name, title in told.stories], _FILES),
        ]
    parts += ["## Checks passed", *_listed([f"{name}: {figure}" for name, figure in told.checks], _FILES)]
    return _cut(parts)


def release_notes(told: Told) -> str:
    """Notes of a release: the stories that it serves, and the checks that it passed."""
    parts = [f"{inline_code(told.title)}, with every story below shown by tests that passed.", "## Stories"]
    parts += _listed([f"{name} {title}" for name, title in told.stories], 500)
    parts += ["## Checks passed", *_listed([f"{name}: {figure}" for name, figure in told.checks], _FILES)]
    return _cut(parts)


def _cut(parts: Sequence[str]) -> str:
    """As many lines as a host takes."""
    kept: list[str] = []
    length = 0
    for part in parts:
        length += len(part) + 1
        if length > _LONGEST:
            return "\n".join([*kept, "…"])
        kept.append(part)
    return "\n".join(kept)


def _listed(items: Sequence[str], most: int) -> list[str]:
    more = [f"- and {len(items) - most} more"] if len(items) > most else []
    return [*(f"- {inline_code(item)}" for item in items[:most]), *more, ""]
