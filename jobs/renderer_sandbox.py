"""What a renderer process may not do: use the network, see the worker's environment, outlive it, or use too much.

Child side, called once before Helm's library is loaded: a Go runtime has threads, and most of this must come first.
Charts are data, not programs, but they reach a large Go library; none of this trusts it to have no holes.
"""

import ctypes
import os
import platform
import resource
import signal
import socket
import sys
from dataclasses import dataclass

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SECCOMP_MODE_FILTER = 2

# Classic BPF, https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
ARCHITECTURE_AT, NUMBER_AT = 4, 0
X32 = 0x40000000
"""System call numbers from here on are a second entrance on x86-64."""
ARCHITECTURES = {
    "x86_64": (0xC000003E, (41, 53, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 199, 117, 270, 271, 425)),
}
"""Audit number, and the calls that are refused: socket, socketpair, ptrace, process_vm_readv/writev, io_uring_setup."""

CPU_PER_SECOND = 4
"""CPU seconds a render may use per second of its time limit (Go's collector has threads of its own)."""
MAX_FILE = 128 << 20
"""Bytes of one written file."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """How to confine."""

    parent: int
    """Process id of the worker."""
    scratch: str
    """An empty folder of this pool's own; also where each process's stderr goes, as `<pid>.err`."""
    memory_mb: int


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def confine(confinement: Confinement) -> None:
    """Give up everything a render does not need. Raises OSError where the kernel refuses what is indispensable."""
    _clean(confinement)
    _limit(confinement.memory_mb)
    libc = ctypes.CDLL(None, use_errno=True)
    # An own network namespace, where the kernel allows it; the filter below is what is relied on.
    libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    _refuse_calls(libc)
    die_with_parent(libc, confinement.parent)


def die_with_parent(libc: ctypes.CDLL, parent: int) -> None:
    """Be killed when the parent is: a template may loop for ever. The parent may be gone already: then end now."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def has_network() -> bool:
    """Whether a socket can still be had, as on a machine this file has no filter for."""
    try:
        socket.socket().close()
    except OSError:
        return False
    return True


def limit_cpu(timeout_s: float) -> None:
    """Bound the CPU time of the next render; the parent's clock comes first unless it is gone."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + CPU_PER_SECOND * timeout_s) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _clean(confinement: Confinement) -> None:
    """No variables, files or folder of the worker's."""
    _wipe_environment()
    os.environ.update(
        PATH="/usr/bin:/bin",
        HOME=confinement.scratch,
        TMPDIR=confinement.scratch,
        LANG="C.UTF-8",
        GOTRACEBACK="none",
        # Soft: collect harder before the address space is used up. The runtime's own mappings are not part of it.
        GOMEMLIMIT=f"{confinement.memory_mb // 3}MiB",
    )
    os.chdir(confinement.scratch)
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(f"{confinement.scratch}/{os.getpid()}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for target, source in ((0, null), (1, null), (2, errors)):
        os.dup2(source, target)
    os.close(null)
    os.close(errors)


def _wipe_environment() -> None:
    """Unset every variable and overwrite the memory behind /proc/self/environ, where passwords would stay readable."""
    os.environ.clear()
    try:
        with open("/proc/self/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: env_start and env_end are fields 50 and 51
        start, end = int(fields[47]), int(fields[48])
    except (OSError, IndexError, ValueError):
        return
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)


def _limit(memory_mb: int) -> None:
    size = memory_mb << 20
    for what, limit in (
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_FSIZE, MAX_FILE),
    ):
        _, hard = resource.getrlimit(what)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (allowed, allowed))


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """Install the filter; child processes and threads inherit it. Elsewhere than on Linux x86-64 and arm64: nothing."""
    known = ARCHITECTURES.get(platform.machine())
    if known is None or sys.platform != "linux":
        return
    architecture, refused = known
    steps = [(LOAD_WORD, 0, 0, ARCHITECTURE_AT), (JUMP_EQUAL, 1, 0, architecture), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD_WORD, 0, 0, NUMBER_AT), (JUMP_GREATER_EQUAL, 0, 1, X32), (RETURN, 0, 0, REFUSE)]
    for number in refused:
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    steps.append((RETURN, 0, 0, ALLOW))
    filters = (_Filter * len(steps))(*(_Filter(*step) for step in steps))
    program = _Program(len(steps), filters)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
