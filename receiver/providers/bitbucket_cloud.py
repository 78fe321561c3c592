"""Bitbucket Cloud: `X-Hub-Signature` over the raw body or, for a hook without a secret, its UUID as in Argo CD.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push
https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, mappings, required, urls_of
from receiver.push import UNKNOWN, Change, Delivery, Ignored, Push, change_of, ref_of
from receiver.signature import same_token, signed_hub

SIGNATURE = "x-hub-signature"
_UUID = "x-hook-uuid"
_WEB = "https://bitbucket.org/"


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature. The UUID is none: every delivery has it."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body or, where nothing is signed, is the hook's UUID.

    Who can see the hook knows its UUID, so it counts for nothing beside a signature.
    """
    if signature(delivery):
        return signed_hub(delivery.body, secret, signature(delivery))
    return same_token(delivery.header(_UUID).strip("{}"), secret.strip(b"{}"))


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of branches or tags, made, moved or deleted. Raises Unreadable if it names no repository."""
    if event != "repo:push":
        return Ignored("only push events matter")
    repository = inner(payload, "repository")
    urls = urls_of(inner(inner(repository, "links"), "html"), "href")
    full_name = repository.get("full_name")
    if isinstance(full_name, str) and full_name:
        urls = tuple(dict.fromkeys((*urls, _WEB + full_name)))
    changes = tuple(map(_change, mappings(inner(payload, "push"), "changes")))
    return Push(required(urls, "repository"), changes or (UNKNOWN,))


def _change(change: Mapping[str, Any]) -> Change:
    """`new` is null for what was deleted, `old` for what was made."""
    old, new = inner(change, "old"), inner(change, "new")
    ref = ref_of((new or old).get("type"), (new or old).get("name"))
    return change_of(ref, inner(old, "target").get("hash"), inner(new, "target").get("hash"))
