"""Any other host, or a script: `{"repository": ..., "ref": ..., "after": ...}`, signed in one of two common ways.

Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) is the better one, since it also signs the
time; `X-Hub-Signature-256` is easier to make in a shell. Whoever sends one of these, or `X-Pilothouse-Event`, and no
header of a known host is taken for this (docs/webhooks.md).
"""

from collections.abc import Mapping
from typing import Any

from receiver import standard_webhooks
from receiver.payload import required, urls_of
from receiver.push import Delivery, Ignored, Push, change_of
from receiver.signature import signed_hub

SIGNATURE = "webhook-signature or x-hub-signature-256"
_HUB = "x-hub-signature-256"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature."""
    return delivery.header(standard_webhooks.SIGNATURE) or delivery.header(_HUB)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body. If both signatures are there, the one that holds a time must fit."""
    if delivery.header(standard_webhooks.SIGNATURE):
        return standard_webhooks.signed(delivery, secret)
    return signed_hub(delivery.body, secret, delivery.header(_HUB))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push; `ref` (in full: `refs/heads/main`) and `after` may be missing. Raises Unreadable without repository.

    Without the header `X-Pilothouse-Event` it is a push.
    """
    if event == "ping":
        return Ignored("pong", ping=True)
    if event not in ("", "push"):
        return Ignored("only push events matter")
    change = change_of(payload.get("ref"), None, payload.get("after"))
    return Push(required(urls_of(payload, "repository"), "repository"), (change,))
