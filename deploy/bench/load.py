"""`python -m deploy.bench.load --seconds 60 --rate 2000`: how many deliveries one receiver takes, and how fast.

One receiver process on one core, a durable Valkey and the senders on the others, loopback; no cluster and no worker, so
that nothing but the door is measured. Prints one table.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop
from redis.asyncio import Redis

from deploy.bench import machine
from deploy.bench.figures import percentile
from deploy.bench.senders import Answers, Senders, requests
from deploy.demo.processes import Child, ChildError, free_port
from deploy.demo.valkey import Valkey

AIM_RATE, AIM_P99_S, AIM_GROWTH_MB = 2000.0, 0.05, 5.0
DIFFERENT = 1000
"""Deliveries that differ in more than their id."""
WARM_S = 5.0
"""Memory is counted from then on."""
LOOK_S = 5.0
KUBECONFIG = {
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
}
"""The receiver takes deliveries while the API server is away, given a secret by its settings."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    answers: Answers
    seconds: float
    cpu_s: float
    """Processor time of the receiver."""
    memory_mb: Sequence[float]
    """Of the receiver, every few seconds after it was warm."""
    load_average: float

    @property
    def rate(self) -> float:
        """Deliveries answered with 202, each second."""
        return self.answers.statuses[202] / self.seconds

    def rows(self) -> list[tuple[str, str, bool]]:
        """What is printed: name, value, and whether it is as good as it shall be."""
        late = self.answers.latencies_s
        others = sum(self.answers.statuses.values()) - self.answers.statuses[202] + self.answers.broken
        p99, growth = percentile(late, 0.99), self.memory_mb[-1] - self.memory_mb[0]
        return [
            ("deliveries answered with 202, each second", f"{self.rate:.0f}", self.rate >= AIM_RATE * 0.995),
            ("answered otherwise or not at all", f"{others}", others == 0),
            ("due, but no connection was free", f"{self.answers.unsent}", self.answers.unsent == 0),
            ("time to 202, p50", f"{1000 * percentile(late, 0.5):.1f} ms", True),
            ("time to 202, p99", f"{1000 * p99:.1f} ms", p99 <= AIM_P99_S),
            ("time to 202, longest", f"{1000 * max(late):.1f} ms", True),
            ("receiver, share of one core", f"{100 * self.cpu_s / self.seconds:.0f} %", True),
            ("receiver, time of one delivery", f"{1000 * self.cpu_s / len(late):.3f} ms", True),
            ("receiver, memory at first", f"{self.memory_mb[0]:.1f} MB", True),
            ("receiver, memory at last", f"{self.memory_mb[-1]:.1f} MB", growth <= AIM_GROWTH_MB),
            ("load average at the end", f"{self.load_average:.1f}", True),
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 all as good as it shall be, 1 not, 2 something did not start."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long; 600 shows whether memory is flat")
    parser.add_argument("--rate", type=float, default=AIM_RATE, help="deliveries each second; 0: as many as it takes")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--bytes", type=int, default=10_000, help="size of a body")
    options = parser.parse_args(arguments)
    write = sys.stdout.write
    write(f"{machine.described()} before the start\n")
    try:
        measured = uvloop.run(_measured(options))
    except ChildError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    rows = measured.rows()
    for name, value, good in rows:
        write(f"{name:<45}{value:>14}{'' if good else '   <- not as good as it shall be'}\n")
    return 0 if all(good for *_, good in rows) else 1


async def _measured(options: argparse.Namespace) -> Measured:
    secret = secrets.token_urlsafe(24)
    senders = Senders(
        requests(DIFFERENT, options.bytes, secret.encode()), connections=options.connections, rate=options.rate
    )
    with tempfile.TemporaryDirectory(prefix="pilothouse-load-") as name:
        folder = Path(name)
        valkey = Valkey(folder)
        await valkey.start()
        port = free_port()
        receiver = await _receiver(folder, valkey.url, secret, port)
        cores = os.sched_getaffinity(0)
        try:
            _part(cores, receiver.pid, valkey.child.pid)
            before_s, memory_mb = _cpu_s(receiver.pid), list[float]()
            looking = asyncio.create_task(_look(receiver.pid, valkey.url, memory_mb))
            seconds = await senders.run("127.0.0.1", port, options.seconds)
            looking.cancel()
            memory_mb.append(machine.pss_mb((receiver.pid,)))
            spent_s = _cpu_s(receiver.pid) - before_s
            return Measured(senders.answers, seconds, spent_s, memory_mb, os.getloadavg()[0])
        finally:
            os.sched_setaffinity(0, cores)
            await receiver.stop(within_s=5.0)
            await valkey.stop()


async def _receiver(folder: Path, redis_url: str, secret: str, port: int) -> Child:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")} | {
        "KUBECONFIG": str(kubeconfig),
        "PILOTHOUSE_REDIS_URL": redis_url,
        "PILOTHOUSE_LISTEN": f"127.0.0.1:{port}",
        "PILOTHOUSE_WEBHOOK_GITHUB_SECRET": secret,
    }
    log = folder / "receiver.log"
    child = await Child.start("receiver", [sys.executable, "-m", "receiver"], log=log, env=environment)
    await child.ready(lambda: _answers(f"http://127.0.0.1:{port}/healthz"))
    return child


async def _look(pid: int, redis_url: str, memory_mb: list[float]) -> None:
    """Note the receiver's memory, and play the worker that was woken, so that it is woken again."""
    await asyncio.sleep(WARM_S)
    async with Redis.from_url(redis_url) as client:
        while True:
            memory_mb.append(machine.pss_mb((pid,)))
            await client.delete("{wq}:woken")
            await asyncio.sleep(LOOK_S)


def _part(cores: set[int], receiver: int, valkey: int) -> None:
    """One core for the receiver, the others for everybody else: that is what is promised."""
    if len(cores) > 1:
        first = min(cores)
        os.sched_setaffinity(receiver, {first})
        for pid in (valkey, 0):
            os.sched_setaffinity(pid, cores - {first})


def _cpu_s(pid: int) -> float:
    fields = (machine.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
