"""Services get Endpoints and EndpointSlices, which carry the Service's labels.

Load balancers and Ingresses get an address.
"""

from collections.abc import Iterator

from deploy.sandbox import writes
from deploy.sandbox.controllers.controller import (
    MANAGER,
    Obj,
    Ref,
    controlled,
    create,
    delete,
    is_active,
    is_ready,
    owner_reference,
    ref_of,
    set_status,
)
from deploy.sandbox.controllers.labels import LabelIndex
from deploy.sandbox.state import State
from deploy.sandbox.store import Change
from deploy.sandbox.target import Target

KEY = "/services"
PODS = "/pods"
SLICES = "discovery.k8s.io/endpointslices"
ADDRESS = "192.0.2.10"
SLICE_LABELS = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


class Services:
    """Keeps the two lists of addresses behind each Service."""

    def __init__(self) -> None:
        self._pods = LabelIndex()
        self._selectors = LabelIndex()

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each Service, and those that select a changed pod."""
        obj, gone = change.new.obj, change.type == "DELETED"
        if change.key == KEY:
            selector = obj["spec"].get("selector") or {}
            self._selectors.put(change.namespace, change.name, {} if gone else selector)
            yield (KEY, change.namespace, change.name)
        elif change.key == PODS:
            labels = obj["metadata"].get("labels") or {}
            self._pods.put(change.namespace, change.name, {} if gone else labels)
            for name in self._selectors.within(change.namespace, labels):
                yield (KEY, change.namespace, name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Write the lists; without the Service the Endpoints go (the slices are collected as garbage)."""
        _, namespace, name = ref
        stored = state.store.get(*ref)
        if stored is None:
            delete(state, ("/endpoints", namespace, name))
            return None
        service = stored.obj
        if service["spec"]["type"] == "LoadBalancer" and state.config.cluster_addresses:
            set_status(state, ref, {"loadBalancer": {"ingress": [{"ip": ADDRESS, "ipMode": "VIP"}]}})
        if selector := service["spec"].get("selector"):
            found = (state.store.get(PODS, namespace, pod) for pod in self._pods.with_all(namespace, selector))
            pods = [pod.obj for pod in found if pod is not None and is_active(pod.obj)]
            _write(state, "", "endpoints", _endpoints(service, pods))
            _write_slice(state, service, stored.uid, pods)
        return None


class Ingresses:
    """Plays the Ingress controller."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each Ingress."""
        if change.key == "networking.k8s.io/ingresses" and change.type != "DELETED":
            yield (change.key, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Give it an address."""
        if state.store.get(*ref) is not None and state.config.cluster_addresses:
            set_status(state, ref, {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}})
        return None


def _write(state: State, group: str, plural: str, body: Obj) -> None:
    """Create an object or bring an existing one to this content."""
    resource, meta = state.catalogue.at(group, plural), body["metadata"]
    target = Target(resource, meta["namespace"], meta["name"])
    if state.store.get(resource.key, target.namespace, target.name) is None:
        create(state, group, plural, body)
    else:
        writes.patch(state, target, lambda live: {**live, **body, "metadata": {**live["metadata"], **meta}}, MANAGER)


def _ports(service: Obj, pods: list[Obj]) -> list[Obj]:
    return [
        {**({"name": port["name"]} if port.get("name") else {}), "port": number, "protocol": port["protocol"]}
        for port in service["spec"].get("ports") or ()
        if (number := _target_port(port, pods)) is not None
    ]


def _target_port(port: Obj, pods: list[Obj]) -> int | None:
    """The number of a Service's target port; a name is looked up in the pods."""
    wanted = port.get("targetPort", port["port"])
    if isinstance(wanted, int):
        return wanted
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for found in container.get("ports") or ():
                if found.get("name") == wanted:
                    number: int = found["containerPort"]
                    return number
    return None


def _reference(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


def _endpoints(service: Obj, pods: list[Obj]) -> Obj:
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {}), "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    body: Obj = {"metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}, "subsets": []}
    subset: Obj = {}
    for pod in pods:
        if address := pod["status"].get("podIP"):
            entry = {"ip": address, "nodeName": pod["spec"]["nodeName"], "targetRef": _reference(pod)}
            subset.setdefault("addresses" if is_ready(pod) else "notReadyAddresses", []).append(entry)
    if subset:
        body["subsets"] = [{**subset, "ports": _ports(service, pods)}]
    return body


def _write_slice(state: State, service: Obj, uid: str, pods: list[Obj]) -> None:
    meta = service["metadata"]
    known = next((ref_of(SLICES, item) for item in controlled(state, uid, SLICES)), None)
    name = known[2] if known else f"{meta['name']}-{state.suffix()}"
    labels = {**(meta.get("labels") or {}), "kubernetes.io/service-name": meta["name"], **SLICE_LABELS}
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    endpoints = [
        {
            "addresses": [address],
            "conditions": {"ready": is_ready(pod), "serving": is_ready(pod), "terminating": False},
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": _reference(pod),
        }
        for pod in pods
        if (address := pod["status"].get("podIP"))
    ]
    body = {
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "", **port} for port in _ports(service, pods)],
    }
    _write(state, "discovery.k8s.io", "endpointslices", body)
