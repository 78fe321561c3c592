"""Gogs: `X-Gogs-Signature`, the bare hex HMAC-SHA256 of the raw body.

https://gogs.io/docs/features/webhook
https://github.com/gogs/docs-api/blob/master/Repositories/Webhooks.md
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, required, urls_of
from receiver.push import Change, Delivery, Ignored, Push, change_of, ref_of
from receiver.signature import signed_sha256

SIGNATURE = "x-gogs-signature"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature. Without a secret Gogs sends the header with nothing in it."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body."""
    return signed_sha256(delivery.body, secret, signature(delivery))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of a branch or a tag, made, moved or deleted. Raises Unreadable if it names no repository.

    Gogs calls only a moved branch a push. A tag comes as `create`, and whatever is deleted as `delete`.
    """
    change = _change(event, payload)
    if change is None:
        return Ignored("only push events matter")
    if change.after and change.before == change.after:
        return Ignored("a test delivery: nothing has moved", ping=True)
    urls = urls_of(inner(payload, "repository"), "html_url", "clone_url", "ssh_url")
    return Push(required(urls, "repository"), (change,))


def _change(event: str, payload: Mapping[str, Any]) -> Change | None:
    """What moved; None if nothing did, or if a push event of its own tells it (a branch that was made)."""
    if event == "push":
        return change_of(payload.get("ref"), payload.get("before"), payload.get("after"))
    kind = payload.get("ref_type")
    if event == "delete" or (event == "create" and kind == "tag"):
        return change_of(ref_of(kind, payload.get("ref")), None, payload.get("sha"))
    return None
