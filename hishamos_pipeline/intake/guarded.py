"""Briefs of strangers are read in a process of their own, which is ended when it takes too long or too much memory."""

import json
import os
import resource
import subprocess
import sys

from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.brief import AcceptedBrief, read_document
from hishamos_pipeline.settings import Settings

_MEMORY_BYTES = 2**30
_COMMAND = ("-m", "hishamos_pipeline.intake.guarded")
_ADVICE = "Shorten it, or submit it at the command line."
# A reader needs no secret of this process.
_HANDED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")


def read_guarded(raw: bytes, name: str, settings: Settings) -> AcceptedBrief:
    """Validate a brief as ``read_document`` does, within limits of time and memory.

    Args:
        raw: the brief's bytes, UTF-8.
        name: the file's name, whose suffix tells the format; may be empty.
        settings: limits of briefs.

    Raises:
        IdeaError: names the field at fault and what to do; or reading has taken more than it may.
    """
    most = (str(settings.max_brief_bytes), str(settings.max_features))
    command, seconds = [sys.executable, "-P", *_COMMAND, name, *most], settings.brief_seconds
    environment = {key: os.environ[key] for key in _HANDED_ON if key in os.environ}
    try:
        done = subprocess.run(
            command, input=raw, capture_output=True, timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        problem = f"takes longer than {seconds:g} seconds to read (HISHAMOS_BRIEF_SECONDS)"
        raise IdeaError("brief", problem, _ADVICE) from None
    if done.returncode:
        raise IdeaError("brief", f"cannot be read: its reader ended with {done.returncode}", _ADVICE)
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise IdeaError(*answer["error"])
    return AcceptedBrief(Idea.model_validate(answer["idea"]), names_key=answer["names_key"])


def _main(name: str, max_bytes: str, max_features: str) -> None:
    """What the process does: read standard input, and write the idea or the error as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    raw = sys.stdin.buffer.read()
    try:
        read = read_document(raw, name, max_bytes=int(max_bytes), max_features=int(max_features))
        answer: object = {"idea": read.idea.model_dump(mode="json"), "names_key": read.names_key}
    except IdeaError as error:
        answer = {"error": [error.field, error.problem, error.fix]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
