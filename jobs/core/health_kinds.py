"""What makes an object of each kind healthy: the kinds that need a function, and which rule fits a kind.

A rule reads a live object by Fields, so a status of a wrong shape ends as InvalidSpecError, which health.py turns into
Unknown. Rules follow Argo CD's built-in ones, each tested in the order it gives
(https://argo-cd.readthedocs.io/en/stable/operator-manual/health/). Pods: health_pod.py; all kinds for which a few
lines suffice: health_rules/.
"""

from collections.abc import Callable, Mapping
from json import JSONDecodeError, loads

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.health_pod import pod
from jobs.core.health_rules import rule_of as data_rule_of
from jobs.core.health_status import Health, HealthStatus, degraded, healthy, progressing, suspended, unknown

Rule = Callable[[Fields], Health]

HPA_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
"""Annotation: where autoscaling/v1 keeps the conditions that v2 has in its status, as JSON."""
SCALE_FAILURES = frozenset({"FailedGetScale", "FailedUpdateScale"})
METRIC_FAILURES = frozenset(
    {
        "FailedGetResourceMetric",
        "FailedGetObjectMetric",
        "FailedGetPodsMetric",
        "FailedGetExternalMetric",
        "FailedComputeMetricsReplicas",
        "InvalidSelector",
    }
)


def deployment(body: Fields) -> Health:
    """Ready when all replicas are updated and available and no old one is left."""
    spec, status = body.inner("spec"), body.inner("status")
    if spec.flag("paused"):
        return suspended("the Deployment is paused")
    if behind(body):
        return progressing("the controller has not seen the newest spec yet")
    condition = condition_of(status, "Progressing")
    if condition and condition.text("reason") == "ProgressDeadlineExceeded":
        return degraded(condition.text("message") or "the rollout exceeded its progress deadline")
    wanted, updated = spec.number("replicas", 1), status.number("updatedReplicas", 0)
    existing, available = status.number("replicas", 0), status.number("availableReplicas", 0)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas are updated")
    if existing > updated:
        return progressing(f"{existing - updated} old replicas are still there")
    if available < updated:
        return progressing(f"{available} of {updated} updated replicas are available")
    return healthy()


def stateful_set(body: Fields) -> Health:
    """Ready when the replicas are, and those its strategy replaces by itself are updated. Never Degraded."""
    spec, status = body.inner("spec"), body.inner("status")
    if status.number("observedGeneration", 0) == 0 or behind(body):
        return progressing("the controller has not seen the newest spec yet")
    wanted, ready = spec.number("replicas", 1), status.number("readyReplicas", 0)
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas are ready")
    strategy, updated = spec.inner("updateStrategy"), status.number("updatedReplicas", 0)
    if strategy.text("type", "RollingUpdate") == "RollingUpdate" and strategy.has("rollingUpdate"):
        due = wanted - strategy.inner("rollingUpdate").number("partition", 0)
        return progressing(f"{updated} of {due} replicas are updated") if updated < due else healthy()
    if strategy.text("type") == "OnDelete":
        return healthy()
    if status.text("updateRevision") != status.text("currentRevision"):
        return progressing(f"{updated} of {wanted} replicas are updated")
    return healthy()


def daemon_set(body: Fields) -> Health:
    """Ready when every node that should have a pod has an updated, available one. Never Degraded."""
    status = body.inner("status")
    if behind(body):
        return progressing("the controller has not seen the newest spec yet")
    if body.inner("spec").inner("updateStrategy").text("type") == "OnDelete":
        return healthy()
    wanted = status.number("desiredNumberScheduled", 0)
    updated, available = status.number("updatedNumberScheduled", 0), status.number("numberAvailable", 0)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} pods are updated")
    if available < wanted:
        return progressing(f"{available} of {wanted} pods are available")
    return healthy()


def replica_set(body: Fields) -> Health:
    """Ready when its replicas are available."""
    status = body.inner("status")
    if behind(body):
        return progressing("the controller has not seen the newest spec yet")
    failure = condition_of(status, "ReplicaFailure", "True")
    if failure:
        return degraded(failure.text("message") or "pods cannot be created")
    wanted, available = body.inner("spec").number("replicas", 1), status.number("availableReplicas", 0)
    return progressing(f"{available} of {wanted} replicas are available") if available < wanted else healthy()


def volume_claim(body: Fields) -> Health:
    """By its phase."""
    phase = body.inner("status").text("phase")
    by_phase = {
        "Bound": healthy(),
        "Pending": progressing("the claim waits for a volume"),
        "Lost": degraded("the volume of the claim is lost"),
    }
    return by_phase.get(phase, unknown(f"a PersistentVolumeClaim has no phase {phase!r}"))


def service(body: Fields) -> Health:
    """A load balancer needs an address; other services are there as soon as they exist."""
    if body.inner("spec").text("type") == "LoadBalancer" and not has_address(body):
        return progressing("the load balancer has no address yet")
    return healthy()


def ingress(body: Fields) -> Health:
    """Ready when it has an address."""
    return healthy() if has_address(body) else progressing("the Ingress has no address yet")


def job(body: Fields) -> Health:
    """By its conditions that are True: a condition that turned False says nothing (a resumed Job is running)."""
    status = body.inner("status")
    failed = condition_of(status, "Failed", "True")
    if failed:
        return degraded(failed.text("message") or "the Job failed")
    if condition_of(status, "Suspended", "True"):
        return suspended("the Job is suspended")
    complete = condition_of(status, "Complete", "True")
    return healthy(complete.text("message")) if complete else progressing("the Job is running")


def cron_job(body: Fields) -> Health:
    """Degraded when its last Job did not succeed and none is running; whether one was missed, it does not tell."""
    status = body.inner("status")
    if body.inner("spec").flag("suspend"):
        return suspended("the CronJob is suspended")
    scheduled, succeeded = status.text("lastScheduleTime"), status.text("lastSuccessfulTime")
    if not scheduled:
        return healthy("it has not been scheduled yet")
    if status.items("active"):
        return healthy("a Job of it is running")
    # Times of one format: the order of their text is the order in time.
    if succeeded and succeeded < scheduled:
        return degraded("its last Job did not succeed")
    return healthy()


def autoscaler(body: Fields) -> Health:
    """Degraded when it cannot read metrics or scale, whatever else it says."""
    conditions = autoscaler_conditions(body)
    for condition in conditions:
        kind, reason = condition.text("type"), condition.text("reason")
        failures = {"AbleToScale": SCALE_FAILURES, "ScalingActive": METRIC_FAILURES}.get(kind, frozenset())
        if reason in failures:
            return degraded(condition.text("message") or reason)
    for condition in conditions:
        if condition.text("type") in ("AbleToScale", "ScalingLimited") and condition.text("status") == "True":
            return healthy(condition.text("message"))
    return progressing("the autoscaler has not worked yet")


def autoscaler_conditions(body: Fields) -> tuple[Fields, ...]:
    """The conditions, wherever the version keeps them. Raises InvalidSpecError when the annotation is no JSON list."""
    if body.text("apiVersion") != "autoscaling/v1":
        return body.inner("status").each("conditions")
    annotations = body.inner("metadata").inner("annotations")
    try:
        found = loads(annotations.text(HPA_CONDITIONS, "[]"))
    except (JSONDecodeError, RecursionError):
        raise InvalidSpecError(f"{annotations.at(HPA_CONDITIONS)} is no JSON") from None
    return Fields({"conditions": found}, annotations.at(HPA_CONDITIONS)).each("conditions")


def api_service(body: Fields) -> Health:
    """Ready when the server behind it answers."""
    condition = condition_of(body.inner("status"), "Available")
    if not condition:
        return progressing("the API is not asked yet")
    message = f"{condition.text('reason')}: {condition.text('message')}"
    return healthy(message) if condition.text("status") == "True" else progressing(message)


def definition(body: Fields) -> Health:
    """A CustomResourceDefinition is ready when its kind is served."""
    status = body.inner("status")
    refused = condition_of(status, "NamesAccepted", "False")
    if refused:
        return degraded(refused.text("message") or "its names are taken")
    if condition_of(status, "Established", "True"):
        return healthy()
    return progressing("the kind is not served yet")


def workflow(body: Fields) -> Health:
    """An Argo Workflow, by its phase (https://argo-workflows.readthedocs.io/en/latest/fields/#workflowstatus)."""
    phase, message = body.inner("status").text("phase"), body.inner("status").text("message")
    if phase in ("", "Pending", "Running"):
        return progressing(message or "the Workflow is running")
    if phase == "Succeeded":
        return healthy(message)
    if phase in ("Failed", "Error"):
        return degraded(message or "the Workflow failed")
    return unknown(f"a Workflow has no phase {phase!r}")


def collector(body: Fields) -> Health:
    """An OpenTelemetry Collector, by its replicas, which stand in one text: `2/3`. A sidecar has none of its own."""
    mode, replicas = body.inner("spec").text("mode"), body.inner("status").inner("scale").text("statusReplicas")
    if mode == "sidecar":
        return healthy("it runs beside each pod that asks for it")
    ready, _, wanted = replicas.partition("/")
    if not (ready.isdecimal() and wanted.isdecimal()):
        return progressing("its operator has not counted its replicas yet")
    if ready == wanted and (ready != "0" or mode == "daemonset"):
        return healthy()
    said = f"{ready} of {wanted} replicas are ready"
    return degraded(said) if ready == "0" else progressing(said)


def application(body: Fields) -> Health:
    """A child Application is as its own status says."""
    health = body.inner("status").inner("health")
    if not health.has("status"):
        return progressing("the Application has no health yet")
    try:
        return Health(HealthStatus(health.text("status")), health.text("message"))
    except ValueError:
        return unknown(f"an Application has no health {health.text('status')!r}")


RULES: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "ReplicaSet"): replica_set,
    ("", "Pod"): pod,
    ("", "PersistentVolumeClaim"): volume_claim,
    ("", "Service"): service,
    ("networking.k8s.io", "Ingress"): ingress,
    ("extensions", "Ingress"): ingress,
    ("batch", "Job"): job,
    ("batch", "CronJob"): cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): autoscaler,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
    ("argoproj.io", "Workflow"): workflow,
    ("argoproj.io", "Application"): application,
    ("opentelemetry.io", "OpenTelemetryCollector"): collector,
}
"""(group, kind) -> rule, for kinds that need more than the lines of health_rules/."""


def rule_of(group: str, kind: str) -> Rule | None:
    """The rule of a kind. None: its kind has no health, and holds up no sync, as in Argo CD."""
    return RULES.get((group, kind)) or data_rule_of(group, kind)


def behind(body: Fields) -> bool:
    """Whether the controller has yet to look at the newest spec."""
    return body.inner("metadata").number("generation", 0) > body.inner("status").number("observedGeneration", 0)


def condition_of(status: Fields, kind: str, is_: str = "") -> Fields | None:
    """The condition of that type, with that status if one is given; None: there is none."""
    for condition in status.each("conditions"):
        if condition.text("type") == kind and is_ in ("", condition.text("status")):
            return condition
    return None


def has_address(body: Fields) -> bool:
    """Whether a load balancer gave an address."""
    return bool(body.inner("status").inner("loadBalancer").items("ingress"))
