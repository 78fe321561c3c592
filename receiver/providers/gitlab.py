"""GitLab: a signing token (Standard Webhooks), or the secret itself in `X-Gitlab-Token`.

Hooks of projects, groups and the whole instance.
https://docs.gitlab.com/user/project/integrations/webhooks/
https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
https://docs.gitlab.com/administration/system_hooks/
"""

from collections.abc import Mapping
from typing import Any

from receiver import standard_webhooks
from receiver.payload import inner, mappings, required, urls_of
from receiver.push import Change, Delivery, Ignored, Push, change_of
from receiver.signature import same_token

SIGNATURE = "x-gitlab-token or webhook-signature"
_TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
_ADDRESSES = ("git_http_url", "git_ssh_url", "url", "ssh_url", "http_url")
_PUSHES = ("push", "tag_push", "repository_update")


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its signature or token."""
    return delivery.header(standard_webhooks.SIGNATURE) or delivery.header(_TOKEN)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether this secret signed the body or, where nothing is signed, is the token.

    A token beside a signature counts for nothing: whoever has seen it could send another body with it.
    """
    if delivery.header(standard_webhooks.SIGNATURE):
        return standard_webhooks.signed(delivery, secret)
    return same_token(delivery.header(_TOKEN), secret)


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of branches or tags, made, moved or deleted. Raises Unreadable if it names no repository.

    What happened stands in the body too, and only there for a system hook.
    """
    kind = payload.get("event_name") or payload.get("object_kind")
    if event not in ("Push Hook", "Tag Push Hook", "System Hook") or kind not in _PUSHES:
        return Ignored("only push events matter")
    urls = (
        *urls_of(inner(payload, "project"), "web_url", *_ADDRESSES),
        *urls_of(inner(payload, "repository"), "homepage", *_ADDRESSES),
    )
    return Push(required(tuple(dict.fromkeys(urls)), "project"), _changes(payload))


def _changes(payload: Mapping[str, Any]) -> tuple[Change, ...]:
    """One, or those of `repository_update`, which tells of all refs of a push at once."""
    each = mappings(payload, "changes") or (payload,)
    return tuple(change_of(item.get("ref"), item.get("before"), item.get("after")) for item in each)
