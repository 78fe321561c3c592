"""Deliveries from tests/deliveries, and the ways tests change them."""

import hashlib
import hmac
from pathlib import Path

from receiver.push import Delivery

SECRET = b"open-sesame-42"
ROOT = Path(__file__).parent.parent / "deliveries"
CASES = sorted(str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/*/body"))


def recorded(case: str) -> Delivery:
    """A delivery as its host sent it."""
    lines = (ROOT / case / "headers").read_text().splitlines()
    pairs = (line.split(": ", 1) for line in lines)
    return Delivery({name.lower(): value for name, value in pairs}, (ROOT / case / "body").read_bytes())


def changed(delivery: Delivery, *, body: bytes | None = None, **headers: str | None) -> Delivery:
    """With another body or other headers (underscores for dashes, None takes one away); signatures stay."""
    found = dict(delivery.headers)
    for name, value in headers.items():
        found.pop(name.replace("_", "-"), None)
        if value is not None:
            found[name.replace("_", "-")] = value
    body = delivery.body if body is None else body
    return Delivery({**found, "content-length": str(len(body))}, body)


def signed(delivery: Delivery, body: bytes, secret: bytes = SECRET) -> Delivery:
    """With another body, signed as the host would."""
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers: dict[str, str] = {}
    if "x-hub-signature-256" in delivery.headers:
        headers["x_hub_signature_256"] = f"sha256={signature}"
    if "x-gitea-signature" in delivery.headers:
        headers["x_gitea_signature"] = signature
    return changed(delivery, body=body, **headers)
