"""Services, Ingresses and NetworkPolicies: defaults, addresses, validation.

https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go (SetDefaults_Service)
https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/storage/alloc.go
"""

from deploy.sandbox.errors import Problem, invalid_value, required, unsupported
from deploy.sandbox.kinds.kind import Allocator, Kind, Obj, fill
from deploy.sandbox.kinds.pods import PROTOCOLS

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _service_defaults(obj: Obj) -> None:
    spec = fill(obj.setdefault("spec", {}), sessionAffinity="None", type="ClusterIP")
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP", targetPort=port.get("port"))
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}), timeoutSeconds=10800)
    if spec["type"] in ("ClusterIP", "NodePort", "LoadBalancer"):
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer") or spec.get("externalIPs"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)


def _prepare_service(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    spec = new["spec"]
    if old is None:
        new["status"] = {"loadBalancer": {}}
    if spec["type"] == "ExternalName":
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(name, None)
        return
    before = old["spec"] if old is not None else {}
    _addresses(spec, before, allocator)
    if spec["type"] in ("NodePort", "LoadBalancer"):
        taken = {(port["port"], port["protocol"]): port.get("nodePort") for port in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            known = taken.get((port["port"], port["protocol"]))
            fill(port, nodePort=known or allocator.node_port())


def _addresses(spec: Obj, before: Obj, allocator: Allocator) -> None:
    if spec.get("clusterIP") and spec["clusterIP"] != before.get("clusterIP"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or allocator.cluster_ip()
    fill(
        spec,
        clusterIPs=before.get("clusterIPs") or [spec["clusterIP"]],
        ipFamilies=before.get("ipFamilies") or ["IPv4"],
        ipFamilyPolicy=before.get("ipFamilyPolicy") or "SingleStack",
    )


def _validate_service(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new["spec"]
    if spec["type"] not in TYPES:
        return [unsupported("spec.type", spec["type"], TYPES)]
    problems: list[Problem] = []
    if spec["type"] == "ExternalName":
        return problems if spec.get("externalName") else [required("spec.externalName")]
    if not spec.get("ports") and spec.get("clusterIP") != "None":
        problems.append(required("spec.ports"))
    for index, port in enumerate(spec.get("ports") or ()):
        problems += _service_port_problems(port, f"spec.ports[{index}]", many=len(spec["ports"]) > 1)
    before = (old or {}).get("spec") or {}
    if before.get("clusterIP") and before["type"] != "ExternalName" and spec.get("clusterIP") != before["clusterIP"]:
        shown = "[" + ",".join(f'"{address}"' for address in spec.get("clusterIPs") or ()) + "]"
        problems.append(
            Problem("FieldValueInvalid", "spec.clusterIPs[0]", f"Invalid value: {shown}: may not change once set")
        )
    return problems


def _service_port_problems(port: Obj, field: str, *, many: bool) -> list[Problem]:
    problems = [required(f"{field}.name")] if many and not port.get("name") else []
    if port.get("protocol") not in PROTOCOLS:
        problems.append(unsupported(f"{field}.protocol", port.get("protocol"), PROTOCOLS))
    for name in ("port", "targetPort"):
        number = port.get(name)
        if isinstance(number, int) and not 1 <= number <= 65535:
            problems.append(invalid_value(f"{field}.{name}", number, "must be between 1 and 65535, inclusive"))
    return problems


def _prepare_ingress(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        new["status"] = {"loadBalancer": {}}


def _validate_ingress(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new.get("spec") or {}
    problems = []
    if not spec.get("rules") and not spec.get("defaultBackend"):
        problems.append(invalid_value("spec", "[]", "either `defaultBackend` or `rules` must be specified"))
    for at, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            field = f"spec.rules[{at}].http.paths[{index}]"
            if not path.get("pathType"):
                problems.append(required(f"{field}.pathType", "pathType must be specified"))
            elif path["pathType"] not in PATH_TYPES:
                problems.append(unsupported(f"{field}.pathType", path["pathType"], PATH_TYPES))
    return problems


def _network_policy_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")


def _endpoints_defaults(obj: Obj) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")


ENDPOINTS = Kind(_endpoints_defaults)
SERVICE = Kind(_service_defaults, _prepare_service, _validate_service)
INGRESS = Kind(prepare=_prepare_ingress, validate=_validate_ingress)
NETWORK_POLICY = Kind(_network_policy_defaults)
