"""What happens inside a sandbox: the tree is copied, the command runs, and what it is to hand back is packed.

The script's own standard output carries a tar archive; what the command prints goes to standard error. The archive
was written beside hostile code: it is read as such.
"""

import io
import re
import signal
import tarfile
from collections.abc import Sequence
from contextlib import suppress

from hishamos_pipeline.sandbox.interface import Command, Outcome
from hishamos_pipeline.sandbox.supervisor import Ended

SOURCE, WORK, TMP = "/sandbox-tree", "/sandbox-work", "/tmp"  # noqa: S108 - inside the sandbox
_CHANGED, _TIMES = ".hishamos-changed", ".hishamos-times"
_MOST_CHANGED = 50
_TIME = re.compile(r"(\d{1,6})m(\d{1,2}\.\d{1,9})s")
# $1 source, $2 work, $3 names to collect, separated by lines; the rest is the command.
_SCRIPT = f"""
set -u
source=$1 work=$2 collect=$3; shift 3
umask 022
cp -R -P "$source/." "$work" || exit 125
cd "$work" || exit 125
exec 3>&1 1>&2
"$@" 3>&-
code=$?
times > "$work/{_TIMES}"
cd "$work" 2>/dev/null || exit $code
(cd "$source" && LC_ALL=C diff -rq --no-dereference . "$work" 2>&1 | grep -v "^Only in $work") > {_CHANGED} 3>&-
printf '%s\\n' "$collect" {_CHANGED} {_TIMES} |
    LC_ALL=C tar --create --file=- --files-from=- --ignore-failed-read >&3 2>/dev/null
exit $code
"""
CLEAN = {
    "HOME": TMP,
    "TMPDIR": TMP,
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


def script(command: Command, source: str = SOURCE, work: str = WORK) -> list[str]:
    """The argv that runs a command on a copy of ``source`` in ``work``."""
    return ["/bin/sh", "-c", _SCRIPT, "sandbox", source, work, "\n".join(command.collect), *command.argv]


def outcome(command: Command, ended: Ended) -> Outcome:
    """What the end of the script says of its command."""
    files = _unpacked(ended.result, (*command.collect, _CHANGED, _TIMES))
    used = max(ended.cpu_seconds, _seconds(files.pop(_TIMES, b"").decode(errors="replace")))
    changed = files.pop(_CHANGED, b"").decode(errors="replace").splitlines()
    code, limit = ended.code, ended.limit
    # A shell, bwrap and the engines of containers all report a signal as 128 and its number.
    number = -code if code < 0 else code - 128 if 128 < code < 128 + signal.NSIG else 0
    if number == signal.SIGXCPU:
        limit = limit or "CPU time of a process (HISHAMOS_CHECK_CPU_SECONDS)"
    elif number == signal.SIGXFSZ:
        limit = limit or "size of a file (HISHAMOS_CHECK_FILE_MB)"
    killed = bool(limit or number)
    return Outcome(
        exit_code=None if killed else code,
        output=ended.output,
        seconds=ended.seconds,
        limit=limit,
        signal=_signal(number),
        cpu_seconds=round(used, 3),
        memory_mb=round(ended.memory_mb, 1),
        files=files,
        changed=tuple(_path_of(line) for line in changed[:_MOST_CHANGED]),
    )


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name if number else ""
    return f"signal {number}"


def _seconds(times: str) -> float:
    """User and system time of the shell's children, from what ``times`` prints: ``0m1.250000s 0m0.100000s``."""
    found = _TIME.findall(times.splitlines()[-1] if times.strip() else "")
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in found)


def _unpacked(archive: bytes, wanted: Sequence[str]) -> dict[str, bytes]:
    """The files that were asked for; an archive that cannot be read holds none."""
    found: dict[str, bytes] = {}
    with (
        suppress(tarfile.TarError, EOFError, ValueError, OSError),
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened,
    ):
        for member in opened:
            stream = opened.extractfile(member) if member.isreg() and not member.issparse() else None
            if stream is not None and member.name in wanted:
                found[member.name] = stream.read()
    return found


def _path_of(line: str) -> str:
    """The path in a line of ``diff -q``, which runs in the source."""
    if line.startswith("Files ./"):
        return line.removeprefix("Files ./").partition(" and /")[0]
    if line.startswith("Only in ."):
        folder, _, name = line.removeprefix("Only in .").partition(": ")
        return f"{folder}/{name}".lstrip("/")
    return line[:200]
