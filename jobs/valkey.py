"""Connections to Valkey or Redis: addresses, time limits, and one error for every kind of trouble.

What is kept there is jobs/enqueue.py's matter. Addresses hold passwords: neither they nor foreign text get into errors.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr
from redis import exceptions
from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import ExponentialBackoff

from jobs.core.errors import StageError
from jobs.settings import SettingsError

SOCKET_TIMEOUT_S = 5.0
"""Longest silence of the server in seconds; the library has no limit of its own."""
SENTINEL = "redis+sentinel"

T = TypeVar("T")


class QueueDown(StageError):
    """Valkey did not do what was asked in time: down, hung, read-only, full. Nothing is known to be kept."""

    condition = "UnknownError"
    stage = "queue"


async def answered(call: Awaitable[T], limit_s: float) -> T:
    """The answer. Raises QueueDown for every trouble of the library and after `limit_s` seconds."""
    try:
        async with asyncio.timeout(limit_s):
            return await call
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        # Only the kind of the error: its text may repeat what was sent.
        raise QueueDown(f"the queue (Valkey) does not answer: {type(error).__name__}", retry_after_s=5.0) from None


class Subscription:
    """One channel. Its messages get lost now and then, so they are a hint to look and nothing more."""

    def __init__(self, client: Any, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._heard = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Until a message came since the last call, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._heard.wait()
        self._heard.clear()

    async def listen(self) -> None:
        """For ever; subscribes again after every trouble."""
        while True:
            with contextlib.suppress(exceptions.RedisError, OSError):
                await self._listen_once()
            await asyncio.sleep(0.2)

    async def _listen_once(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            self._heard.set()  # something may have been said before
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=SOCKET_TIMEOUT_S)
                if message is not None:
                    self._heard.set()


class _Cancellable:
    """Keeps a cancellation that arrives while a command is sent.

    The library sends inside asyncio.wait_for, which swallows it on Python 3.11 (python/cpython#86296): a renewal, a
    poll, a whole worker would then never end.
    """

    socket_timeout: float | None

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit_s, self.socket_timeout = self.socket_timeout, None  # none: no wait_for
        parent: Any = super()
        try:
            async with asyncio.timeout(limit_s):
                await parent.send_packed_command(command, check_health=check_health)
        except TimeoutError:
            raise exceptions.TimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit_s


class _Tcp(_Cancellable, Connection):
    pass


class _Tls(_Cancellable, SSLConnection):
    pass


class _Unix(_Cancellable, UnixDomainSocketConnection):
    pass


class _BySentinel(_Cancellable, SentinelManagedConnection):
    pass


CANCELLABLE: Mapping[Any, Any] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
    SentinelManagedConnection: _BySentinel,
}


def pool_for(url: SecretStr, *, connections: int, retries: int = 0) -> ConnectionPool:
    """A pool for redis://, rediss://, unix:// or redis+sentinel://host:port,host:port/master-name/db; connects later.

    connections: at most so many; who needs one more waits up to 5 s. retries: of one command after a lost connection.
    Raises SettingsError, without the address, if it is none of these.
    """
    address = url.get_secret_value()
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "health_check_interval": 15,
    }
    if retries:
        options["retry"] = Retry(ExponentialBackoff(cap=1, base=0.05), retries)
        options["retry_on_error"] = [exceptions.ConnectionError, exceptions.TimeoutError, OSError]
    try:
        parts = urlsplit(address)
        if parts.scheme == SENTINEL:
            return _sentinel_pool(parts, options | {"socket_keepalive": True})
        if parts.scheme != "unix":
            options["socket_keepalive"] = True
        options |= {"max_connections": connections, "timeout": SOCKET_TIMEOUT_S}
        pool: ConnectionPool = BlockingConnectionPool.from_url(address, **options)
        pool.connection_class = CANCELLABLE[pool.connection_class]
        return pool
    except (ValueError, TypeError):
        raise SettingsError(
            "PILOTHOUSE_REDIS_URL is not an address like redis://host:6379/0, rediss://..., unix:///path or"
            " redis+sentinel://host:26379,host:26379/master-name/0 (see docs/settings.md)"
        ) from None


def _sentinel_pool(parts: SplitResult, options: dict[str, Any]) -> ConnectionPool:
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    master, _, database = parts.path.strip("/").partition("/")
    if not master:
        raise ValueError("no master name")
    sentinels = [_host_and_port(host) for host in hosts.split(",")]
    options |= {"username": unquote(user) or None, "password": unquote(password) or None, "db": int(database or 0)}
    sentinel: Any = Sentinel  # untyped in the library, as is the pool
    pool: Any = SentinelConnectionPool
    made: ConnectionPool = pool(master, sentinel(sentinels, **options), **options)
    made.connection_class = CANCELLABLE[made.connection_class]
    return made


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or 26379
