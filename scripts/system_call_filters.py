"""Compile the sandbox's list of refused system calls with libseccomp: ``python -m scripts.system_call_filters``.

It needs libseccomp (``apt-get install libseccomp2``). The filters are kept in the repository, so that nobody who runs
HishamOS needs it; a test compiles them again and compares.
"""

import errno
import tempfile

import pyseccomp as seccomp  # type: ignore[import-untyped]

from hishamos_pipeline.sandbox import system_calls

_ARCHITECTURES = {"x86_64": seccomp.Arch.X86_64, "aarch64": seccomp.Arch.AARCH64}


def compiled(machine: str) -> bytes:
    """The filter for a machine, as BPF instructions; programs of other architectures are killed."""
    made = seccomp.SyscallFilter(seccomp.ALLOW)
    architecture = _ARCHITECTURES[machine]
    if not made.exist_arch(architecture):
        made.add_arch(architecture)
        made.remove_arch(seccomp.Arch.NATIVE)
    refuse, unknown = seccomp.ERRNO(errno.EPERM), seccomp.ERRNO(errno.ENOSYS)
    for name in system_calls.REFUSED:
        made.add_rule(refuse, name)
    for name in system_calls.UNKNOWN:
        made.add_rule(unknown, name)
    for flag in system_calls.NAMESPACES:
        made.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    for call in ("socket", "socketpair"):
        made.add_rule(refuse, call, seccomp.Arg(0, seccomp.GT, max(system_calls.FAMILIES)))
        for family in {*range(max(system_calls.FAMILIES))} - {*system_calls.FAMILIES}:
            made.add_rule(refuse, call, seccomp.Arg(0, seccomp.EQ, family))
    with tempfile.TemporaryFile() as written:
        made.export_bpf(written)
        written.seek(0)
        return written.read()


def main() -> None:
    """Write the filters beside the list."""
    for machine in system_calls.MACHINES:
        place = system_calls.filter_file(machine)
        assert place is not None
        place.write_bytes(compiled(machine))
        print(f"{place}: {place.stat().st_size} bytes")


if __name__ == "__main__":
    main()
