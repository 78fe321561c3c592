"""Pods and pod templates: the defaults every workload gets, and what makes a template invalid.

https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
"""

import re
from typing import Any

from deploy.sandbox.errors import Problem, invalid_value, required, unsupported
from deploy.sandbox.kinds.kind import Allocator, Kind, Obj, fill

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
PROTOCOLS = ("TCP", "UDP", "SCTP")
FILE_MODE = 420
MODED_VOLUMES = ("configMap", "secret", "downwardAPI", "projected")


def pod_spec_defaults(spec: Obj) -> None:
    """What a pod spec gets, in a Pod and in every template."""
    fill(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
        securityContext={},
    )
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(group) or ():
            _container_defaults(container)
    if spec.get("hostNetwork"):
        for port in [p for c in spec.get("containers") or () for p in c.get("ports") or ()]:
            fill(port, hostPort=port.get("containerPort"))
    for volume in spec.get("volumes") or ():
        _volume_defaults(volume)


def _container_defaults(container: Obj) -> None:
    fill(
        container,
        imagePullPolicy=_pull_policy(container.get("image") or ""),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(name):
            fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            _handler_defaults(probe)
    for handler in (container.get("lifecycle") or {}).values():
        if isinstance(handler, dict):
            _handler_defaults(handler)
    for variable in container.get("env") or ():
        if field := (variable.get("valueFrom") or {}).get("fieldRef"):
            fill(field, apiVersion="v1")


def _pull_policy(image: str) -> str:
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return "IfNotPresent"
    return "Always" if ":" not in name or name.endswith(":latest") else "IfNotPresent"


def _handler_defaults(handler: Obj) -> None:
    if request := handler.get("httpGet"):
        fill(request, path="/", scheme="HTTP")
    if (grpc := handler.get("grpc")) is not None:
        fill(grpc, service="")


def _volume_defaults(volume: Obj) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for name in MODED_VOLUMES:
        if volume.get(name) is not None:
            fill(volume[name], defaultMode=FILE_MODE)
    if volume.get("hostPath") is not None:
        fill(volume["hostPath"], type="")
    for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
        _source_defaults(source)


def _source_defaults(source: Obj) -> None:
    if token := source.get("serviceAccountToken"):
        fill(token, expirationSeconds=3600)
    for item in (source.get("downwardAPI") or {}).get("items") or ():
        if item.get("fieldRef"):
            fill(item["fieldRef"], apiVersion="v1")


def _pod_defaults(pod: Obj) -> None:
    spec = pod.setdefault("spec", {})
    pod_spec_defaults(spec)
    fill(spec, enableServiceLinks=True)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container.setdefault("resources", {})
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _prepare_pod(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        new["status"] = {"phase": "Pending", "qosClass": _quality(new["spec"])}
        fill(new["spec"], preemptionPolicy="PreemptLowerPriority", priority=0)
        wait = {"effect": "NoExecute", "operator": "Exists", "tolerationSeconds": 300}
        keys = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        present = {item.get("key") for item in new["spec"].get("tolerations") or ()}
        added = [{"key": key, **wait} for key in keys if key not in present]
        new["spec"]["tolerations"] = [*(new["spec"].get("tolerations") or ()), *added]


def _quality(spec: Obj) -> str:
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    both = all(item.get("limits", {}).keys() >= {"cpu", "memory"} for item in resources)
    return "Guaranteed" if both and all(item["limits"] == item.get("requests") for item in resources) else "Burstable"


FIXED = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing"
    " tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
MUTABLE = {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates", "nodeName"}


def _validate_pod(new: Obj, old: Obj | None) -> list[Problem]:
    problems = pod_spec_problems(new.get("spec") or {}, "spec")
    if old is not None and _fixed(new["spec"]) != _fixed(old["spec"]):
        problems.append(Problem("FieldValueForbidden", "spec", FIXED))
    return problems


def _fixed(spec: Obj) -> Obj:
    kept = {name: value for name, value in spec.items() if name not in MUTABLE}
    for group in ("containers", "initContainers"):
        if group in kept:
            kept[group] = [{**container, "image": ""} for container in kept[group]]
    return kept


def template_problems(template: Obj, field: str, restart: tuple[str, ...] = ("Always",)) -> list[Problem]:
    """What is wrong with a pod template at the dotted path; `restart` are the policies its workload allows."""
    spec = template.get("spec") or {}
    problems = pod_spec_problems(spec, f"{field}.spec")
    if spec.get("restartPolicy") in RESTART_POLICIES and spec["restartPolicy"] not in restart:
        allowed = ", ".join(f'"{name}"' for name in restart)
        found = f"{field}.spec.restartPolicy"
        if "Always" in restart:
            problems.append(unsupported(found, spec["restartPolicy"], restart))
        else:
            problems.append(required(found, f"valid values: {allowed}"))
    return problems


def pod_spec_problems(spec: Obj, field: str) -> list[Problem]:
    """What is wrong with a pod spec at the dotted path."""
    problems: list[Problem] = []
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for index, volume in enumerate(spec.get("volumes") or ()):
        problems += _name_problems(volume, f"{field}.volumes[{index}]")
    if not spec.get("containers"):
        problems.append(required(f"{field}.containers"))
    for group in ("initContainers", "containers"):
        problems += _unique(spec.get(group) or (), f"{field}.{group}")
        for index, container in enumerate(spec.get(group) or ()):
            problems += _container_problems(container, f"{field}.{group}[{index}]", volumes)
    if spec.get("restartPolicy") not in RESTART_POLICIES:
        problems.append(unsupported(f"{field}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES))
    return problems


def _name_problems(item: Obj, field: str) -> list[Problem]:
    name = item.get("name") or ""
    if not name:
        return [required(f"{field}.name")]
    if len(name) > 63 or not DNS_LABEL.fullmatch(name):
        return [invalid_value(f"{field}.name", name, LABEL_RULE)]
    return []


LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def _unique(containers: Any, field: str) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for index, container in enumerate(containers):
        name = container.get("name")
        if name and name in seen:
            problems.append(Problem("FieldValueDuplicate", f"{field}[{index}].name", f'Duplicate value: "{name}"'))
        seen.add(name)
    return problems


def _container_problems(container: Obj, field: str, volumes: set[Any]) -> list[Problem]:
    problems = _name_problems(container, field)
    if not container.get("image"):
        problems.append(required(f"{field}.image"))
    if container.get("imagePullPolicy") not in PULL_POLICIES:
        problems.append(unsupported(f"{field}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES))
    problems += _container_port_problems(container, field)
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            problems.append(required(f"{field}.env[{index}].name"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            text = f'Not found: "{mount.get("name", "")}"'
            problems.append(Problem("FieldValueNotFound", f"{field}.volumeMounts[{index}].name", text))
    return problems


def _container_port_problems(container: Obj, field: str) -> list[Problem]:
    problems = []
    for index, port in enumerate(container.get("ports") or ()):
        problems += port_problems(port.get("containerPort"), f"{field}.ports[{index}].containerPort")
        if port.get("protocol") not in PROTOCOLS:
            problems.append(unsupported(f"{field}.ports[{index}].protocol", port.get("protocol"), PROTOCOLS))
    return problems


def port_problems(port: Any, field: str) -> list[Problem]:
    """A port number must be there and within 1-65535."""
    if not port:
        return [required(field)]
    if isinstance(port, int) and not 1 <= port <= 65535:
        return [invalid_value(field, port, "must be between 1 and 65535, inclusive")]
    return []


def _template_defaults(obj: Obj) -> None:
    pod_spec_defaults(obj.setdefault("template", {}).setdefault("spec", {}))


POD_TEMPLATE = Kind(_template_defaults)
POD = Kind(_pod_defaults, _prepare_pod, _validate_pod)
