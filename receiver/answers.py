"""What the API answers, as the OpenAPI document describes it. Kubernetes objects are handed on as they are."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

_AS_STORED = "As it is in the cluster, with Argo CD's fields."


class Answered(Struct, frozen=True, kw_only=True, rename="camel"):
    """Some answer. Further fields may come with later versions."""


class Application(Answered, frozen=True):
    """An Application as it is in the cluster, without `managedFields`; with `?fields=` only those."""

    api_version: str = ""
    kind: str = ""
    metadata: dict[str, Any] = {}
    spec: Annotated[dict[str, Any], Meta(description=_AS_STORED)] = {}
    status: Annotated[dict[str, Any], Meta(description=_AS_STORED)] = {}
    operation: Annotated[dict[str, Any], Meta(description="What is asked for and not yet taken up.")] = {}


class Continued(Answered, frozen=True):
    """Where the list goes on."""

    continue_: Annotated[str, Meta(description="For the parameter of that name; empty: it was the last page.")] = field(
        name="continue"
    )


class Applications(Answered, frozen=True):
    """A page of Applications."""

    items: list[Application]
    metadata: Continued


class Operation(Answered, frozen=True):
    """What was written as `.operation`."""

    initiated_by: dict[str, Any]
    info: list[dict[str, Any]]
    sync: dict[str, Any]


class Started(Answered, frozen=True):
    """A sync that was asked for."""

    operation: Operation
    operation_state: Annotated[dict[str, Any] | None, Meta(description="With `?wait=`, once it has ended.")] = None


class ManagedResource(Answered, frozen=True):
    """One object, live and wanted, as JSON text without a Secret's values; `null`: not there."""

    group: str
    kind: str
    namespace: str
    name: str
    live_state: str
    target_state: str
    action: Annotated[str, Meta(description="What a sync does: created, configured or unchanged.")] = "unchanged"
    differences: Annotated[list[str], Meta(description="Paths.")] = []
    hook: bool = False
    requires_pruning: bool = False
    kept: Annotated[str, Meta(description="Why it is not pruned.")] = ""


class ManagedResources(Answered, frozen=True):
    """What a sync would do."""

    items: list[ManagedResource]
    warnings: list[str]


class Manifests(Answered, frozen=True):
    """What the sources say, rendered."""

    manifests: Annotated[list[str], Meta(description="JSON text, without a Secret's values.")]
    revisions: Annotated[list[str], Meta(description="One commit for each source.")]
    source_types: list[str]
    warnings: list[str]


class NodeReference(Answered, frozen=True):
    """Which object."""

    kind: str
    name: str
    uid: str
    group: str = ""
    namespace: str = ""


class NodeHealth(Answered, frozen=True):
    """How an object is."""

    status: str
    message: str = ""


class Node(Answered, frozen=True):
    """One object in the cluster: what it is, not what it holds."""

    kind: str
    name: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    uid: Annotated[str, Meta(description="Absent: it is wanted and not there.")] = ""
    resource_version: str = ""
    created_at: str = ""
    images: list[str] = []
    parent_refs: list[NodeReference] = []
    health: NodeHealth | None = None


class ResourceTree(Answered, frozen=True):
    """The Application's objects and what controllers made of them."""

    nodes: list[Node]
    warnings: Annotated[list[str], Meta(description="What could not be listed.")]


class Event(Answered, frozen=True):
    """A Kubernetes Event on the Application."""

    type: str
    reason: str
    message: str
    count: int
    first_timestamp: str
    last_timestamp: str
    source: str


class Events(Answered, frozen=True):
    """The Events that the cluster still has, the newest last."""

    items: list[Event]


class FieldProblem(Answered, frozen=True):
    """One field or parameter that is wrong."""

    field: Annotated[str, Meta(examples=["spec.source.path"])]
    detail: str


class Problem(Answered, frozen=True):
    """A refusal (https://www.rfc-editor.org/rfc/rfc9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Meta(description="What, where, and what to do.")] = ""
    errors: Annotated[list[FieldProblem], Meta(description="Every field that is wrong, where fields are.")] = []


class Accepted(Answered, frozen=True):
    """What became of a delivery."""

    outcome: Annotated[str, Meta(examples=["marked", "ignored", "ping"])]


class Status(Answered, frozen=True):
    """Whether the process, and what it stands on, answers."""

    status: str


class Version(Struct, frozen=True):
    """Under the name that Argo CD's API has."""

    Version: str


class Document(Answered, frozen=True):
    """OpenAPI 3.1."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


class StreamEvent(Answered, frozen=True):
    """One server-sent event; `data` is JSON text.

    Without `event` it is `{"result": {"type": "ADDED", "application": {...}}}`, as Argo CD's stream has it; the type is
    `ADDED`, `MODIFIED` or `DELETED`. Between `reset` and `listed` all Applications of a namespace come anew; what was
    known of it counts no more. `end` is the last one, and says why. `id` is how far all was told: for Last-Event-ID.
    """

    data: str = ""
    event: str = ""
    id: str = ""
