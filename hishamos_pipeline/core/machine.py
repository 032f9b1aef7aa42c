"""Which machine and process this is, and whether another process still lives."""

import os
import socket
from functools import cache
from pathlib import Path
from uuid import getnode


@cache
def machine() -> str:
    """The name of this machine, or container: process numbers of another one mean nothing here."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        # Copies of a machine may share its name.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        namespace, boot = "", f"{getnode():x}"
    return f"{socket.gethostname()}:{boot}{namespace.removeprefix('pid')}"


def process() -> str:
    """The running process, as ``MACHINE:PID``."""
    return f"{machine()}:{os.getpid()}"


def is_dead(name: str) -> bool:
    """Whether a process of this machine has ended; of one of another machine it is never said."""
    host, _, pid = name.rpartition(":")
    if host != machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, and is somebody else's
    return False
