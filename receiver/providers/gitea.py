"""Gitea and Forgejo: `X-Gitea-Signature`, the bare hex HMAC-SHA256 of the raw body.

https://docs.gitea.com/usage/repository/webhooks
https://forgejo.org/docs/latest/user/webhooks/
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, required, urls_of
from receiver.push import Delivery, Ignored, Push, change_of
from receiver.signature import signed_sha256

SIGNATURE = "x-gitea-signature"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature. Without a secret Gitea sends the header with nothing in it."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body."""
    return signed_sha256(delivery.body, secret, signature(delivery))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of a branch or a tag, made, moved or deleted. Raises Unreadable if it names no repository.

    "Test delivery" sends a push of the latest commit, which has not moved.
    """
    if event != "push":
        return Ignored("only push events matter")
    change = change_of(payload.get("ref"), payload.get("before"), payload.get("after"))
    if change.after and change.before == change.after:
        return Ignored("a test delivery: nothing has moved", ping=True)
    urls = urls_of(inner(payload, "repository"), "html_url", "clone_url", "ssh_url")
    return Push(required(urls, "repository"), (change,))
