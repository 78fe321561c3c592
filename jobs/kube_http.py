"""HTTP to one API server: one session, time-outs, retries that can do no harm, JSON. Knows nothing of objects."""

import asyncio
import random
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

import aiohttp
import msgspec
import orjson
from yarl import URL

from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.errors import KubeError, Overloaded, Refused, Unauthorized, Unreachable
from jobs.kube_auth import Login, basic
from jobs.kube_errors import FOREIGN, error_of, from_exception, never_sent
from jobs.kube_pulse import Pulse

CONNECTIONS = 32
"""Requests at a time to one API server. Watches don't count, or they would use the limit up."""
CONNECT_S = 5.0
TRIES = 4
"""How often a read is sent at most; with the back-off below about 2 s on a server that refuses connections."""
PATIENCE_S = 10.0
"""A longer Retry-After is not waited for here: the error carries it to the run's own back-off."""
LARGE_BYTES = 1_000_000
"""Bodies above are parsed in a thread."""
JITTER = random.SystemRandom()
WARNING = re.compile(r'^\d{3} \S+ "((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")

Guard = Callable[[], None]


class Options(TypedDict, total=False):
    """What a request may carry beside its verb and path."""

    params: Mapping[str, str] | None
    """Query parameters."""
    body: Any
    """Sent as JSON; None: no body."""
    content_type: str
    accept: str | None
    """Default: application/json."""
    timeout_s: float
    """For each try, from connecting to the last byte. Default 30."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What every write and dry run passes."""

    guard: Guard | None = None
    """Called before every try; what it raises ends the request unsent."""
    acts_as: str = ""
    """A user to impersonate; empty: nobody else."""


OPEN = Fence()
"""Everything passes, as ourselves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success of the API server."""

    status: int
    """200, or 201 when the object was created."""
    body: Any = field(repr=False)
    """Decoded JSON. Not in the repr: it may be a Secret."""
    warnings: tuple[str, ...] = ()
    """Texts of the Warning headers: deprecated versions, unknown fields."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must still be true of an object for it to be deleted; None: not asked."""

    uid: str | None = None
    resource_version: str | None = None


class Http:
    """The connection to one API server. Make it inside a running loop; close it."""

    def __init__(
        self, credentials: ClusterCredentials, login: Login, tls: ssl.SSLContext | None, pulse: Pulse | None = None
    ) -> None:
        """pulse: None: the server is asked whether it answered before or not."""
        self.server = credentials.server
        self._login = login
        self._pulse = pulse
        self._server_name = credentials.server_name or None
        proxy = URL(credentials.proxy_url) if credentials.proxy_url else None
        # Kept apart from the address, which errors quote.
        user = proxy.user if proxy else None
        self._proxy_headers = {"Proxy-Authorization": basic(user, proxy.password or "")} if proxy and user else None
        self._proxy = proxy.with_user(None) if proxy else None
        self._turns = asyncio.Semaphore(CONNECTIONS)
        # The server keeps idle connections for 90 s; ours must end earlier, or a write meets a closing one.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls or True, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": "pilothouse"})

    def speaking(self, login: Login) -> "Http":
        """The same connections, as somebody else."""
        other = copy(self)
        other._login = login
        return other

    async def close(self) -> None:
        """Ends the session and its connections."""
        await self._session.close()

    async def request(self, method: str, path: str, fence: Fence = OPEN, **options: Unpack[Options]) -> Answer:
        """The API server's answer; raises the KubeError tree.

        path: already quoted, starting with a slash. fence: for what is no read. Reads and dry runs are tried again on
        Unreachable and Overloaded; writes only when the server can't have carried them out (429, no connection).
        """
        with self._pulse.feel() if self._pulse else nullcontext():
            return await self._tried(method, path, OPEN if method == "GET" else fence, options)

    async def _tried(self, method: str, path: str, fence: Fence, options: Options) -> Answer:
        safe = method == "GET" or (options.get("params") or {}).get("dryRun") == "All"
        tries = 0
        while True:
            if fence.guard:
                fence.guard()
            try:
                return await self._once(method, path, options, fence.acts_as)
            except KubeError as error:
                tries += 1
                delay_s = retry_after(error, tries=tries, safe=safe, roll=JITTER.uniform(0.5, 1.0))
                if isinstance(error, Unauthorized) and tries == 1 and self._login.expire():
                    delay_s = 0.0
                if delay_s is None or self._is_in_vain(error):
                    raise
            await asyncio.sleep(delay_s)

    def _is_in_vain(self, error: KubeError) -> bool:
        """Whether others wait too long already for a server that gives no answer."""
        pulse = self._pulse
        return pulse is not None and isinstance(error, Unreachable) and (pulse.is_silent or pulse.lags)

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str], accept: str, idle_s: float) -> AsyncIterator[Any]:
        """The body of a GET as it comes (`aiohttp.StreamReader`); idle_s: longest silence. Raises KubeError."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=idle_s)
        request = f"GET {path} (watch)"
        try:
            async with self._send("GET", path, {"params": params, "accept": accept}, timeout) as response:
                if response.status != 200:
                    await _decoded(request, response, await response.read())
                if "json" not in response.content_type:
                    raise Unreachable(f"{request}: answered {response.content_type}, not JSON")
                yield response.content
        except FOREIGN as error:
            raise from_exception(request, error) from error
        except Unauthorized:
            self._login.expire()
            raise

    async def _once(self, method: str, path: str, options: Options, acts_as: str) -> Answer:
        timeout = aiohttp.ClientTimeout(total=options.get("timeout_s", 30.0), sock_connect=CONNECT_S)
        request = f"{method} {path}"
        try:
            async with self._turns, self._send(method, path, options, timeout, acts_as) as response:
                raw = await response.read()
        except FOREIGN as error:
            raise from_exception(request, error) from error
        return await _decoded(request, response, raw)

    @asynccontextmanager
    async def _send(
        self, method: str, path: str, options: Options, timeout: aiohttp.ClientTimeout, acts_as: str = ""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": options.get("accept") or "application/json"}
        if authorization := await self._login.header():
            headers["Authorization"] = authorization
        if acts_as:
            headers["Impersonate-User"] = acts_as
        body = options.get("body")
        if body is not None:
            headers["Content-Type"] = options.get("content_type", "application/json")
        async with self._session.request(
            method,
            URL(self.server + path, encoded=True).update_query(options.get("params") or {}),
            data=None if body is None else _encoded(f"{method} {path}", body),
            headers=headers,
            timeout=timeout,
            server_hostname=self._server_name,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
            # An API server redirects nobody; following one would carry the token elsewhere.
            allow_redirects=False,
        ) as response:
            yield response


def retry_after(error: KubeError, *, tries: int, safe: bool, roll: float) -> float | None:
    """Seconds until the same request may be sent again; None: not at all. tries: so far; roll: 0.5..1, for jitter."""
    again = error.status == 429 or never_sent(error) or (safe and isinstance(error, Overloaded | Unreachable))
    if not again or tries >= TRIES or (error.retry_after_s or 0) > PATIENCE_S:
        return None
    # Never earlier than the server asked for.
    return error.retry_after_s + roll if error.retry_after_s else 0.2 * 4 ** (tries - 1) * roll


def _encoded(request: str, body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise Refused(f"{request}: the object can't be written as JSON: {error}") from None


async def _decoded(request: str, response: aiohttp.ClientResponse, raw: bytes) -> Answer:
    """The answer, or its error. Only JSON counts: a login page with status 200 is no answer either."""
    body: Any = None
    if "json" in response.content_type:
        try:
            body = await asyncio.to_thread(_piecewise, raw) if len(raw) > LARGE_BYTES else orjson.loads(raw)
        except ValueError:
            raise Unreachable(f"{request}: the answer is cut off or not JSON", status=response.status) from None
    if response.status >= 400:
        words = body if body is not None else raw[:500].decode(errors="replace")
        raise error_of(request, response.status, words, _retry_after_header(response))
    if body is None or response.status >= 300:
        kind = response.content_type
        raise Unreachable(f"{request}: HTTP {response.status} with {kind}, not an answer of a Kubernetes API server")
    warnings = tuple(
        ESCAPED.sub(r"\1", found[1])
        for text in response.headers.getall("Warning", ())
        if (found := WARNING.match(text))
    )
    return Answer(response.status, body, warnings)


def _piecewise(raw: bytes) -> Any:
    """A large body, a list's items one by one: the parser holds the GIL, so only the gaps between let the loop run."""
    try:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        items = msgspec.json.decode(parts.pop("items"), type=list[msgspec.Raw])
    except (KeyError, msgspec.DecodeError):
        return orjson.loads(raw)
    shell: dict[str, Any] = {key: orjson.loads(memoryview(value)) for key, value in parts.items()}
    return shell | {"items": [orjson.loads(memoryview(item)) for item in items]}


def _retry_after_header(response: aiohttp.ClientResponse) -> float | None:
    """Seconds; the form with a date is not used by Kubernetes."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
