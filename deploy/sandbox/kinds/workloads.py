"""Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs: defaults, selectors, validation.

https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/apps/v1/defaults.go
https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/batch/v1/defaults.go
"""

from deploy.sandbox.errors import Problem, invalid_value, required
from deploy.sandbox.kinds.kind import Allocator, Kind, Obj, fill, immutable
from deploy.sandbox.kinds.pods import pod_spec_defaults, template_problems
from deploy.sandbox.selectors import of_label_selector

QUARTER = "25%"


def _template_defaults(spec: Obj) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec_defaults(template.setdefault("spec", {}))


def _deployment_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _template_defaults(spec)
    strategy = fill(spec.setdefault("strategy", {}), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), maxSurge=QUARTER, maxUnavailable=QUARTER)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)


def _stateful_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _template_defaults(spec)
    strategy = fill(spec.setdefault("updateStrategy", {}), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), partition=0)
    fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    fill(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        fill(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
        fill(claim.setdefault("status", {}), phase="Pending")


def _daemon_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _template_defaults(spec)
    strategy = fill(spec.setdefault("updateStrategy", {}), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), maxSurge=0, maxUnavailable=1)
    fill(spec, revisionHistoryLimit=10)
    annotations = obj.setdefault("metadata", {}).setdefault("annotations", {})
    annotations.setdefault(TEMPLATE_GENERATION, "1")


def _replica_set_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _template_defaults(spec)
    fill(spec, replicas=1)


def _job_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _template_defaults(spec)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    fill(spec, parallelism=1, backoffLimit=6, suspend=False, completionMode="NonIndexed", manualSelector=False)
    fill(spec, podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


def _cron_job_defaults(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    template = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    _template_defaults(template)
    fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)


TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _prepare_daemon(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is not None and new["spec"]["template"] != old["spec"]["template"]:
        before = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "0")
        new["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = str(int(before) + 1)


def _prepare_job(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is not None:
        return
    if new["spec"].get("manualSelector"):
        return
    uid, name = new["metadata"]["uid"], new["metadata"]["name"]
    new["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    metadata = new["spec"]["template"].setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    if not new["metadata"].get("labels"):
        new["metadata"]["labels"] = metadata["labels"]


def _validate_workload(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new["spec"]
    problems = _selector_problems(spec)
    problems += _count_problems(spec, "replicas")
    problems += template_problems(spec["template"], "spec.template")
    return problems + immutable("spec.selector", new, old)


def _selector_problems(spec: Obj) -> list[Problem]:
    selector = spec.get("selector")
    if selector is None:
        return [required("spec.selector")]
    labels = spec["template"]["metadata"].get("labels") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        return [invalid_value("spec.selector", "{}", "empty selector is invalid for deployment")]
    if not of_label_selector(selector)({"metadata": {"labels": labels}}):
        text = "`selector` does not match template `labels`"
        return [invalid_value("spec.template.metadata.labels", _go_map(labels), text)]
    return []


def _go_map(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'"{key}":"{value}"' for key, value in sorted(labels.items())) + "}"


def _count_problems(spec: Obj, name: str) -> list[Problem]:
    count = spec.get(name)
    if isinstance(count, int) and count < 0:
        return [invalid_value(f"spec.{name}", count, "must be greater than or equal to 0")]
    return []


STATEFUL_MUTABLE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip


def _validate_stateful(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new["spec"]
    problems = _selector_problems(spec) + _count_problems(spec, "replicas")
    problems += template_problems(spec["template"], "spec.template")
    if old is not None and _without(spec, STATEFUL_MUTABLE) != _without(old["spec"], STATEFUL_MUTABLE):
        named = ", ".join(f"'{name}'" for name in STATEFUL_MUTABLE[:-1])
        text = (
            f"Forbidden: updates to statefulset spec for fields other than {named} and 'minReadySeconds' are forbidden"
        )
        problems.append(Problem("FieldValueForbidden", "spec", text))
    return problems


def _without(spec: Obj, names: tuple[str, ...]) -> Obj:
    return {name: value for name, value in spec.items() if name not in names}


def _validate_job(new: Obj, old: Obj | None) -> list[Problem]:
    problems = template_problems(new["spec"]["template"], "spec.template", ("OnFailure", "Never"))
    for field in ("spec.completions", "spec.selector", "spec.template", "spec.completionMode"):
        problems += immutable(field, new, old)
    return problems


def _validate_cron_job(new: Obj, old: Obj | None) -> list[Problem]:
    spec = new["spec"]
    problems = [] if spec.get("schedule") else [required("spec.schedule")]
    if spec.get("schedule") and len(spec["schedule"].split()) != 5 and not spec["schedule"].startswith("@"):
        text = f"expected exactly 5 fields, found {len(spec['schedule'].split())}: [{spec['schedule']}]"
        problems.append(invalid_value("spec.schedule", spec["schedule"], text))
    template = spec["jobTemplate"]["spec"]["template"]
    return problems + template_problems(template, "spec.jobTemplate.spec.template", ("OnFailure", "Never"))


DEPLOYMENT = Kind(_deployment_defaults, validate=_validate_workload)
REPLICA_SET = Kind(_replica_set_defaults, validate=_validate_workload)
DAEMON_SET = Kind(_daemon_defaults, _prepare_daemon, _validate_workload)
STATEFUL_SET = Kind(_stateful_defaults, validate=_validate_stateful)
JOB = Kind(_job_defaults, _prepare_job, _validate_job)
CRON_JOB = Kind(_cron_job_defaults, validate=_validate_cron_job)
