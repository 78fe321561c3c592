"""`python -m deploy.demo [--check]`: set the stage, tell the story, then stay up to be played with until Ctrl-C.

CLUSTER says where: sandbox (in memory, the default), real (the test control plane), current (the kubeconfig's).
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from deploy.demo.access import AccessError
from deploy.demo.cluster import ClusterError
from deploy.demo.places import PLACES, Declined, Place
from deploy.demo.playground import commands
from deploy.demo.processes import ChildError
from deploy.demo.scene import Scene, StoryError
from deploy.demo.stage import Stage
from deploy.demo.story import STORY
from deploy.demo.terminal import Terminal
from deploy.demo.watch import NotSeen
from deploy.demo.working_copy import GitFailed

INTERRUPTED = 130
"""Exit code of a program that a Ctrl-C ended."""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 all was seen (or the person had enough), 1 something else was seen, 130 ended while telling."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="end after the story: 0 if all of it was seen, else 1")
    options = parser.parse_args(arguments)
    where = os.environ.get("CLUSTER") or "sandbox"
    if where not in PLACES:
        parser.error(f"CLUSTER={where} is none of {', '.join(PLACES)}")
    try:
        return asyncio.run(_until_told(where, check=options.check))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _until_told(where: str, *, check: bool) -> int:
    """The whole show; SIGTERM ends it as Ctrl-C does, so that everything started is stopped."""
    show = asyncio.current_task()
    assert show is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, show.cancel)
    terminal = Terminal()
    with tempfile.TemporaryDirectory(prefix="pilothouse-demo-", ignore_cleanup_errors=True) as folder:
        try:
            return await _show(where, Path(folder), terminal, check=check)
        except (Declined, AccessError, ClusterError, ChildError) as error:
            terminal.say(f"The demo cannot start: {error}")
            return 1


async def _show(where: str, folder: Path, terminal: Terminal, *, check: bool) -> int:
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(PLACES[where](folder, terminal))
        settings = {
            "PILOTHOUSE_NAMESPACES": place.home,
            "PILOTHOUSE_INSTALLATION": "demo",
        }
        with terminal.waiting("starting Valkey, a Git server, the receiver and a worker"):
            up = Stage.up(kubeconfig=place.kubeconfig, settings=settings, folder=folder / "stage")
            stage = await stack.enter_async_context(up)
        terminal.title(place.name, time.monotonic() - started)
        if not await _tell(stage, place, terminal):
            return 1
        if not check:
            terminal.playground(commands(stage))
            await _enough()
    return 0


async def _tell(stage: Stage, place: Place, terminal: Terminal) -> bool:
    """Tell every step; False at the first that was not seen, which has been shown then."""
    started = time.monotonic()
    try:
        async with Scene.on(stage, place.image) as scene:
            for number, step in enumerate(STORY, 1):
                terminal.step(number, step)
                told = step.play(scene)
                while True:
                    with terminal.waiting("watching the cluster"):
                        line = await anext(told, None)
                    if line is None:
                        break
                    terminal.told(line)
    except StoryError as error:
        terminal.failed(error.expected, error.seen, stage.last_lines())
        return False
    except (ClusterError, GitFailed, NotSeen, OSError) as error:
        terminal.failed("the step goes through", f"{type(error).__name__}: {error}", stage.last_lines())
        return False
    terminal.happy_end(time.monotonic() - started)
    return True


async def _enough() -> None:
    """Until Ctrl-C or SIGTERM, which now is a good end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
