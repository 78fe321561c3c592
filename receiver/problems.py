"""Every refusal becomes problem details, in one place; and every request is counted.

https://www.rfc-editor.org/rfc/rfc9457. Texts of unexpected errors never reach the caller: they may hold anything.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from jobs.core.errors import Conflict, Gone, KubeError, NotFound, Overloaded, Refused, Unreachable, shortened
from jobs.enqueue import QueueDown
from receiver.errors import (
    BadRequest,
    Busy,
    Expired,
    FieldError,
    Missing,
    NoAnswer,
    ReceiverError,
    Unauthenticated,
    Unavailable,
)
from receiver.metrics import Metrics

log = structlog.get_logger()

RETRY_AFTER_S = 5
MAX_FOREIGN = 300
"""Characters of the API server's own words that are passed on."""
KUBE: tuple[tuple[type[KubeError], type[ReceiverError], str], ...] = (
    (NotFound, Missing, "there is no such Application"),
    (Conflict, Busy, "the Application was changed at the same time; try again"),
    (Gone, Expired, "the continue token is too old; start the list again"),
    (Overloaded, Unavailable, "the API server is overloaded; try again"),
    (Unreachable, Unavailable, "the API server cannot be reached; try again"),
)
"""The driver's errors as the caller sees them; what the caller asked for may be refused by its
content, anything else means that Pilothouse's own account was refused."""


def middleware(metrics: Metrics) -> Middleware:
    """Turns every error into an answer, and counts."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _problem(error.status, error.reason, "", headers=_allow(error))
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                log.exception("request failed", route=_route(request), method=request.method)
                refusal = ReceiverError("something went wrong inside Pilothouse; its log says more")
            response = problem_of(refusal)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        metrics.requests.labels(_route(request), _method(request), str(response.status)).inc()
        return response

    return answer


def refusal_of(error: Exception) -> ReceiverError | None:
    """What an expected error means to the caller; None: it is a bug."""
    if isinstance(error, ReceiverError):
        return error
    if isinstance(error, QueueDown):
        return Unavailable("the queue cannot be reached; try again", retry_after_s=RETRY_AFTER_S)
    if isinstance(error, TimeoutError):
        return NoAnswer("no answer came in time; try again")
    if isinstance(error, KubeError):
        for kind, refusal, sentence in KUBE:
            if isinstance(error, kind):
                return refusal(sentence, retry_after_s=RETRY_AFTER_S if refusal is Unavailable else None)
        if isinstance(error, Refused) and error.status in (400, 422):
            return BadRequest(f"the API server does not accept this: {shortened(error.message, MAX_FOREIGN)}")
        log.error("the API server refused the receiver", status=error.status, reason=error.reason)
        return Unavailable("the API server refused the receiver's own account; its log says more")
    return None


def problem_of(error: ReceiverError) -> web.Response:
    """The answer to a refusal."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="pilothouse"'
    return _problem(error.status, error.title, error.detail, error.errors, headers=headers)


def _problem(
    status: int, title: str, detail: str, errors: Iterable[FieldError] = (), *, headers: dict[str, str]
) -> web.Response:
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = [asdict(error) for error in errors]
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


def _allow(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}


def _route(request: web.Request) -> str:
    """The route's pattern, not the path: names of Applications are no labels."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def _method(request: web.Request) -> str:
    return request.method if request.method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} else "other"
