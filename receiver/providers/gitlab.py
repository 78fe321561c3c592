"""GitLab: the secret itself in `X-Gitlab-Token`; hooks of projects, groups and the whole instance.

https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
https://docs.gitlab.com/administration/system_hooks/
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, required, urls_of
from receiver.push import Change, Delivery, Ignored, Push, change_of
from receiver.signature import same_token

SIGNATURE = "x-gitlab-token"
MAX_CHANGES = 20
"""Refs read from one event: they are hints, and the repository is marked whatever their number."""
_PUSHES = ("push", "tag_push", "repository_update")


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its token."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether the token is this secret."""
    return same_token(signature(delivery), secret)


def parse(event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of branches or tags, made, moved or deleted. Raises Unreadable if it names no repository.

    What happened stands in the body too, and only there for a system hook.
    """
    kind = payload.get("event_name") or payload.get("object_kind")
    if event not in ("Push Hook", "Tag Push Hook", "System Hook") or kind not in _PUSHES:
        return Ignored("only push events matter")
    urls = (
        *urls_of(inner(payload, "project"), "web_url", "git_http_url", "git_ssh_url"),
        *urls_of(inner(payload, "repository"), "homepage", "git_http_url", "git_ssh_url"),
    )
    return Push(required(tuple(dict.fromkeys(urls)), "project"), _changes(payload))


def _changes(payload: Mapping[str, Any]) -> tuple[Change, ...]:
    """One, or those of `repository_update`, which tells of all refs of a push at once."""
    listed = payload.get("changes")
    each = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    return tuple(change_of(i.get("ref"), i.get("before"), i.get("after")) for i in (each or [payload])[:MAX_CHANGES])
