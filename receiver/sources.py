"""Where deliveries come from, and how many unproven ones of one source are looked at: each costs a body and checks.

A source of which much was refused and nothing true came since waits in line with what it sends next; a delivery that
is verified ends that at once. Nobody's push is dropped for what others send: an address that many share, as that of a
load balancer, counts as no source unless it says for whom it speaks.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from receiver.errors import HeldBack

WINDOW_S = 60.0
MAX_WAIT_S = 5.0
"""Git hosts give up after 10 s."""
MAX_SOURCES = 10_000
MAX_ADDRESS = 50
"""Characters of an IPv6 address in brackets, and a few more."""
Network = IPv4Network | IPv6Network


class Sources:
    """What each source has to its account; in memory, so each receiver has its own."""

    def __init__(
        self, trusted: Iterable[Network], per_minute: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """trusted: proxies whose X-Forwarded-For is believed. per_minute: refusals that cost a source nothing."""
        self._trusted, self._each_s, self._clock = tuple(trusted), WINDOW_S / per_minute, clock
        self._paid_until: dict[str, float] = {}

    def of(self, request: web.Request) -> str:
        """The source of a request; empty: unknown, or shared by many."""
        peer = _address(request.remote or "")
        if peer is None:
            return ""
        if self._is_trusted(peer):
            return self._behind(request.headers.getall("X-Forwarded-For", []))
        return "" if peer.is_private else _name(peer)

    async def turn(self, source: str) -> None:
        """Wait until a delivery of this source may be looked at, mostly no time. Raises HeldBack if that is long."""
        now = self._clock()
        paid_until = self._paid_until.get(source, now)
        wait_s = paid_until - now - WINDOW_S
        if not source or wait_s <= 0:
            return
        if wait_s > MAX_WAIT_S:
            raise HeldBack("too many refused deliveries came from this address; try again", retry_after_s=round(wait_s))
        self._paid_until[source] = paid_until + self._each_s  # its place in the line
        await asyncio.sleep(wait_s)

    def refused(self, source: str) -> None:
        """A delivery of this source was refused."""
        if not source:
            return
        now = self._clock()
        self._paid_until[source] = max(now, self._paid_until.pop(source, now)) + self._each_s
        if len(self._paid_until) > MAX_SOURCES:  # the one that was refused least lately
            del self._paid_until[next(iter(self._paid_until))]

    def verified(self, source: str) -> None:
        """A delivery of this source was true."""
        self._paid_until.pop(source, None)

    def _behind(self, forwarded: list[str]) -> str:
        """The last address that no trusted proxy has: what stands before it may be anything the sender liked.

        https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#selecting_an_ip_address
        """
        for text in reversed(",".join(forwarded).split(",")):
            found = _address(text.strip())
            if found is None:
                return ""
            if not self._is_trusted(found):
                return _name(found)
        return ""

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """`10.0.0.0/8`, or one address. Raises ValueError."""
    return tuple(ip_network(text, strict=False) for text in texts)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    return _read(text) if len(text) <= MAX_ADDRESS else None


@lru_cache(maxsize=1024)
def _read(text: str) -> IPv4Address | IPv6Address | None:
    """The same few addresses come again and again."""
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _name(address: IPv4Address | IPv6Address) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
