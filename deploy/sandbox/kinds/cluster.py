"""Namespaces, RBAC, CRDs, autoscalers, priority classes and admission kinds: defaults and validation."""

from deploy.sandbox.errors import Problem, invalid_value, required
from deploy.sandbox.kinds.kind import Allocator, Kind, Obj, fill, immutable

RBAC = "rbac.authorization.k8s.io"


def _namespace_defaults(obj: Obj) -> None:
    metadata = obj.setdefault("metadata", {})
    if name := metadata.get("name"):
        metadata.setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", name)


def _prepare_namespace(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}
    else:
        new["spec"] = old["spec"]


def _binding_defaults(obj: Obj) -> None:
    if reference := obj.get("roleRef"):
        reference["apiGroup"] = reference.get("apiGroup") or RBAC
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup=RBAC)


def _validate_binding(new: Obj, old: Obj | None) -> list[Problem]:
    if old is not None and new.get("roleRef") != old.get("roleRef"):
        shown = "{" + ",".join(f'"{key}":"{value}"' for key, value in (new.get("roleRef") or {}).items()) + "}"
        return [Problem("FieldValueInvalid", "roleRef", f"Invalid value: {shown}: cannot change roleRef")]
    return [] if (new.get("roleRef") or {}).get("name") else [required("roleRef.name")]


def _prepare_role(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    fill(new, rules=None)


def _validate_role(new: Obj, old: Obj | None) -> list[Problem]:
    problems = []
    for index, rule in enumerate(new.get("rules") or ()):
        if not rule.get("verbs"):
            problems.append(required(f"rules[{index}].verbs", "verbs must contain at least one value"))
        elif not rule.get("nonResourceURLs") and not rule.get("resources"):
            problems.append(required(f"rules[{index}].resources", "resource rules must supply at least one resource"))
        elif not rule.get("nonResourceURLs") and not rule.get("apiGroups"):
            problems.append(required(f"rules[{index}].apiGroups", "resource rules must supply at least one api group"))
    return problems


def _crd_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if kind := names.get("kind"):
        fill(names, singular=kind.lower(), listKind=f"{kind}List")
    fill(spec.setdefault("conversion", {}), strategy="None")
    spec.pop("preserveUnknownFields", None)
    for version in spec.get("versions") or ():
        for column in version.get("additionalPrinterColumns") or ():
            column.pop("priority", None) if column.get("priority") == 0 else None


def _prepare_crd(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        storage = [version["name"] for version in new["spec"].get("versions") or () if version.get("storage")]
        new["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": storage,
        }


def _validate_crd(new: Obj, old: Obj | None) -> list[Problem]:
    spec, names = new["spec"], new["spec"]["names"]
    problems = [required(f"spec.names.{name}") for name in ("plural", "kind") if not names.get(name)]
    problems += [required(f"spec.{name}") for name in ("group", "scope") if not spec.get(name)]
    expected = f"{names.get('plural')}.{spec.get('group')}"
    if new["metadata"]["name"] != expected:
        text = 'must be spec.names.plural+"."+spec.group'
        problems.append(invalid_value("metadata.name", new["metadata"]["name"], text))
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        problems.append(invalid_value("spec.versions", len(versions), text))
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            problems.append(required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required"))
    return problems + immutable("spec.scope", new, old) + immutable("spec.names.kind", new, old)


def _autoscaler_defaults(obj: Obj) -> None:
    spec = fill(obj.setdefault("spec", {}), minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if (behavior := spec.get("behavior")) is None:
        return
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    up = fill(behavior.setdefault("scaleUp", {}), stabilizationWindowSeconds=0, selectPolicy="Max")
    fill(up, policies=[pods, percent])
    fill(behavior.setdefault("scaleDown", {}), selectPolicy="Max", policies=[percent])


def _prepare_autoscaler(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        new["status"] = {"desiredReplicas": 0, "currentMetrics": None}


def _validate_autoscaler(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new["spec"]
    if not spec.get("maxReplicas"):
        return [invalid_value("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than 0")]
    if spec["maxReplicas"] < spec["minReplicas"]:
        text = "must be greater than or equal to `minReplicas`"
        return [invalid_value("spec.maxReplicas", spec["maxReplicas"], text)]
    return []


def _priority_defaults(obj: Obj) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority", value=0)


def _webhook_defaults(obj: Obj) -> None:
    for webhook in obj.get("webhooks") or ():
        fill(webhook, failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        fill(webhook, timeoutSeconds=10)
        if obj["kind"] == "MutatingWebhookConfiguration":
            fill(webhook, reinvocationPolicy="Never")
        if service := (webhook.get("clientConfig") or {}).get("service"):
            fill(service, port=443)
        for rule in webhook.get("rules") or ():
            fill(rule, scope="*")


def _policy_defaults(obj: Obj) -> None:
    spec = fill(obj.setdefault("spec", {}), failurePolicy="Fail")
    if constraints := spec.get("matchConstraints"):
        _match_defaults(constraints)


def _policy_binding_defaults(obj: Obj) -> None:
    if matches := (obj.get("spec") or {}).get("matchResources"):
        _match_defaults(matches)


def _match_defaults(matches: Obj) -> None:
    fill(matches, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in [*(matches.get("resourceRules") or ()), *(matches.get("excludeResourceRules") or ())]:
        fill(rule, scope="*")


def _api_service_defaults(obj: Obj) -> None:
    if service := (obj.get("spec") or {}).get("service"):
        fill(service, port=443)


def _prepare_event(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    fill(new, eventTime=None)


EVENT = Kind(prepare=_prepare_event)
API_SERVICE = Kind(_api_service_defaults)
NAMESPACE = Kind(_namespace_defaults, _prepare_namespace)
BINDING = Kind(_binding_defaults, validate=_validate_binding)
ROLE = Kind(prepare=_prepare_role, validate=_validate_role)
CRD = Kind(_crd_defaults, _prepare_crd, _validate_crd)
AUTOSCALER = Kind(_autoscaler_defaults, _prepare_autoscaler, _validate_autoscaler)
PRIORITY_CLASS = Kind(_priority_defaults)
WEBHOOK = Kind(_webhook_defaults)
POLICY = Kind(_policy_defaults)
POLICY_BINDING = Kind(_policy_binding_defaults)
