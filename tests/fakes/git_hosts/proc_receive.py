"""The proc-receive hook: refuses a push by the rules in GIT_HOSTS_RULES, or lets receive-pack do it.

Runs by itself, without the project: see "proc-receive" in githooks(5) for what is said here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_NOTHING = "0" * 40


def packets() -> Iterator[str | None]:
    """What receive-pack says, line by line; None where it pauses."""
    while size := sys.stdin.buffer.read(4):
        length = int(size, 16)
        yield sys.stdin.buffer.read(length - 4).decode().rstrip("\n") if length else None


def say(lines: Iterable[str]) -> None:
    """Send lines to receive-pack, and a pause."""
    for line in lines:
        raw = line.encode()
        sys.stdout.buffer.write(b"%04x%s" % (len(raw) + 4, raw))
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A git command in the repository that is pushed to."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)


def remember_forced(old: str, new: str, ref: str) -> None:
    """Write down a push that would lose commits."""
    lost = new == _NOTHING or (old != _NOTHING and git("merge-base", "--is-ancestor", old, new).returncode)
    if lost:
        with Path("forced.jsonl").open("a") as file:
            file.write(json.dumps([ref, old, new]) + "\n")


def workflow_in(new: str) -> str:
    """A workflow file that the pushed commits bring."""
    if new == _NOTHING:
        return ""
    brought = git("log", "--format=", "--name-only", new, "--not", "--all", "--", ".github/workflows")
    return brought.stdout.partition("\n")[0]


def refusal(rules: Mapping[str, Any], new: str, ref: str) -> Mapping[str, Any] | None:
    """What is said against one ref."""
    if rules["refuse"] or ref in rules["branches"]:
        said: Mapping[str, Any] = rules["refuse"] or rules["branches"][ref]
        return said
    workflow = "" if rules["workflows"] else workflow_in(new)
    if workflow:
        reason = (
            "refusing to allow a Personal Access Token to create or update workflow "
            f"`{workflow}` without `workflow` scope"
        )
        return {"lines": [], "reason": reason}
    return None


def main() -> None:
    """Hear what is pushed, and answer for each ref; one refused ref refuses all."""
    heard = packets()
    for _ in iter(lambda: next(heard), None):
        pass
    say(["version=1\n"])
    commands = [line.split(" ", 2) for line in iter(lambda: next(heard), None)]
    rules = json.loads(os.environ.get("GIT_HOSTS_RULES", "null"))
    for old, new, ref in commands:
        remember_forced(old, new, ref)
    refused = rules and next(filter(None, (refusal(rules, new, ref) for _, new, ref in commands)), None)
    if refused:
        print("\n".join(refused["lines"]), file=sys.stderr, end="\n" if refused["lines"] else "")
        say(f"ng {ref} {refused['reason']}" for _, _, ref in commands)
    else:
        say(line for _, _, ref in commands for line in (f"ok {ref}", "option fall-through"))


if __name__ == "__main__":
    main()
