"""`python -m deploy.sandbox --port N --kubeconfig FILE`: serve a sandbox until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import pathlib
import signal
import sys

from deploy.sandbox import Config, Sandbox


async def main(port: int, kubeconfig: pathlib.Path | None, config: Config) -> None:
    """Serve until told to stop; the kubeconfig is written once the API answers."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with Sandbox.serve(port, config) as sandbox:
        if kubeconfig is not None:
            sandbox.kubeconfig(kubeconfig)
        sys.stdout.write(f"Kubernetes API in memory at {sandbox.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox", description="A Kubernetes API in memory.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--kubeconfig", type=pathlib.Path, help="write an admin's kubeconfig to this file")
    parser.add_argument("--rollout", type=float, default=0.2, help="seconds until a pod is ready")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.kubeconfig, Config(rollout_s=arguments.rollout)))
