"""Which system calls generated code may not make, for bubblewrap as a compiled filter and for podman as a profile.

The list is as short as it can be: what reaches out of the sandbox, what has often been a way into the kernel, what
takes memory that no limit counts, and what changes another process. Everything that Python and its tools need stays.
The filters beside this module are made from the list by ``python -m scripts.system_call_filters``.
"""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Refused with "operation not permitted".
REFUSED = (
    # Keys of the user, and of the kernel.
    "add_key", "request_key", "keyctl",
    # Looking into other processes and changing them.
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise",
    # Ways into the kernel.
    "userfaultfd", "perf_event_open", "bpf", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "quotactl", "quotactl_fd", "syslog",
    # Mounts and namespaces.
    "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree",
    "mount_setattr", "unshare", "setns",
    # The machine.
    "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
    "setdomainname", "personality",
    # Memory that belongs to no process: System V's.
    "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl",
)  # fmt: skip
# Refused as if the kernel did not have them: programs fall back on others.
UNKNOWN = (
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    # Files in memory outside every file system, whose size is limited.
    "memfd_create", "memfd_secret",
    # Its flags lie in memory, where a filter cannot read them; the C library then uses clone.
    "clone3",
)  # fmt: skip
# Bits of the first argument of clone that make a namespace; see clone(2).
NAMESPACES = (
    0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
# The families of addresses that sockets may be of: local ones, both of the internet, and netlink, by which the C
# library asks for interfaces; see address_families(7).
FAMILIES = (1, 2, 10, 16)
MACHINES = ("x86_64", "aarch64")
_ENGINES_PROFILES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))


def filter_file(machine: str = "") -> Path | None:
    """The compiled filter for a machine, by default for this one; ``None`` for a machine that there is none for."""
    name = machine or platform.machine()
    if name not in MACHINES:
        return None
    return Path(__file__).parent / "filters" / f"{name}.bpf"


def container_profile() -> dict[str, Any] | None:
    """The profile that podman ships with, without what is refused here; ``None`` where it ships with none."""
    for place in _ENGINES_PROFILES:
        if place.is_file():
            return narrowed(json.loads(place.read_text()))
    return None


def narrowed(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile of the OCI runtime specification, which allows by name, without what is refused here."""
    # Programs of 32 bits ask for sockets and memory of System V by other names.
    taken = {*REFUSED, *UNKNOWN, "clone", "socket", "socketpair", "socketcall", "ipc", "umount"}
    rules = [
        {**rule, "names": [name for name in rule["names"] if name not in taken]}
        for rule in profile["syscalls"]
    ]
    no_namespace = {"index": 0, "value": sum(NAMESPACES), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules += [
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_namespace]},
        *(
            {"names": ["socket", "socketpair"], "action": "SCMP_ACT_ALLOW", "args": [_equals(family)]}
            for family in FAMILIES
        ),
        {"names": [*UNKNOWN], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "errno": "ENOSYS"},
    ]
    maps = [{**found, "subArchitectures": []} for found in profile.get("archMap", [])]
    return {**profile, "archMap": maps, "syscalls": [rule for rule in rules if rule["names"]]}


def _equals(value: int) -> dict[str, Any]:
    return {"index": 0, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}
