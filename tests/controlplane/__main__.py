"""`python -m tests.controlplane build | run [--dir DIR]`: the test control plane from the command line."""

import argparse
import asyncio
import os
import select
import signal
import sys
from pathlib import Path

from tests.controlplane import binaries, builder
from tests.controlplane.say import say


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return {"build": _build, "run": _run, "kubelet": _kubelet}[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="find the programs, or build them once (about 10 minutes)")
    run = commands.add_parser("run", help="start a control plane, print its kubeconfig, stay until Ctrl-C")
    run.add_argument("--dir", type=Path, help="folder of its kubeconfig, logs and data (default: a temporary one)")
    run.add_argument("--while-pid", type=int, help="also end when the process of this id ends")
    kubelet = commands.add_parser("kubelet", help="the fake kubelet alone; `run` starts one")
    kubelet.add_argument("kubeconfig", type=Path)
    return parser


def _build(_: argparse.Namespace) -> int:
    try:
        if not os.environ.get("KUBEBUILDER_ASSETS"):
            builder.build()
        found = binaries.find()
    except (builder.BuildError, binaries.BinariesMissingError) as error:
        return _complain(f"the test control plane cannot be built: {error}")
    except KeyboardInterrupt:
        return _complain("interrupted: the next build goes on from here")
    if found.missing:
        say(found.missing)
    say(f"the test control plane is ready: {found.apiserver[0]}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from tests.controlplane.plane import ControlPlane, PlaneError

    wakeups = _wakeups(options.while_pid)
    try:
        with ControlPlane(options.dir) as plane:
            say(f"export KUBECONFIG={plane.kubeconfig}")
            select.select(wakeups, [], [])
    except (PlaneError, binaries.BinariesMissingError) as error:
        return _complain(str(error))
    return 0


def _wakeups(pid: int | None) -> list[int]:
    """File descriptors that get readable when it is time to end: SIGINT, SIGTERM, or process `pid` is gone."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return [reader] if pid is None else [reader, os.pidfd_open(pid)]


def _kubelet(options: argparse.Namespace) -> int:
    from tests.controlplane import kubelet

    asyncio.run(kubelet.run(options.kubeconfig))
    return 0


def _complain(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
