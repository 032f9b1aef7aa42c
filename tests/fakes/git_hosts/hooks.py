"""Pushes that the hosts refuse, in the hosts' own words.

GitHub gives some reasons in the status of the ref alone, with no ``remote:`` line, which a pre-receive hook cannot do:
the refusing is done by git's proc-receive hook, which lets every push that nothing is said against fall through to
receive-pack itself.
"""

import json
import shlex
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

DECLINED = "pre-receive hook declined"


@dataclass(frozen=True)
class Refusal:
    """The lines that a client sees after ``remote:``, and the reason in brackets behind the ref."""

    lines: tuple[str, ...] = ()
    reason: str = DECLINED


_REFUSALS = {
    "workflow_scope": Refusal(
        reason="refusing to allow a Personal Access Token to create or update workflow "
        "`.github/workflows/ci.yml` without `workflow` scope"
    ),
    "GH001": Refusal(
        (
            "error: Trace: 5e0b1d9f1f0c4a1e8d6b1d3d9d1f7b5a",
            "error: See https://gh.io/lfs for more information.",
            "error: File data/big.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB",
            "error: GH001: Large files detected. You may want to try Git Large File Storage - "
            "https://git-lfs.github.com.",
        )
    ),
    "github_protected": Refusal(
        (
            "error: GH006: Protected branch update failed for refs/heads/main.",
            "",
            "- Changes must be made through a pull request.",
        ),
        "protected branch hook declined",
    ),
    "GH013": Refusal(
        (
            "error: GH013: Repository rule violations found for refs/heads/main.",
            "",
            "- GITHUB PUSH PROTECTION",
            "  —————————————————————————————————————————",
            "    Resolve the following violations before pushing again",
            "",
            "    - Push cannot contain secrets",
        ),
        "push declined due to repository rule violations",
    ),
    "gitlab_protected": Refusal(
        ("GitLab: You are not allowed to push code to protected branches on this project.",)
    ),
}


@dataclass
class Rules:
    """What a push is judged by: refused outright, on some branches, or for holding workflows."""

    refuse: Refusal | None = None
    branches: dict[str, Refusal] = field(default_factory=dict)
    workflows: bool = True

    def dumped(self) -> str:
        """The rules for the hook's environment."""
        return json.dumps(asdict(self))


def refusal(kind: str, lines: tuple[str, ...] = ()) -> Refusal:
    """A vendor's refusal by its name, or one in the caller's own words when lines are given."""
    return Refusal(lines) if lines else _REFUSALS[kind]


def write_hooks(folder: Path) -> Path:
    """The folder with the hook, for ``core.hooksPath``."""
    folder.mkdir(parents=True)
    hook = folder / "proc-receive"
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("proc_receive.py"))]
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    hook.chmod(0o755)
    return folder
