"""The objects of one test in the cluster, read and changed as somebody else than Pilothouse."""

from dataclasses import dataclass, field
from typing import Any

from tests.controlplane.request import Answer
from tests.e2e.ground import Ground
from tests.valkey import until

Json = dict[str, Any]
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
PLURALS = {
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "NetworkPolicy": "networkpolicies",
}
GROUPS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
    "MutatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Application": "argoproj.io/v1alpha1",
    "AppProject": "argoproj.io/v1alpha1",
}
"""Where a kind is served; the core group is not listed."""
CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "ClusterRole",
        "CustomResourceDefinition",
        "APIService",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }
)


@dataclass(slots=True)
class Live:
    """What is in the cluster, in one namespace unless another is named."""

    ground: Ground
    namespace: str
    """Where the objects go; made for this test."""
    leftovers: list[tuple[str, str]] = field(default_factory=list, kw_only=True)
    """(kind, name) of cluster-scoped objects to delete at the end."""

    def _path(self, kind: str, name: str = "", namespace: str = "") -> str:
        version = GROUPS.get(kind, "v1")
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        default = self.ground.home if kind in ("Application", "AppProject") else self.namespace
        place = "" if kind in CLUSTER_SCOPED else f"/namespaces/{namespace or default}"
        plural = PLURALS.get(kind, f"{kind.lower()}s")
        return f"{root}{place}/{plural}" + (f"/{name}" if name else "")

    async def get(self, kind: str, name: str, namespace: str = "") -> Json | None:
        """An object; None: there is none."""
        answer = await self.ground.kube("GET", self._path(kind, name, namespace))
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None

    async def live(self, kind: str, name: str, namespace: str = "") -> Json:
        """An object that must be there."""
        found = await self.get(kind, name, namespace)
        assert found is not None, f"{kind} {name} is not there"
        return found

    async def version(self, kind: str, name: str) -> str:
        """uid and resourceVersion of an object: equal means nobody touched it."""
        metadata = (await self.live(kind, name))["metadata"]
        return f"{metadata['uid']}/{metadata['resourceVersion']}"

    async def create(self, body: Json, *, manager: str = "somebody", namespace: str = "") -> Json:
        """POST an object as somebody else."""
        path = self._path(body["kind"], namespace=namespace)
        answer = await self.ground.kube("POST", path, body, params={"fieldManager": manager})
        assert answer.status == 201, answer.body
        if body["kind"] in CLUSTER_SCOPED:
            self.leftovers.append((body["kind"], body["metadata"]["name"]))
        created: Json = answer.body
        return created

    async def apply(self, body: Json, *, manager: str, force: bool = True) -> Json:
        """Server-side apply as somebody else."""
        params = {"fieldManager": manager, "force": str(force).lower()}
        path = self._path(body["kind"], body["metadata"]["name"])
        answer = await self.ground.kube("PATCH", path, body, params=params, content_type=APPLY)
        assert answer.status in (200, 201), answer.body
        applied: Json = answer.body
        return applied

    async def patch(
        self, kind: str, name: str, change: Any, *, manager: str = "kubectl-edit", sub: str = "", namespace: str = ""
    ) -> Json:
        """A merge patch, or a JSON patch if it is a list, as somebody else."""
        path = self._path(kind, name, namespace) + (f"/{sub}" if sub else "")
        content_type = JSON_PATCH if isinstance(change, list) else None
        answer: Answer = await self.ground.kube(
            "PATCH", path, change, params={"fieldManager": manager}, content_type=content_type
        )
        assert answer.status == 200, answer.body
        patched: Json = answer.body
        return patched

    async def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object as somebody else, in the background."""
        answer = await self.ground.kube(
            "DELETE", self._path(kind, name, namespace), {"propagationPolicy": "Background"}
        )
        assert answer.status in (200, 202), answer.body

    async def gone(self, kind: str, name: str, namespace: str = "", *, within_s: float = 10.0) -> None:
        """Wait until an object is gone."""
        await until(lambda: self._is_gone(kind, name, namespace), within_s=within_s)

    async def _is_gone(self, kind: str, name: str, namespace: str) -> bool:
        return await self.get(kind, name, namespace) is None
