"""Application objects through the API server: the only database, and this the only way in (design.md, part 5).

Application has no status subresource, so a careless write would replace the spec. Every write here is a JSON patch of
named paths, tested against what was read. What to write is decided in core/status.py and core/run.py.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from jobs.core.application import KINDS, REFRESH, RUN, Application, application_of
from jobs.core.discovery import ApiResource
from jobs.core.errors import NotFound
from jobs.kube import Answer, Event, Kube, Listed, Preconditions

__all__ = ["APPLICATIONS", "Answer", "Applications", "Event", "Listed"]

Json = dict[str, Any]

STATUS_MANAGER = "pilothouse-status"
"""Field manager of what Pilothouse writes about Applications; never the one that applies objects."""
RECEIVER_MANAGER = "pilothouse-receiver"
EDITOR = "pilothouse-api"
"""Field manager of what people write through the API, with their own tokens."""
_VERBS = frozenset({"get", "list", "watch", "patch", "create", "update", "delete"})
PROJECTS = ApiResource("argoproj.io", "AppProject", "v1alpha1", ("v1alpha1",), "appprojects", True, frozenset({"get"}))
APPLICATIONS = ApiResource("argoproj.io", "Application", "v1alpha1", ("v1alpha1",), "applications", True, _VERBS)


class Applications:
    """The Applications of the home cluster. Raises the KubeError tree."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def list(
        self, namespace: str, *, selector: str = "", limit: int = 500, continue_: str = ""
    ) -> tuple[list[Json], str]:
        """One page of a namespace's Applications, and the token of the next page; empty: it was the last."""
        params = {"limit": str(limit), "labelSelector": selector, "continue": continue_}
        given = {key: value for key, value in params.items() if value}
        page = await self._kube.request("GET", APPLICATIONS.path(namespace), params=given)
        return list(page.get("items") or ()), str((page.get("metadata") or {}).get("continue") or "")

    async def get(self, namespace: str, name: str) -> Json | None:
        """One Application; None: there is none."""
        return await self._kube.get(APPLICATIONS, namespace, name)

    async def request_sync(
        self, namespace: str, name: str, operation: Mapping[str, Any], resource_version: str
    ) -> Json:
        """Write `.operation`, once: Conflict if the Application changed since it was read, a running one included."""
        operations: list[Json] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/operation", "value": operation},
        ]
        return await self._patch(namespace, name, operations, RECEIVER_MANAGER)

    async def request_refresh(self, namespace: str, name: str, kind: str) -> None:
        """Ask for a comparison by the annotation. kind: `normal` or `hard`."""
        body = {"metadata": {"annotations": {REFRESH: kind}}}
        await self._kube.patch_merge(APPLICATIONS, namespace, name, body, manager=RECEIVER_MANAGER)

    async def record(
        self,
        application: Application,
        *,
        annotations: Mapping[str, str | None],
        status: Mapping[str, Any] | None = None,
        take_operation: bool = False,
        finalizers: Sequence[str] | None = None,
    ) -> Json:
        """Write status and annotations (None removes one) if no other run wrote since the Application was read.

        finalizers: all that it shall have; None: as they are. Raises Conflict if another run wrote, or anybody when
        finalizers are given: that run, or the next, knows better. NotFound: the Application is gone.
        """
        operations = [*_nobody_else_wrote(application), *_annotation_operations(application, annotations)]
        if finalizers is not None:
            operations.insert(0, _unchanged(application))
            operations.append({"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)})
        if status is not None:
            operations.append({"op": "add", "path": "/status", "value": status})
        if take_operation:
            operations.append({"op": "test", "path": "/operation", "value": application.operation})
            operations.append({"op": "remove", "path": "/operation"})
        return await self._patch(application.namespace, application.name, operations, STATUS_MANAGER)

    async def move_revision(self, application: Application, fields: Mapping[str, Any]) -> None:
        """Write nothing but the revision of an Application that a push does not concern; fields: of `.status.sync`.

        The Application may be a moment old, so no more of its status may be written. Raises as `record`.
        """
        operations = _nobody_else_wrote(application)
        operations += [{"op": "add", "path": f"/status/sync/{name}", "value": value} for name, value in fields.items()]
        await self._patch(application.namespace, application.name, operations, STATUS_MANAGER)

    async def forget_kinds(self, application: Application) -> Application:
        """Note that nothing of a deleted Application is left to look for. Raises as `record`."""
        if not application.annotations.get(KINDS):
            return application
        return application_of(await self.record(application, annotations={KINDS: ""}))

    async def drop_finalizers(self, application: Application, finalizers: Sequence[str]) -> Json | None:
        """Let a deleted Application go as far as these hold it; None: it is gone. Conflict: somebody changed them."""
        there = [(index, name) for index, name in enumerate(application.finalizers) if name in finalizers]
        operations: list[Json] = []
        for index, name in reversed(there):
            path = f"/metadata/finalizers/{index}"
            operations += [{"op": "test", "path": path, "value": name}, {"op": "remove", "path": path}]
        try:
            return await self._patch(application.namespace, application.name, operations, STATUS_MANAGER)
        except NotFound:
            return None

    async def project(self, namespace: str, name: str) -> Json | None:
        """An AppProject; None: there is none."""
        return await self._kube.get(PROJECTS, namespace, name)

    async def create(self, namespace: str, body: Mapping[str, Any]) -> Answer:
        """A new Application. Conflict: its name is taken."""
        params = {"fieldManager": EDITOR, "fieldValidation": "Strict"}
        return await self._kube.request_full("POST", APPLICATIONS.path(namespace), params=params, body=body)

    async def replace(self, namespace: str, name: str, body: Mapping[str, Any]) -> Answer:
        """Write a whole Application, its status included. Conflict: it changed since its resourceVersion was read."""
        params = {"fieldManager": EDITOR, "fieldValidation": "Strict"}
        return await self._kube.request_full("PUT", APPLICATIONS.path(namespace, name), params=params, body=body)

    async def set_finalizers(self, namespace: str, name: str, finalizers: Sequence[str], resource_version: str) -> Json:
        """Say what holds up its deletion. Conflict: it changed since it was read."""
        operations: list[Json] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)},
        ]
        return await self._patch(namespace, name, operations, EDITOR)

    async def delete(self, namespace: str, name: str, *, uid: str, resource_version: str | None = None) -> Json | None:
        """Delete this very Application, or begin to; None: there is none. Conflict: another one, or it changed."""
        wanted = Preconditions(uid, resource_version)
        return await self._kube.delete(APPLICATIONS, namespace, name, preconditions=wanted, propagation="Background")

    def follow(self, namespace: str) -> AsyncGenerator[Listed | Event, None]:
        """All Applications of a namespace, then every change, for ever. Close it when done with it."""
        return self._kube.follow(APPLICATIONS, namespace=namespace)

    async def _patch(self, namespace: str, name: str, operations: Sequence[Json], manager: str) -> Json:
        answer = await self._kube.patch_json(APPLICATIONS, namespace, name, operations, manager=manager)
        body: Json = answer.body
        return body


def _nobody_else_wrote(application: Application) -> list[Json]:
    """The fence: the run annotation as it was read; before the first run there is none, so the resourceVersion."""
    run = application.annotations.get(RUN)
    if run is None:
        return [_unchanged(application)]
    return [{"op": "test", "path": f"/metadata/annotations/{_escaped(RUN)}", "value": run}]


def _unchanged(application: Application) -> Json:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": application.resource_version}


def _annotation_operations(application: Application, wanted: Mapping[str, str | None]) -> list[Json]:
    operations: list[Json] = []
    if not application.annotations:
        operations.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    for name, value in wanted.items():
        path = f"/metadata/annotations/{_escaped(name)}"
        if value is not None:
            operations.append({"op": "add", "path": path, "value": value})
        elif name in application.annotations:
            operations.append({"op": "remove", "path": path})
    return operations


def _escaped(name: str) -> str:
    """A key as a JSON pointer segment (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
