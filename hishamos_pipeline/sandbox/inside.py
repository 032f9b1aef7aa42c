"""What happens inside a sandbox: a command runs on a tree, and what it is to hand back is written down.

The script's own standard output is the record of the run; what the command prints goes to standard error. The record is
written beside hostile code, so it is believed only if it is exactly what the script would write: something added to it,
or taken away, makes it worthless.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hishamos_pipeline.sandbox.interface import Command, Outcome, Toolchain
from hishamos_pipeline.sandbox.supervisor import Ended

TREE, WORK, TMP = "/sandbox-tree", "/sandbox-work", "/tmp"  # noqa: S108 - inside the sandbox
SYSTEM_PATH = "/usr/bin:/bin"
UNTRUSTED = "(the record of the run was interfered with)"
_MOST_CHANGED = 50
_STARTED, _END = b"started\n", b"end\n"
_TIME = re.compile(r"(\d{1,6})m(\d{1,2}\.\d{1,9})s")
# $1 where the tree is to be copied from, empty where it lies in the work folder already; $2 the work folder; $3 names
# to collect, one a line; $4 the PATH of the command, which is the rest. Its own programs are the system's.
_SCRIPT = f"""
set -u
PATH={SYSTEM_PATH}; export PATH
source=$1 work=$2 collect=$3 path=$4; shift 4
umask 022
if [ -n "$source" ]; then cp -R -P "$source/." "$work" || exit 125; fi
cd "$work" || exit 125
exec 3>&1 1>&2
echo started >&3
env --default-signal PATH="$path" "$@" 3>&-
code=$?
echo times >&3
times >&3
cd "$work" || exit 125
changed=
if [ -n "$source" ]; then
    changed=$(cd "$source" && LC_ALL=C diff -rq --no-dereference . "$work" 2>&1 | grep -v "^Only in $work" | head -n 60)
fi
printf '%s' "$changed" | {{ while IFS= read -r line || [ -n "$line" ]; do printf 'changed %s\\n' "$line"; done; }} >&3
printf '%s\\n' "$collect" | while IFS= read -r name; do
    if [ -n "$name" ] && [ -f "$name" ] && [ ! -L "$name" ]; then
        size=$(wc -c < "$name")
        printf 'file %s %s\\n' "$size" "$name" >&3
        head -c "$size" "$name" >&3
    fi
done
echo end >&3
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


def programs(toolchain: Toolchain) -> str:
    """The ``PATH`` of a command."""
    return f"{toolchain.programs}:/usr/local/bin:{SYSTEM_PATH}"


def mounts(command: Command, tree: Path, option: str) -> Iterator[str]:
    """Arguments that mount a tree: whole, to be copied, or entry by entry in the work folder, unchangeable."""
    tree = tree.resolve()
    if command.writes:
        yield from (option, str(tree), TREE)
        return
    for entry in sorted(tree.iterdir()):
        if entry.is_symlink():
            continue  # where it leads is nothing of the tree
        yield from (option, str(entry), f"{WORK}/{entry.name}")


@dataclass(slots=True)
class Record:
    """What the script has written: whether it came to the command, and whether the rest can be believed."""

    started: bool = False
    whole: bool = False
    seconds: float = 0.0
    changed: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def script(command: Command, path: str, *, copied_from: str = "", work: str = WORK) -> list[str]:
    """The argv that runs a command in ``work`` with this ``PATH``."""
    return [
        "/bin/sh",
        "-c",
        _SCRIPT,
        "sandbox",
        copied_from,
        work,
        "\n".join(command.collect),
        path,
        *command.argv,
    ]


def outcome(command: Command, ended: Ended) -> Outcome:
    """What the end of the script says of its command."""
    record = read_record(ended.result, command.collect)
    code, limit = ended.code, ended.limit
    # A shell, bwrap and the engines of containers all report a signal as 128 and its number.
    number = -code if code < 0 else code - 128 if 128 < code < 128 + signal.NSIG else 0
    if number == signal.SIGXCPU:
        limit = limit or "CPU time of a process (HISHAMOS_CHECK_CPU_SECONDS)"
    elif number == signal.SIGXFSZ:
        limit = limit or "size of a file (HISHAMOS_CHECK_FILE_MB)"
    killed = bool(limit or number)
    # One that was killed had no time to write it all; one that ended by itself has.
    believed = record.whole or (killed and not record.files)
    return Outcome(
        exit_code=None if killed else code,
        output=ended.output,
        seconds=ended.seconds,
        limit=limit,
        signal=_signal(number),
        cpu_seconds=round(max(ended.cpu_seconds, record.seconds), 3),
        memory_mb=round(ended.memory_mb, 1),
        files=record.files if record.whole else {},
        changed=tuple(record.changed[:_MOST_CHANGED]) if believed else (UNTRUSTED,),
    )


def has_started(ended: Ended) -> bool:
    """Whether the script came to the command; if not, the sandbox itself did not work."""
    return ended.result.startswith(_STARTED)


def read_record(data: bytes, wanted: tuple[str, ...]) -> Record:
    """Read what the script wrote; it is ``whole`` only if there is nothing but that."""
    record = Record(started=data.startswith(_STARTED))
    rest = data[len(_STARTED) :] if record.started else b""
    while rest:
        line, newline, rest = rest.partition(b"\n")
        word, _, value = line.decode(errors="replace").partition(" ")
        if not newline:
            return record
        if word == "times":
            _own, _, rest = rest.partition(b"\n")
            children, _, rest = rest.partition(b"\n")
            record.seconds += _seconds(children.decode(errors="replace"))
        elif word == "changed":
            record.changed.append(_path_of(value))
        elif word == "file":
            size, _, name = value.partition(" ")
            length = int(size) if size.isdigit() and len(size) < 12 else -1
            if length < 0 or length > len(rest) or name not in wanted or name in record.files:
                return record
            record.files[name], rest = rest[:length], rest[length:]
        elif line + newline == _END:
            record.whole = not rest
            return record
        else:
            return record
    return record


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name if number else ""
    return f"signal {number}"


def _seconds(times: str) -> float:
    """User and system time of the shell's children, from what ``times`` prints: ``0m1.250000s 0m0.100000s``."""
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in _TIME.findall(times))


def _path_of(line: str) -> str:
    """The path in a line of ``diff -q``, which runs in the source."""
    if line.startswith("Files ./"):
        return line.removeprefix("Files ./").partition(" and /")[0]
    if line.startswith("Only in ."):
        folder, _, name = line.removeprefix("Only in .").partition(": ")
        return f"{folder}/{name}".lstrip("/")
    return line[:200]
