"""An Application as it is written: its fields and their types, for checking and for the OpenAPI document. No values.

The fields are those of the CRD, which are Argo CD's
(https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/). What makes sense in them:
jobs/core/checked.py; what each leads to: docs/applications.md.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from jobs.core.deletion import CASCADE
from jobs.core.fields import MAX_NUMBER
from receiver.written_source import Pair, Source, SourceHydrator, Texts

Number = Annotated[int, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER - 1)]


class Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of an Application."""


class Destination(Written, frozen=True):
    """Where the objects go: a server or a name, and a namespace for objects that have none."""

    server: str = ""
    name: str = ""
    namespace: str = ""


class Automated(Written, frozen=True):
    """What may be done without being asked."""

    enabled: bool = True
    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False


class Backoff(Written, frozen=True):
    """How the waits between retries grow."""

    duration: str = ""
    factor: Number = 2
    max_duration: str = ""


class Retry(Written, frozen=True):
    """When a failed sync is tried again."""

    limit: Number = 0
    backoff: Backoff = Backoff()
    refresh: bool = False


class NamespaceMetadata(Written, frozen=True):
    """For the namespace that `CreateNamespace=true` makes."""

    labels: Texts = {}
    annotations: Texts = {}


class SyncPolicy(Written, frozen=True):
    """How a sync is done, and when."""

    automated: Automated | None = None
    retry: Retry | None = None
    sync_options: Annotated[list[str], Meta(examples=[["CreateNamespace=true"]])] = []
    managed_namespace_metadata: NamespaceMetadata = NamespaceMetadata()


class IgnoreDifference(Written, frozen=True):
    """Differences that do not count."""

    kind: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    json_pointers: list[str] = []
    jq_path_expressions: list[str] = []
    managed_fields_managers: list[str] = []


class Spec(Written, frozen=True):
    """What is deployed, from where, to where. One of `source` and `sources` is needed."""

    project: str
    destination: Destination
    source: Source | None = None
    sources: list[Source] = []
    source_hydrator: SourceHydrator | None = None
    sync_policy: SyncPolicy = SyncPolicy()
    ignore_differences: list[IgnoreDifference] = []
    info: list[Pair] = []
    revision_history_limit: Number = 10


class Metadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """Other fields are the cluster's own and stay as they are."""

    name: str = ""
    namespace: str = ""
    labels: Texts = {}
    annotations: Texts = {}
    finalizers: Annotated[list[str], Meta(examples=[[CASCADE]])] = []
    resource_version: Annotated[str, Meta(description="As it was read; in place of If-Match.")] = ""


class WrittenApplication(Written, kw_only=True, frozen=True):
    """An Application to be written. `status` stays as the cluster has it, so that what was read can be sent back."""

    api_version: Literal["argoproj.io/v1alpha1"] = "argoproj.io/v1alpha1"
    kind: Literal["Application"] = "Application"
    metadata: Metadata
    spec: Spec
    status: dict[str, Any] = {}
    operation: Annotated[dict[str, Any] | None, Meta(description="As it was read; a sync has its own route.")] = None
