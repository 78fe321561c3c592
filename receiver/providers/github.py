"""GitHub, its Apps and GitHub Enterprise Server: `X-Hub-Signature-256` over the raw body.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, required, urls_of
from receiver.push import Delivery, Ignored, Push, change_of
from receiver.signature import signed_hub

SIGNATURE = "x-hub-signature-256"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature; the old SHA-1 one counts as claimed, and never as right."""
    return delivery.header(SIGNATURE) or delivery.header("x-hub-signature")


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body, with SHA-256: SHA-1 alone proves nothing today."""
    return signed_hub(delivery.body, secret, delivery.header(SIGNATURE))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of a branch or a tag, made, moved or deleted. Raises Unreadable if it names no repository."""
    if event == "ping":
        return Ignored("pong", ping=True)
    if event != "push":
        return Ignored("only push events matter")
    urls = urls_of(inner(payload, "repository"), "html_url", "clone_url", "ssh_url", "git_url")
    change = change_of(payload.get("ref"), payload.get("before"), payload.get("after"))
    return Push(required(urls, "repository"), (change,))
