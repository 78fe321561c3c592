"""The one table from what comes back, or doesn't, to the error tree of jobs/core/errors.py.

An answer only counts as the API server's when it is a `Status` object: a proxy's HTML 404 must not read as "the object
is not there". Messages hold the verb, the path and the server's words; never a body or a header.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiohttp
from aiohttp import http_exceptions

from jobs.core.errors import (
    Conflict,
    Gone,
    KubeError,
    NotFound,
    Overloaded,
    Refused,
    Unauthorized,
    Unreachable,
    shortened,
)

BY_STATUS: Mapping[int, type[KubeError]] = {
    400: Refused,
    401: Unauthorized,
    403: Refused,
    404: NotFound,
    405: Refused,
    406: Refused,
    409: Conflict,
    410: Gone,
    413: Refused,
    415: Refused,
    422: Refused,
    429: Overloaded,
    500: Overloaded,
    503: Overloaded,
    504: Overloaded,
}
"""HTTP code of a Status object -> error. An unlisted 4xx is Refused, an unlisted 5xx Overloaded."""

BY_BARE_STATUS: Mapping[int, type[KubeError]] = {
    401: Unauthorized,
    403: Refused,
    413: Refused,
    429: Overloaded,
    503: Overloaded,
}
"""The same for an answer that is no Status object, so perhaps a proxy's; everything else is Unreachable."""

PERMANENT_500 = (
    "failed to create typed patch object",  # wrong types, unknown fields, duplicate list keys
    "failed to convert new object",  # quantities, times, base64 that can't be parsed
    "etcdserver: request is too large",
)
"""Words of a 500 that mean the object is wrong: the same request fails again (measured on 1.36)."""

PATCH_FAILED = "the server rejected our request due to an error in our request"

BY_EXCEPTION: tuple[tuple[type[Exception], type[KubeError]], ...] = (
    (aiohttp.InvalidURL, Refused),
    (aiohttp.NonHttpUrlClientError, Refused),
    (aiohttp.ClientError, Unreachable),
    (http_exceptions.HttpProcessingError, Unreachable),
    (TimeoutError, Unreachable),
    (OSError, Unreachable),
)
"""What aiohttp and the socket raise -> error; the first match counts."""

FOREIGN = tuple(kind for kind, _ in BY_EXCEPTION)

VALUES = re.compile(
    r"(Invalid value:|Unsupported value:|Duplicate value:|valueUnstructured|, got |found in #|\.\.\.\|).*", re.S
)
"""Where the API server's words begin to quote the object."""


def error_of(request: str, status: int, body: Any, retry_after_s: float | None = None) -> KubeError:
    """The error for an answer >= 400. request: verb and path; body: its decoded JSON, or its text when it is none."""
    if not (isinstance(body, Mapping) and body.get("kind") == "Status"):
        return _bare(request, status, body, retry_after_s)
    message, reason = str(body.get("message") or ""), str(body.get("reason") or "")
    kind = BY_STATUS.get(status) or (Refused if status < 500 else Overloaded)
    if status == 500 and any(words in message for words in PERMANENT_500):
        kind = Refused
    if reason == "Expired":
        kind = Gone
    details = body.get("details") or {}
    if retry_after_s is None:
        retry_after_s = _seconds(details.get("retryAfterSeconds"))
    text = f"{request}: {masked_words(request, message) or reason or f'HTTP {status}'}"
    error = kind(text, status=status, reason=reason, retry_after_s=retry_after_s)
    error.causes = () if _is_about_secrets(request, message) else tuple(_causes(details))
    return error


def from_exception(request: str, error: Exception) -> KubeError:
    """The error for a request without a usable answer. error: an instance of one of FOREIGN."""
    kind = next(ours for foreign, ours in BY_EXCEPTION if isinstance(error, foreign))
    return kind(f"{request}: {_words(error) or 'the connection broke'} ({type(error).__name__})")


def never_sent(error: KubeError) -> bool:
    """Whether the server can't have seen the request, so that even a write may be sent again."""
    return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def is_failed_test(error: Refused, operations: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a JSON patch failed at a `test`: other refusals are described, of this one it says no more (1.36)."""
    tests = any(one.get("op") == "test" for one in operations)
    return error.status == 422 and PATCH_FAILED in error.message and tests


def masked_words(request: str, message: str) -> str:
    """The server's message; for Secrets cut before it quotes a value, since errors reach logs and status."""
    return VALUES.sub(r"\1 (value withheld)", message) if _is_about_secrets(request, message) else message


def _is_about_secrets(request: str, message: str) -> bool:
    return bool(re.search(r"/api/v1/(namespaces/[^/]+/)?secrets\b", request)) or "Kind=Secret" in message


def _causes(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with each field (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/)."""
    for cause in details.get("causes") or ():
        if isinstance(cause, Mapping) and cause.get("field"):
            yield str(cause["field"]), str(cause.get("message") or cause.get("reason") or "")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # In full, this one repeats the address with all its parameters.
    return shortened(error.message if isinstance(error, aiohttp.ClientResponseError) else str(error), 300)


def _bare(request: str, status: int, body: Any, retry_after_s: float | None) -> KubeError:
    text = body if isinstance(body, str) else ""
    if status == 404 and text.strip() == "404 page not found":
        return NotFound(f"{request}: the API server does not serve this path", status=status)
    kind = BY_BARE_STATUS.get(status, Unreachable)
    return kind(
        f"{request}: HTTP {status}, not an answer of a Kubernetes API server",
        status=status,
        retry_after_s=retry_after_s,
    )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
