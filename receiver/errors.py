"""What the receiver answers when it says no: one tree, each kind with its HTTP status and a word for the metrics.

ReceiverError               one clear sentence for the caller, without secrets or bodies
|-- DeliveryError           a delivery that is not taken
|   |-- UnknownHost 400, Unsigned 401, Forged 401, NoSecret 401, Unreadable 400
|-- TooLarge 413, TooSlow 408, HeldBack 429
|-- BadRequest 400, Unauthenticated 401, Forbidden 403, Missing 404, Busy 409, Expired 410
|-- Taken 409, Changed 409, Outdated 412, Invalid 422, Unguarded 428: an Application that can't be written like this
|-- NotNow 409              what is asked for would be undone at once; the sentence says what to do instead
|-- Unavailable 503         Valkey or the API server is away; Retry-After
|   |-- QueueAway           the push is remembered and marked later
|   |-- TooMany             so many streams are open that there is room for no other
|-- Unanswerable 422        the worker's own refusal
|-- NoAnswer 504            the worker, or the API server, did not answer in time
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field or parameter that is wrong."""

    field: str
    """Its path as people write it: `spec.source.path`, `limit`."""
    detail: str


class ReceiverError(Exception):
    """A refusal: becomes problem details (https://www.rfc-editor.org/rfc/rfc9457) with this status and sentence."""

    status = 500
    title = "Internal error"
    outcome = "error"

    def __init__(self, detail: str, *, retry_after_s: int | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.errors = tuple(errors)


class DeliveryError(ReceiverError):
    """A delivery that is not taken: nothing was marked."""


class UnknownHost(DeliveryError):
    """No header of a known Git host."""

    status, title, outcome = 400, "Unknown Git host", "unknown_host"


class Unsigned(DeliveryError):
    """A secret is configured, but the delivery carries no signature or token."""

    status, title, outcome = 401, "Signature missing", "unsigned"


class Forged(DeliveryError):
    """The signature or token fits no secret that may speak for this repository."""

    status, title, outcome = 401, "Signature wrong", "forged"


class NoSecret(DeliveryError):
    """There is no secret to check the delivery with, and unsigned ones are not allowed."""

    status, title, outcome = 401, "No secret configured", "no_secret"


class Unreadable(DeliveryError):
    """Verified, but no JSON, or not what the host documents."""

    status, title, outcome = 400, "Payload not readable", "unreadable"


class TooLarge(ReceiverError):
    """The body is over the limit."""

    status, title, outcome = 413, "Body too large", "too_large"


class TooSlow(ReceiverError):
    """The body did not come in time."""

    status, title, outcome = 408, "Body too slow", "too_slow"


class HeldBack(ReceiverError):
    """So much from this source was refused lately that the line is too long; nothing of the delivery was read."""

    status, title, outcome = 429, "Too many refused deliveries", "held_back"


class BadRequest(ReceiverError):
    """A parameter or body field that makes no sense; the sentence names it."""

    status, title, outcome = 400, "Bad request", "bad_request"


class Unauthenticated(ReceiverError):
    """No token, or one the cluster does not know."""

    status, title, outcome = 401, "Not authenticated", "unauthenticated"


class Forbidden(ReceiverError):
    """Known, but not allowed; the sentence names the missing permission."""

    status, title, outcome = 403, "Not allowed", "forbidden"


class Missing(ReceiverError):
    """No such Application."""

    status, title, outcome = 404, "Not found", "missing"


class Busy(ReceiverError):
    """An operation is running already."""

    status, title, outcome = 409, "Busy", "busy"


class NotNow(ReceiverError):
    """It can be done, but not as the Application is now."""

    status, title, outcome = 409, "Not as it is now", "not_now"


class Taken(ReceiverError):
    """There is an Application of that name."""

    status, title, outcome = 409, "Exists already", "taken"


class Changed(ReceiverError):
    """Somebody else changed the Application since it was read: by the version in the body."""

    status, title, outcome = 409, "Changed meanwhile", "changed"


class Outdated(ReceiverError):
    """The same, by If-Match."""

    status, title, outcome = 412, "Changed meanwhile", "outdated"


class Invalid(ReceiverError):
    """The Application makes no sense, or its project does not allow it; `errors` names every field."""

    status, title, outcome = 422, "Application not valid", "invalid"


class Unguarded(ReceiverError):
    """A change that does not say what it changes: it could overwrite somebody else's."""

    status, title, outcome = 428, "Say what you change", "unguarded"


class Expired(ReceiverError):
    """A continue token that is too old."""

    status, title, outcome = 410, "Expired", "expired"


class Unavailable(ReceiverError):
    """Something Pilothouse stands on is away."""

    status, title, outcome = 503, "Not available", "unavailable"


class QueueAway(Unavailable):
    """Valkey did not take the mark in time; the receiver remembers it."""

    outcome = "remembered"


class TooMany(Unavailable):
    """There is no room for another stream."""

    outcome = "too_many"


class Unanswerable(ReceiverError):
    """A worker looked, and could not tell: the chart is broken, a cluster is away. Its own sentence says so."""

    status, title, outcome = 422, "Cannot be shown", "unanswerable"


class NoAnswer(ReceiverError):
    """Something Pilothouse stands on did not answer in time."""

    status, title, outcome = 504, "No answer", "no_answer"
