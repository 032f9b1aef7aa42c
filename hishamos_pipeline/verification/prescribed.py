"""What the brief prescribes, held against the tree: files are there, and names can be imported from where it says."""

import json
import secrets
from pathlib import Path

from hishamos_pipeline.core.artifacts.documents import Architecture, CheckOutcome
from hishamos_pipeline.core.artifacts.prescriptions import Prescriptions, defined_names, is_written_later
from hishamos_pipeline.sandbox.interface import Command
from hishamos_pipeline.verification.running import Runner, tail

# Run outside of pytest, with nothing on the path but the package: what it prints after the mark is believed no further
# than that the names are there.
_IMPORTS = """
import importlib, json, sys
mark, places = sys.argv[1], json.loads(sys.argv[2])
del sys.argv[1:]
missing = []
for module, names in places:
    try:
        found = importlib.import_module(module)
    except Exception as error:
        missing.append(f"{module}: cannot be imported: {type(error).__name__}: {error}")
        continue
    missing += [f"{module}: has no {name}" for name in names if not hasattr(found, name)]
sys.stdout.flush()
print()
print(mark + json.dumps(missing))
"""


async def prescribed(plan: Architecture, paths: frozenset[str], tree: Path, runner: Runner) -> CheckOutcome:
    """What is prescribed is there.

    Args:
        plan: the plan, with the prescriptions.
        paths: all files of the tree.
        tree: the tree.
        runner: runs code on it.
    """
    given = plan.prescriptions
    wanted = [path for path in given.paths if not is_written_later(path)]
    offending = [f"{path}: prescribed, and not there" for path in wanted if not _is_there(path, paths)]
    places = [(item.module, defined_names(item.stub)) for item in given.names]
    if places:
        offending += await _not_importable(plan, places, tree, runner)
    return CheckOutcome(
        name="prescribed", passed=not offending, figure=len(given.paths) + len(places), unit="prescriptions",
        offending=tuple(offending),
    )  # fmt: skip


def is_asked_for(given: Prescriptions) -> bool:
    """Whether there is anything to hold a tree to."""
    return bool(given.paths or given.names)


def _is_there(path: str, paths: frozenset[str]) -> bool:
    return path in paths or any(other.startswith(f"{path}/") for other in paths)


async def _not_importable(
    plan: Architecture, places: list[tuple[str, tuple[str, ...]]], tree: Path, runner: Runner
) -> list[str]:
    mark = f"missing-{secrets.token_hex(8)}:"
    argv = ("python", "-P", "-c", _IMPORTS, mark, json.dumps(places))
    outcome = await runner.start(Command(argv, {"PYTHONPATH": plan.root.rstrip("/") or "."}), tree)
    for line in outcome.output.splitlines():
        if line.startswith(mark):
            files = {plan.module_of(file.path): file.path for file in plan.files}
            missing = [str(text) for text in json.loads(line.removeprefix(mark))]
            return [f"{files.get(text.partition(':')[0], 'the package')}: {text}" for text in missing]
    return [f"the prescribed names could not be looked for: {outcome.ending}: {tail(outcome.output)[-300:]}"]
