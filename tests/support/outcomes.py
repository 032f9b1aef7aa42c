"""What programs came to, kept for one test session: the same command on the same tree runs once."""

import hashlib
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from pathlib import Path

from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Sandbox, Toolchain
from hishamos_pipeline.workspace.disk import replacing

Format = Callable[..., Awaitable[str]]
Run = Callable[[Sandbox, Command, Path, Limits, Toolchain], Awaitable[Outcome]]


def remembering(run: Run, folder: Path) -> Run:
    """The ``run`` of a sandbox that really runs what it has not run before in this session.

    An outcome depends on nothing but the arguments of ``Sandbox.run``, and the tree is left as it was. Hundreds of
    tests build the same few projects; what they test is not how these are run. Outcomes of commands that were stopped
    are not kept.

    Args:
        run: the real one.
        folder: where outcomes are kept, which several processes may share.
    """

    async def remembered(
        sandbox: Sandbox, command: Command, tree: Path, limits: Limits, toolchain: Toolchain
    ) -> Outcome:
        known = folder / _key(command, tree, limits, toolchain)
        if known.exists():
            outcome: Outcome = pickle.loads(known.read_bytes())
            return outcome
        outcome = await run(sandbox, command, tree, limits, toolchain)
        if outcome.exit_code is not None and not outcome.limit:
            folder.mkdir(exist_ok=True)
            with replacing(known) as fresh:
                fresh.write_bytes(pickle.dumps(outcome))
        return outcome

    return remembered


def remembering_texts(run: Format) -> Format:
    """Ruff's answer for a text, which is asked for once in this process."""
    known: dict[tuple[str, ...], str] = {}

    async def remembered(text: str, verb: str, *options: str) -> str:
        key = (text, verb, *options)
        if key not in known:
            known[key] = await run(text, verb, *options)
        return known[key]

    return remembered


def _key(command: Command, tree: Path, limits: Limits, toolchain: Toolchain) -> str:
    digest = hashlib.sha256(
        repr(
            (tuple(command.argv), sorted(command.variables.items()), command.collect, command.writes)
        ).encode()
    )
    digest.update(repr((astuple(limits), str(toolchain.programs), toolchain.folders, toolchain.key)).encode())
    for path in sorted(tree.rglob("*")):
        digest.update(f"\0{path.relative_to(tree)}\0{path.lstat().st_mode}\0".encode())
        if path.is_symlink():
            digest.update(str(path.readlink()).encode())
        elif path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
