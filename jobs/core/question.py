"""What the API may ask a worker about an Application, since the receiver sees neither workloads nor Git."""

from enum import StrEnum


class Question(StrEnum):
    """The word in the route, and in the mark that carries the question."""

    MANAGED_RESOURCES = "managed-resources"
    MANIFESTS = "manifests"
    RESOURCE_TREE = "resource-tree"
    EVENTS = "events"
