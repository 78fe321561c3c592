"""What the figures were measured on; memory and processor time of a process and its children. Linux: reads /proc."""

import os
import re
from pathlib import Path

PROC = Path("/proc")


def described() -> str:
    """Cores, processor, memory, and how busy it is at this moment, in one line."""
    cores = len(os.sched_getaffinity(0))
    found = re.search(r"model name\s*: (.+)", (PROC / "cpuinfo").read_text())
    total_kb = int(re.findall(r"MemTotal:\s+(\d+)", (PROC / "meminfo").read_text())[0])
    processor = found[1] if found else "unknown"
    return f"{cores} cores ({processor}), {total_kb / 1e6:.0f} GB of memory, load average {os.getloadavg()[0]:.1f}"


def pss_mb(pids: tuple[int, ...]) -> float:
    """The proportional set size of processes and all below them, in MB: shared pages are counted once in all."""
    return sum(_pss_kb(pid) for pid in _with_descendants(pids)) / 1000


def cpu_s(pids: tuple[int, ...]) -> float:
    """The processor time, in seconds, that processes and all below them have used so far."""
    return sum(_ticks(pid) for pid in _with_descendants(pids)) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    """utime and stime (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0  # it ended in between
    return int(fields[11]) + int(fields[12])


def _pss_kb(pid: int) -> int:
    try:
        return int(re.findall(r"^Pss:\s+(\d+)", (PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)[0])
    except (OSError, IndexError):
        return 0  # it ended in between


def _with_descendants(pids: tuple[int, ...]) -> set[int]:
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            # The program's name may hold anything, so the fields are counted from its closing bracket.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, ())
    return found
