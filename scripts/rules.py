"""Keeps ``rules.lock``: which files each rule set consists of, and whether a change of them changes what they make.

::

    python -m scripts.rules               says what differs from the lock; exit code 1 if anything does
    python -m scripts.rules keep          what has changed makes the same as before
    python -m scripts.rules bump NAME…    what has changed in these sets makes something else; the others keep

The files are derived: a set begins with the module of a producer or of an engine's task, and has all modules of the
package that this one imports, directly or not, except for those that shape nothing (``SHAPE_NOTHING``).
"""

import ast
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from hishamos_pipeline.agents.tasks import TASK_OF
from hishamos_pipeline.authoring import bindings
from hishamos_pipeline.authoring.bindings import BINDINGS
from hishamos_pipeline.blueprints.engine import RULES
from hishamos_pipeline.core.artifacts.items import EDITABLE
from hishamos_pipeline.core.pipeline.rules import LOCK, PACKAGE, RuleSet, digest_of, locked
from hishamos_pipeline.core.text.hashing import content_hash
from hishamos_pipeline.generation.producers.table import PRODUCERS

_NAME = PACKAGE.name
# Rooms and modules that artifacts pass through unchanged: how they are stored, asked for, run, counted and told.
SHAPE_NOTHING = (
    "__init__", "errors", "settings", "store", "llm", "prompts", "workspace",
    "agents/answers", "agents/engine", "agents/registry", "agents/tools", "agents/builtin", "agents/roles",
    "core/actor", "core/clock", "core/machine", "core/pipeline", "core/text/secrets", "core/text/shapes",
    "delivery/hosts", "delivery/remote_git",
    "generation/artifact_storage", "generation/context", "generation/export_policy", "generation/instrumentation",
    "generation/project", "generation/units",
)  # fmt: skip
# A publication is made again when its record has another form, not because the code that talks to a host has changed.
_INSTEAD: Mapping[str, str] = {
    "artifact/github_repository": "core/artifacts/target.py",
    "artifact/gitlab_project": "core/artifacts/target.py",
}
# What a set consists of besides, since it is handed in where it is used, or is no module.
_BESIDES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((f"artifact/{kind}" for kind in EDITABLE), ("generation/revisioning.py",)),
    "artifact/verified_build": ("sandbox/*.py", "toolchains/*.py", "toolchains/popular.txt"),
    "assembly": ("stacks/python/templates/*/*/*", "toolchains/popular.txt"),
}


def derived() -> dict[str, tuple[str, ...]]:
    """The files of every rule set, as the code has them now."""
    roots: dict[str, Iterable[str]] = {}
    for kind, producer in PRODUCERS.items():
        name = f"artifact/{kind}"
        roots[name] = [_INSTEAD.get(name, path_of(producer.produce.__module__))]
    for task, patterns in RULES.items():
        roots[f"blueprint/{task}"] = patterns
    roots["assembly"] = [path_of(bindings.__name__)]
    return {name: files_of([*patterns, *_BESIDES.get(name, ())]) for name, patterns in roots.items()}


def shapes() -> dict[str, str]:
    """The hash of the schema of every answer and draft."""
    return {
        **{f"answer/{kind}": content_hash(task.answer.model_json_schema()) for kind, task in TASK_OF.items()},
        **{f"draft/{name}": content_hash(b.draft.model_json_schema()) for name, b in BINDINGS.items()},
    }


def files_of(patterns: Iterable[str]) -> tuple[str, ...]:
    """The modules that these begin with, all that they import, and the files that match the other patterns.

    Raises:
        LookupError: a pattern matches nothing.
    """
    found: set[str] = set()
    for pattern in patterns:
        matches = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob(pattern) if path.is_file()]
        if not matches:
            raise LookupError(f"{pattern} matches no file")
        for name in matches:
            found |= closure(name) if name.endswith(".py") else {name}
    return tuple(sorted(found))


@cache
def closure(start: str) -> frozenset[str]:
    """A module with all modules of the package that it imports, directly or not, except for what shapes nothing."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found and (name == start or not shapes_nothing(name)):
            found.add(name)
            waiting += imported(name)
    return frozenset(found)


def shapes_nothing(name: str) -> bool:
    """Whether a module is one of those that artifacts pass through unchanged."""
    return any(
        name in (f"{part}.py", f"{part}/__init__.py") or name.startswith(f"{part}/") for part in SHAPE_NOTHING
    )


@cache
def imported(name: str) -> tuple[str, ...]:
    """The modules of the package that a module imports, wherever in it."""
    return tuple(dict.fromkeys(_imported(ast.parse((PACKAGE / name).read_text()))))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.startswith(f"{_NAME}.") and (PACKAGE / path_of(name)).is_file():
                yield path_of(name)


def path_of(module: str) -> str:
    """The path of a module in the package."""
    return module.removeprefix(f"{_NAME}.").replace(".", "/") + ".py"


def current(bumped: Iterable[str] = ()) -> dict[str, RuleSet]:
    """The lock as it has to be; a set that is new or bumped gets its digest for a version."""
    before, made = locked() if LOCK.exists() else {}, {}
    found = {name: RuleSet("", digest_of(files), files) for name, files in derived().items()}
    found |= {name: RuleSet("", digest) for name, digest in shapes().items()}
    for name, item in found.items():
        known = before.get(name)
        version = known.version if known and name not in bumped else item.digest[:16]
        made[name] = RuleSet(version, item.digest, item.files)
    return made


def differences() -> list[str]:
    """What differs from the lock, a line each."""
    now, before = current(), locked()
    lines = [f"{name}: is not in the lock" for name in now.keys() - before.keys()]
    lines += [f"{name}: is no rule set any more" for name in before.keys() - now.keys()]
    for name in now.keys() & before.keys():
        added = sorted({*now[name].files} - {*before[name].files})
        gone = sorted({*before[name].files} - {*now[name].files})
        if added or gone:
            lines.append(f"{name}: {', '.join([*(f'+{f}' for f in added), *(f'-{f}' for f in gone)])}")
        elif now[name].digest != before[name].digest:
            lines.append(f"{name}: contents have changed")
    return sorted(lines)


def write(sets: Mapping[str, RuleSet]) -> None:
    """Write the lock."""
    entries = {
        name: {"version": item.version, "digest": item.digest}
        | ({"files": list(item.files)} if item.files else {})
        for name, item in sorted(sets.items())
    }
    LOCK.write_text(json.dumps(entries, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """The command."""
    match arguments:
        case []:
            print("\n".join(differences()) or "rules.lock is current")
            return 1 if differences() else 0
        case ["keep"]:
            write(current())
        case ["bump", *names] if names and not set(names) - current().keys():
            write(current(names))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
