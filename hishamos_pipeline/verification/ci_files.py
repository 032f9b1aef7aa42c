"""The commands that the CI files would run, read from the files themselves."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"
# GitLab's keywords at the top level that are no jobs: https://docs.gitlab.com/ci/yaml/#global-keywords
_NO_JOBS = frozenset(
    {
        "stages",
        "variables",
        "default",
        "include",
        "workflow",
        "image",
        "services",
        "cache",
        "spec",
        "before_script",
    }
)


def ci_commands(texts: Mapping[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """The commands of each CI file after installation, in order, and what is wrong with a file that cannot be read.

    Args:
        texts: the files of a tree by path.
    """
    found: dict[str, list[str]] = {}
    problems = []
    for path, read in _READERS:
        if path not in texts:
            problems.append(f"{path}: missing")
            continue
        try:
            found[path] = read(yaml.safe_load(texts[path]))
        except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
            problems.append(f"{path}: cannot be read: {error}")
    return found, problems


def commands_run(texts: Mapping[str, str]) -> tuple[str, ...]:
    """What the CI files of a tree run, each command once, in order."""
    found, _ = ci_commands(texts)
    return tuple(dict.fromkeys(line for lines in found.values() for line in lines))


def _github(document: dict[str, Any]) -> list[str]:
    steps = [step for job in document["jobs"].values() for step in job["steps"]]
    return [
        line
        for step in steps
        if "run" in step and step.get("name") != "Install"
        for line in _lines(step["run"])
    ]


def _gitlab(document: dict[str, Any]) -> list[str]:
    jobs = [job for name, job in document.items() if name not in _NO_JOBS and not name.startswith(".")]
    return [line for job in jobs for entry in job["script"] for line in _lines(entry)]


def _lines(script: str) -> list[str]:
    return [line.strip() for line in str(script).splitlines() if line.strip()]


_READERS: tuple[tuple[str, Callable[[dict[str, Any]], list[str]]], ...] = (
    (GITHUB, _github),
    (GITLAB, _gitlab),
)
