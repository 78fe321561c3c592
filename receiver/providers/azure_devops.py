"""Azure DevOps, Services and Server: a service hook signs nothing, it logs in with user and password.

https://learn.microsoft.com/azure/devops/service-hooks/events#code-pushed
https://learn.microsoft.com/azure/devops/service-hooks/services/webhooks
"""

from collections.abc import Mapping
from typing import Any

from receiver.payload import inner, mappings, required, urls_of
from receiver.push import UNKNOWN, Delivery, Ignored, Push, change_of
from receiver.signature import same_login

SIGNATURE = "authorization"
_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Of "Test" in the wizard: there is none yet, and the repository in it is a made-up one."""


def signature(delivery: Delivery) -> str:
    """What the delivery claims as its login."""
    return delivery.header(SIGNATURE)


def verify(delivery: Delivery, secret: bytes) -> bool:
    """Whether the login is this `user:password`."""
    return same_login(signature(delivery), secret)


def parse(_event: str, payload: Mapping[str, Any]) -> Push | Ignored:
    """The push, of branches or tags, made, moved or deleted. Raises Unreadable if it names no repository.

    What happened stands in the body only. "Resource details to send" must be "All", else the repository is missing.
    """
    if payload.get("subscriptionId") == _NO_SUBSCRIPTION:
        return Ignored("pong", ping=True)
    if payload.get("eventType") != "git.push":
        return Ignored("only push events matter")
    resource = inner(payload, "resource")
    urls = urls_of(inner(resource, "repository"), "remoteUrl", "sshUrl", "webUrl")
    updates = mappings(resource, "refUpdates")
    changes = tuple(change_of(one.get("name"), one.get("oldObjectId"), one.get("newObjectId")) for one in updates)
    return Push(required(urls, "resource.repository"), changes or (UNKNOWN,))
