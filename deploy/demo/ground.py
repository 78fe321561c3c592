"""What must be in a cluster before Pilothouse works in it: the CRDs, its namespaces, and an account for API callers."""

from functools import cache
from pathlib import Path

import yaml

from deploy.demo.cluster import Cluster, Object, collection
from deploy.demo.watch import watching

CRDS = Path(__file__).parents[1] / "chart" / "crds"
ACCOUNT = "pilothouse-caller"
AUDIENCE = "pilothouse"
"""Makes the token worthless at the API server itself."""
TOKEN_S = 24 * 3600
DEFINITIONS = collection("apiextensions.k8s.io/v1", "customresourcedefinitions")
ESTABLISHED_S = 30.0
RBAC = "rbac.authorization.k8s.io/v1"


async def prepare(cluster: Cluster, namespaces: tuple[str, ...]) -> str:
    """Put the ground in; returns the token of the caller's account. Nothing changes where it is there already."""
    await _definitions(cluster)
    for namespace in namespaces:
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return await _caller(cluster, namespaces)


async def missing_definitions(cluster: Cluster) -> tuple[str, ...]:
    """The names of the CRDs that are not there. Those of an Argo CD serve as well, and stay as they are."""
    names = (_name(definition) for definition in _wanted())
    return tuple([name for name in names if await cluster.get(f"{DEFINITIONS}/{name}") is None])


async def _definitions(cluster: Cluster) -> None:
    """The CRDs, until the API server serves them."""
    missing = await missing_definitions(cluster)
    async with watching(cluster, DEFINITIONS) as watch:
        for definition in _wanted():
            if _name(definition) in missing:
                await cluster.apply(definition)
        await watch.until(
            lambda found: all(_established(found.get(_name(definition))) for definition in _wanted()),
            within_s=ESTABLISHED_S,
            what="the CRDs of Application and AppProject are established",
        )


@cache
def _wanted() -> tuple[Object, ...]:
    return tuple(yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.yaml")))


def _name(definition: Object) -> str:
    return str(definition["metadata"]["name"])


def _established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


async def _caller(cluster: Cluster, namespaces: tuple[str, ...]) -> str:
    """A ServiceAccount that may get, list and sync Applications, and a token of it that only Pilothouse takes."""
    home = namespaces[0]
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": home}
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["get", "list", "sync"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}
    await cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": home}}
    )
    for namespace in namespaces:
        metadata = {"name": ACCOUNT, "namespace": namespace}
        await cluster.apply({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules})
        binding = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata}
        await cluster.apply({**binding, "subjects": [account], "roleRef": role})
    request = {"spec": {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_S}}
    path = f"{collection('v1', 'serviceaccounts', home)}/{ACCOUNT}/token"
    granted = await cluster.request("POST", path, request)
    return str(granted["status"]["token"])
