"""Real worker processes on a real Valkey: started, woken, told to stop, killed; and Valkey killed under them."""

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from arq import ArqRedis, func
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.enqueue import ARQ_QUEUE, DESERIALIZER, JOB, SERIALIZER, Mark, Queue
from jobs.valkey import pool_for
from jobs.worker import WakingWorker, running
from tests.valkey import Valkey, until

LEASE_S = 2.0


class Worker:
    """One process of tests/jobs/a_worker.py."""

    def __init__(self, valkey: Valkey, command: tuple[str, ...], **environment: str) -> None:
        self.valkey = valkey
        self._command = command
        self._environment = environment
        self.process: Any = None
        self.log = bytearray()

    async def start(self) -> "Worker":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            env={
                "PATH": os.environ["PATH"],
                "PILOTHOUSE_REDIS_URL": self.valkey.url.get_secret_value(),
                "PILOTHOUSE_LEASE_S": str(LEASE_S),
                "PILOTHOUSE_WORKER_LISTEN": "127.0.0.1:0",
                "PILOTHOUSE_CONCURRENCY": "4",
                **self._environment,
            },
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        while chunk := await self.process.stderr.read(65536):
            self.log += chunk

    def tell(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            await self._reader
            return int(await self.process.wait())

    async def notes(self) -> list[str]:
        """`begin KEY`, `end KEY` and so on, without the process ids."""
        async with self.valkey.client() as client:
            return [" ".join(note.decode().split()[:2]) for note in await client.lrange("notes", 0, -1)]

    async def noted(self, note: str, times: int = 1, within_s: float = 15.0) -> None:
        async def is_there() -> bool:
            return (await self.notes()).count(note) >= times

        try:
            await until(is_there, within_s=within_s)
        except TimeoutError:
            raise AssertionError(f"no {note!r} in {await self.notes()}; log: {self.log.decode()[-2000:]}") from None


@pytest.fixture
async def workers(valkey: Valkey) -> AsyncIterator[Callable[..., Worker]]:
    """Makes workers on the shared Valkey and ends them all."""
    made: list[Worker] = []

    def make(server: Valkey = valkey, command: tuple[str, ...] = ("-m", "tests.jobs.a_worker"), **env: str) -> Worker:
        made.append(Worker(server, command, **env))
        return made[-1]

    yield make
    for worker in made:
        if worker.process.returncode is None:
            worker.process.kill()
        await worker.ended()


@pytest.fixture
async def queue(valkey: Valkey) -> AsyncIterator[Queue]:
    queue = Queue(valkey.url, lease_s=LEASE_S)
    yield queue
    await queue.close()


def a_mark(key: str = "apps/web", **given: Any) -> Mark:
    return Mark("application", key, "push", **given)


async def test_a_worker_runs_what_is_marked_and_stops_when_told(workers: Callable[..., Worker], queue: Queue) -> None:
    await queue.mark([a_mark(f"apps/{n}") for n in range(30)])
    worker = await workers().start()
    for n in range(30):
        await worker.noted(f"end apps/{n}")
    await queue.mark(a_mark("apps/late"))
    await worker.noted("end apps/late")

    worker.tell(signal.SIGTERM)
    assert await worker.ended() == 0
    assert (await queue.state()).running == 0
    assert b"failed" not in worker.log, worker.log.decode()


async def test_sigterm_lets_runs_end_and_claims_nothing_more(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers().start()
    await queue.mark(a_mark("apps/slow", hints={"work_s": "1"}))
    await worker.noted("begin apps/slow")
    worker.tell(signal.SIGTERM)
    await until(lambda: b"worker stopping" in worker.log)
    await queue.mark(a_mark("apps/late"))

    assert await worker.ended() == 0
    assert "end apps/slow" in await worker.notes()
    assert "begin apps/late" not in await worker.notes()
    assert await queue.dirty("application", "apps/late")
    assert not await queue.dirty("application", "apps/slow")


async def test_a_second_sigterm_hands_the_runs_back_at_once(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers().start()
    await queue.mark(a_mark("apps/slow", hints={"work_s": "600"}))
    await worker.noted("begin apps/slow")
    worker.tell(signal.SIGTERM)
    await until(lambda: b"worker stopping" in worker.log)
    worker.tell(signal.SIGTERM)

    assert await worker.ended() == 0
    claim = await queue.claim()
    assert claim is not None
    assert (claim.key, claim.why, claim.hints["work_s"]) == ("apps/slow", "push", "600")


async def test_a_killed_workers_claim_is_taken_up_by_another(workers: Callable[..., Worker], queue: Queue) -> None:
    first, second = await workers().start(), workers()
    await queue.mark(a_mark("apps/slow", hints={"work_s": "600"}))
    await first.noted("begin apps/slow")
    first.tell(signal.SIGKILL)
    await first.ended()
    await second.start()
    await second.noted("begin apps/slow", times=2, within_s=15)


async def test_a_bug_in_a_handler_is_logged_and_does_not_spin(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers().start()
    await queue.mark(a_mark("apps/bad", hints={"bug": "yes"}))
    await worker.noted("begin apps/bad", times=2)
    await until(lambda: worker.log.count(b"run failed by a bug") >= 2)
    assert b'"key":"apps/bad"' in worker.log
    assert b"a bug" in worker.log
    assert (await worker.notes()).count("begin apps/bad") == 2


async def test_everything_is_marked_when_valkey_was_emptied(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers().start()
    await worker.noted("end apps/everything")
    await queue.mark(a_mark("apps/slow", hints={"work_s": "600"}))
    await worker.noted("begin apps/slow")
    epoch = (await queue.state()).epoch
    assert epoch

    async with worker.valkey.client() as client:
        await client.flushall()
    await worker.noted("end apps/everything")

    async def is_new() -> bool:
        return (await queue.state()).epoch not in ("", epoch)

    await until(is_new)
    await until(lambda: b"claim lost" in worker.log)
    assert (await queue.state()).running == 0, "the run under way ended"


async def test_a_worker_survives_the_death_of_valkey(workers: Callable[..., Worker], own_valkey: Valkey) -> None:
    worker = await workers(own_valkey).start()
    queue = Queue(own_valkey.url, lease_s=LEASE_S)
    await worker.noted("end apps/everything")
    for n in range(3):
        own_valkey.kill()
        own_valkey.start()
        await queue.mark(a_mark(f"apps/{n}"))
        await worker.noted(f"end apps/{n}")
    await worker.noted("everything", times=2)
    own_valkey.freeze()
    await asyncio.sleep(0.2)
    own_valkey.thaw()
    await queue.mark(a_mark("apps/thawed"))
    await worker.noted("end apps/thawed")
    await queue.close()
    worker.tell(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_a_worker_stops_when_told_although_valkey_is_gone(
    workers: Callable[..., Worker], own_valkey: Valkey
) -> None:
    worker = await workers(own_valkey).start()
    await worker.noted("end apps/everything")
    own_valkey.kill()
    worker.tell(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_arqs_own_command_works_the_same_queue_off(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers(command=("-m", "arq", "tests.jobs.a_worker.WorkerSettings")).start()
    for n in range(2):
        await queue.mark([a_mark(f"apps/{n}"), a_mark(f"apps/{n}-later", due_in_s=0.1)])
        await worker.noted(f"end apps/{n}")
        await worker.noted(f"end apps/{n}-later")
    worker.tell(signal.SIGTERM)
    await worker.ended()
    assert (await queue.state()).running == 0


async def test_nobody_runs_code_in_a_worker_through_valkey(workers: Callable[..., Worker], queue: Queue) -> None:
    worker = await workers().start()
    await worker.noted("end apps/everything")
    async with worker.valkey.client() as client:
        await client.psetex("arq:job:evil", 60_000, pickle.dumps({"t": 1, "f": JOB, "a": (), "k": {}, "et": 1}))
        await client.zadd("pilothouse:arq", {"evil": 1})
        await client.publish("{wq}:wake", b"1")
    await until(lambda: b"deserializing job evil failed" in worker.log)
    assert b"msgspec" in worker.log
    await queue.mark(a_mark())
    await worker.noted("end apps/web")


class Breaking(ArqRedis):
    """A client that loses its connection just when arq starts jobs."""

    breaks = 5

    def pipeline(self, *arguments: Any, **options: Any) -> Any:
        if self.breaks:
            self.breaks -= 1
            raise RedisConnectionError
        return super().pipeline(*arguments, **options)


async def test_lost_connections_do_not_use_up_arqs_slots(valkey: Valkey, queue: Queue) -> None:
    ran = asyncio.Event()

    async def job(_: Any) -> None:
        ran.set()

    wanted: Any = job
    pool = Breaking(pool_for(valkey.url, connections=4))
    worker = WakingWorker(
        [func(wanted, name=JOB)], redis_pool=pool, queue_name=ARQ_QUEUE, max_jobs=1, handle_signals=False,
        job_serializer=SERIALIZER, job_deserializer=DESERIALIZER,
    )  # fmt: skip
    worker.wake_ups = queue.wake_ups()
    await queue.wake()
    polling = asyncio.create_task(worker.main())
    async with asyncio.timeout(10):
        await ran.wait()
    await until(lambda: worker.job_counter == 0)
    assert pool.breaks == 0
    polling.cancel()
    await asyncio.gather(polling, *worker.tasks.values(), return_exceptions=True)
    await pool.aclose(close_connection_pool=True)


async def test_probes_tell_health_and_the_depth_of_the_queue(
    workers: Callable[..., Worker], queue: Queue, unused_tcp_port: int
) -> None:
    worker = await workers(PILOTHOUSE_WORKER_LISTEN=f"127.0.0.1:{unused_tcp_port}").start()
    await queue.mark(a_mark())
    await worker.noted("end apps/web")
    await queue.mark(a_mark("apps/later", due_in_s=600))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        wanted = (
            'pilothouse_queue_depth{lane="later"} 1.0',
            'pilothouse_runs_total{kind="application",outcome="done"}',  # counted a moment after the run's end
            "pilothouse_queue_up 1.0",
        )

        async def shown() -> bool:
            async with session.get("/metrics") as answer:
                text = await answer.text()
            return all(line in text for line in wanted)

        await until(shown)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PILOTHOUSE_WORKER_LISTEN", "nowhere"),
        ("PILOTHOUSE_REDIS_URL", "redis://:hunter2@host:hunter2"),
        ("PILOTHOUSE_LEASE_S", "0"),
    ],
)
async def test_a_wrong_setting_fails_the_start_and_is_named(
    workers: Callable[..., Worker], variable: str, value: str
) -> None:
    worker = await workers(command=("-m", "jobs"), **{variable: value}).start()
    assert await worker.ended() == 1
    assert variable.encode() in worker.log
    assert b"hunter2" not in worker.log
    assert b"Traceback" not in worker.log


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with running({"stubborn": stubborn}):
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_a_task_that_ends_or_fails_is_started_again() -> None:
    starts = 0

    async def fickle() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise RuntimeError("a bug")

    async with running({"fickle": fickle}):
        await until(lambda: starts == 2)


async def test_sigterm_during_the_start_ends_it(workers: Callable[..., Worker]) -> None:
    worker = await workers(A_WORKER_START_S="60").start()
    await worker.noted("starting")
    worker.tell(signal.SIGTERM)
    assert await worker.ended() == 0
    assert (await worker.notes())[-1] == "closed", "what was built so far is taken down"
