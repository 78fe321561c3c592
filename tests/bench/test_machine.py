import os
import re
import subprocess
import sys

from deploy.bench import machine


def test_the_machine_is_named_with_its_cores_its_memory_and_its_load() -> None:
    assert re.fullmatch(r"\d+ cores \(.+\), \d+ GB of memory, load average \d+\.\d", machine.described())


def test_memory_counts_the_children_too() -> None:
    hungry = (
        "held = bytearray(50_000_000); held[::4096] = b'x' * len(held[::4096]); print('ready', flush=True); input()"
    )
    alone = machine.pss_mb((os.getpid(),))
    child = subprocess.Popen([sys.executable, "-c", hungry], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        assert machine.pss_mb((os.getpid(),)) > alone + 40
    finally:
        child.communicate(b"\n")


def test_a_process_that_is_gone_holds_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert machine.pss_mb((child.pid,)) == 0


def test_work_takes_processor_time() -> None:
    before = machine.cpu_s((os.getpid(),))
    sum(number * number for number in range(3_000_000))
    assert machine.cpu_s((os.getpid(),)) > before
