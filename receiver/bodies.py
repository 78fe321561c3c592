"""Reading a request's body: raw, once, within a size and a time; aiohttp by itself limits no time."""

import asyncio
from contextlib import nullcontext

from aiohttp import web

from receiver.errors import BadRequest, TooLarge, TooSlow

BODY_TIMEOUT_S = 10.0
BIG_BODY_BYTES = 1_000_000
"""From here on work on a body runs in a thread: hashing and parsing would hold up everybody else."""


async def read_body(request: web.Request, max_bytes: int, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The body as sent. Raises TooLarge (announced or found out), TooSlow, BadRequest for a broken one."""
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes (PILOTHOUSE_MAX_BODY_BYTES)")
    try:
        # Most bodies came with their headers: then nothing is waited for, and no clock is set.
        async with nullcontext() if request.content.is_eof() else asyncio.timeout(timeout_s):
            body = await request.read()
    except TimeoutError:
        raise TooSlow(f"the body did not come within {timeout_s:g} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(f"the body is larger than {max_bytes} bytes (PILOTHOUSE_MAX_BODY_BYTES)") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is broken off or wrongly encoded") from None
    if len(body) > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes")
    return body
