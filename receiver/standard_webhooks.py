"""Standard Webhooks: one signature over id, time and body, so that an old delivery cannot be sent again later.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#verifying-signatures
"""

import base64
import hashlib
import hmac

from receiver.errors import Forged
from receiver.push import Delivery

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_S = 300
"""What the specification's own libraries allow. Later, a delivery may be somebody's copy."""
_SECRET, _VERSION = b"whsec_", "v1,"
MAX_TIMESTAMP = 12
"""Digits: enough for 30,000 years, and few enough for `int`."""


def signed(delivery: Delivery, secret: bytes) -> bool:
    """Whether one of the signatures is this secret's: there are two while the sender changes its secret.

    Only `v1` counts, the HMAC-SHA256 of `<id>.<timestamp>.<body>`. Raises Forged, which says so, if the time is too far
    from ours: that is a clock to set right, not a secret.
    """
    key, sent_id, timestamp = _key(secret), delivery.header(ID), delivery.header(TIMESTAMP)
    _require_recent(timestamp, delivery.received_at)
    if not key or not sent_id:
        return False
    text = _bytes(f"{sent_id}.{timestamp}.") + delivery.body
    digest = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
    claims = (claim for claim in delivery.header(SIGNATURE).split() if claim.startswith(_VERSION))
    return any(hmac.compare_digest(digest, _bytes(claim.removeprefix(_VERSION))) for claim in claims)


def _require_recent(timestamp: str, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= MAX_TIMESTAMP):
        raise Forged(f"the {TIMESTAMP} header is no unix time in seconds")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise Forged(f"the {TIMESTAMP} header is more than {TOLERANCE_S} s away from the time here; look at the clocks")


def _key(secret: bytes) -> bytes:
    """The secret's bytes: `whsec_` and base64 is how they are written, anything else is taken as it is."""
    if not secret.startswith(_SECRET):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except ValueError:
        return b""


def _bytes(text: str) -> bytes:
    """Header text as the bytes it came in."""
    return text.encode("utf-8", "surrogateescape")
