"""Bitbucket Data Center and Server: `X-Hub-Signature`, in spite of its name with SHA-256.

https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, mappings, required, urls_of
from receiver.push import UNKNOWN, Change, Delivery, Ignored, Push, change_of
from receiver.signature import signed_hub

SIGNATURE = "x-hub-signature"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body, with SHA-256."""
    return signed_hub(delivery.body, secret, signature(delivery))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of branches or tags, made, moved or deleted. Raises Unreadable if it names no repository."""
    if event == "diagnostics:ping":
        return Ignored("pong", ping=True)
    if event != "repo:refs_changed":
        return Ignored("only push events matter")
    links = inner(inner(payload, "repository"), "links")
    urls = dict.fromkeys(
        url for kind in ("clone", "self") for link in mappings(links, kind) for url in urls_of(link, "href")
    )
    changes = tuple(map(_change, mappings(payload, "changes")))
    return Push(required(tuple(urls), "repository"), changes or (UNKNOWN,))


def _change(change: Mapping[str, Any]) -> Change:
    """The ref's full name stands in it twice; the short one in old versions only."""
    ref = inner(change, "ref").get("id") or change.get("refId")
    return change_of(ref, change.get("fromHash"), change.get("toHash"))
