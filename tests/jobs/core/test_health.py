"""Health of recorded objects (tests/objects) by the rules of each kind, and of an application by its objects."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.health import Child, Health, HealthStatus, application_health, assess, by_conditions, child_of, worst
from jobs.core.health_kinds import RULES
from jobs.core.health_rules import TABLES
from jobs.core.objects import ObjectId, identity, manifest_of

OBJECTS = Path(__file__).parents[2] / "objects"

HEALTHY, SUSPENDED, PROGRESSING = HealthStatus.HEALTHY, HealthStatus.SUSPENDED, HealthStatus.PROGRESSING
MISSING, DEGRADED, UNKNOWN = HealthStatus.MISSING, HealthStatus.DEGRADED, HealthStatus.UNKNOWN

STATES: dict[str, tuple[HealthStatus | None, str]] = {
    "deployment-healthy": (HEALTHY, ""),
    "deployment-scaled-to-zero": (HEALTHY, ""),
    "deployment-paused": (SUSPENDED, "paused"),
    "deployment-paused-and-behind": (SUSPENDED, "paused"),
    "deployment-behind": (PROGRESSING, "newest spec"),
    "deployment-new": (PROGRESSING, "newest spec"),
    "deployment-degraded": (DEGRADED, "timed out progressing"),
    "deployment-degraded-and-behind": (PROGRESSING, "newest spec"),
    "deployment-updating": (PROGRESSING, "1 of 3 replicas are updated"),
    "deployment-old-replicas-left": (PROGRESSING, "1 old replicas"),
    "deployment-not-available": (PROGRESSING, "1 of 3 updated replicas are available"),
    "deployment-quota-exceeded": (PROGRESSING, "0 of 3 replicas are updated"),
    "deployment-deleting": (PROGRESSING, "Pending deletion"),
    "deployment-unreadable-status": (UNKNOWN, "status.updatedReplicas must be a whole number"),
    "statefulset-healthy": (HEALTHY, ""),
    "statefulset-scaled-to-zero": (HEALTHY, ""),
    "statefulset-never-observed": (PROGRESSING, "newest spec"),
    "statefulset-behind": (PROGRESSING, "newest spec"),
    "statefulset-not-ready": (PROGRESSING, "2 of 3 replicas are ready"),
    "statefulset-updating": (PROGRESSING, "1 of 3 replicas are updated"),
    "statefulset-partition-pending": (PROGRESSING, "1 of 2 replicas are updated"),
    "statefulset-partition-done": (HEALTHY, ""),
    "statefulset-on-delete": (HEALTHY, ""),
    "statefulset-no-rolling-options": (PROGRESSING, "1 of 3 replicas are updated"),
    "statefulset-deleting": (PROGRESSING, "Pending deletion"),
    "daemonset-healthy": (HEALTHY, ""),
    "daemonset-no-nodes": (HEALTHY, ""),
    "daemonset-on-delete": (HEALTHY, ""),
    "daemonset-behind": (PROGRESSING, "newest spec"),
    "daemonset-updating": (PROGRESSING, "2 of 4 pods are updated"),
    "daemonset-not-available": (PROGRESSING, "3 of 4 pods are available"),
    "replicaset-healthy": (HEALTHY, ""),
    "replicaset-failure-over": (HEALTHY, ""),
    "replicaset-behind": (PROGRESSING, "newest spec"),
    "replicaset-not-available": (PROGRESSING, "0 of 2"),
    "replicaset-degraded": (DEGRADED, "exceeded quota"),
    "pod-healthy": (HEALTHY, ""),
    "pod-pending": (PROGRESSING, "not started"),
    "pod-creating": (PROGRESSING, "not started"),
    "pod-image-pull-backoff": (DEGRADED, "Back-off pulling image"),
    "pod-err-image-pull": (DEGRADED, "ErrImagePull"),
    "pod-config-error": (DEGRADED, 'secret "cart-db" not found'),
    "pod-crash-loop": (DEGRADED, "restarting failed container"),
    "pod-not-ready": (PROGRESSING, "not ready yet"),
    "pod-restarted-and-not-ready": (DEGRADED, "OOMKilled"),
    "pod-restarted-and-ready": (HEALTHY, ""),
    "pod-succeeded": (HEALTHY, ""),
    "pod-failed": (DEGRADED, "container cart ended with exit code 3"),
    "pod-failed-with-message": (DEGRADED, "migration 0042 failed"),
    "pod-failed-out-of-memory": (DEGRADED, "OOMKilled"),
    "pod-failed-in-init": (DEGRADED, "container migrate ended with exit code 2"),
    "pod-evicted": (DEGRADED, "low on resource"),
    "pod-running-once": (PROGRESSING, "running"),
    "pod-running-once-crash-loop": (PROGRESSING, "running"),
    "pod-running-once-judged-as-always": (HEALTHY, ""),
    "pod-hook-not-judged-as-always": (PROGRESSING, "running"),
    "pod-lost-node": (UNKNOWN, "no phase 'Unknown'"),
    "pod-deleting": (PROGRESSING, "Pending deletion"),
    "pod-hook-deleting": (HEALTHY, ""),
    "persistentvolumeclaim-bound": (HEALTHY, ""),
    "persistentvolumeclaim-pending": (PROGRESSING, "waits for a volume"),
    "persistentvolumeclaim-lost": (DEGRADED, "lost"),
    "persistentvolumeclaim-no-phase": (UNKNOWN, "no phase ''"),
    "service-cluster-ip": (HEALTHY, ""),
    "service-external-name": (HEALTHY, ""),
    "service-load-balancer-pending": (PROGRESSING, "no address"),
    "service-load-balancer-ready": (HEALTHY, ""),
    "service-of-another-group": (None, ""),
    "ingress-healthy": (HEALTHY, ""),
    "ingress-old-group": (HEALTHY, ""),
    "ingress-no-address": (PROGRESSING, "no address"),
    "ingress-empty-address-list": (PROGRESSING, "no address"),
    "job-new": (PROGRESSING, "running"),
    "job-running": (PROGRESSING, "running"),
    "job-complete": (HEALTHY, "Reached expected number"),
    "job-failed": (DEGRADED, "backoff limit"),
    "job-deadline-exceeded": (DEGRADED, "deadline"),
    "job-failing": (PROGRESSING, "running"),
    "job-failed-false": (PROGRESSING, "running"),
    "job-suspended": (SUSPENDED, "suspended"),
    "job-resumed": (PROGRESSING, "running"),
    "job-resumed-and-complete": (HEALTHY, ""),
    "job-resumed-and-failed": (DEGRADED, "backoff limit"),
    "job-deleting": (PROGRESSING, "Pending deletion"),
    "horizontalpodautoscaler-healthy": (HEALTHY, "recommended size"),
    "horizontalpodautoscaler-at-its-limit": (HEALTHY, "more than the maximum"),
    "horizontalpodautoscaler-target-at-zero": (HEALTHY, "recommended size"),
    "horizontalpodautoscaler-new": (PROGRESSING, "not worked yet"),
    "horizontalpodautoscaler-backing-off": (PROGRESSING, "not worked yet"),
    "horizontalpodautoscaler-no-metrics": (DEGRADED, "failed to get cpu utilization"),
    "horizontalpodautoscaler-no-target": (DEGRADED, "not found"),
    "horizontalpodautoscaler-v1-healthy": (HEALTHY, "recommended size"),
    "horizontalpodautoscaler-v1-no-metrics": (DEGRADED, "failed to get cpu utilization"),
    "horizontalpodautoscaler-v1-no-annotation": (PROGRESSING, "not worked yet"),
    "horizontalpodautoscaler-v1-spoilt-annotation": (UNKNOWN, "is no JSON"),
    "apiservice-available": (HEALTHY, "Passed: all checks passed"),
    "apiservice-unavailable": (PROGRESSING, "MissingEndpoints: endpoints for"),
    "apiservice-new": (PROGRESSING, "not asked yet"),
    "customresourcedefinition-established": (HEALTHY, ""),
    "cronjob-plain": (HEALTHY, ""),
    "cronjob-new": (HEALTHY, "not been scheduled"),
    "cronjob-running": (HEALTHY, "is running"),
    "cronjob-succeeded": (HEALTHY, ""),
    "cronjob-failed": (DEGRADED, "did not succeed"),
    "cronjob-suspended": (SUSPENDED, "suspended"),
    "customresourcedefinition-new": (PROGRESSING, "not served yet"),
    "customresourcedefinition-names-taken": (DEGRADED, "already in use"),
    "customresourcedefinition-deleting": (PROGRESSING, "Pending deletion"),
    "workflow-succeeded": (HEALTHY, ""),
    "workflow-new": (PROGRESSING, "running"),
    "workflow-pending": (PROGRESSING, "running"),
    "workflow-running": (PROGRESSING, "running"),
    "workflow-failed": (DEGRADED, "nightly-7fjxk-1"),
    "workflow-error": (DEGRADED, "failed"),
    "workflow-unheard-of": (UNKNOWN, "no phase 'Omitted'"),
    "application-healthy": (HEALTHY, ""),
    "application-degraded": (DEGRADED, "apps/Deployment shop/cart"),
    "application-progressing": (PROGRESSING, ""),
    "application-missing": (MISSING, ""),
    "application-new": (PROGRESSING, "no health yet"),
    "application-unheard-of": (UNKNOWN, "no health 'Splendid'"),
    "configmap-plain": (None, ""),
    "configmap-deleting": (PROGRESSING, "Pending deletion, held by example.com/keep"),
}


def an_object(state: str, **metadata: Any) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((OBJECTS / f"{state}.yaml").read_text())
    body["metadata"].update(metadata)
    return body


def a_child(state: str, **annotations: str) -> Child:
    body = an_object(state, annotations=annotations)
    return child_of(identity(body), body, manifest_of(body))


@pytest.mark.parametrize("state", STATES)
def test_an_object_is_judged_by_the_rule_of_its_kind(state: str) -> None:
    status, words = STATES[state]
    health = assess(an_object(state))
    assert (health and health.status) == status
    assert words in (health.message if health else "")


def test_every_recorded_object_is_judged_here() -> None:
    assert {path.stem for path in OBJECTS.glob("*.yaml")} == set(STATES)


def test_severity_rises_from_healthy_to_unknown() -> None:
    assert sorted(HealthStatus, key=lambda status: status.severity) == [
        HEALTHY,
        SUSPENDED,
        PROGRESSING,
        MISSING,
        DEGRADED,
        UNKNOWN,
    ]


def test_the_worst_of_many_is_the_most_severe_and_the_first_of_equals() -> None:
    many = [Health(HEALTHY), Health(DEGRADED, "first"), Health(PROGRESSING), Health(DEGRADED, "second")]
    assert worst(many) == Health(DEGRADED, "first")
    assert worst([]) is None


def test_a_container_message_of_any_length_stays_short_in_a_health() -> None:
    body = an_object("pod-failed-with-message")
    body["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = "x" * 100_000
    health = assess(body)
    assert health is not None
    assert len(health.message) < 1100


NAMES = [
    *("type", "status", "reason", "message", "conditions", "phase", "containerStatuses", "state", "waiting", "health"),
    *(
        "terminated",
        "lastState",
        "replicas",
        "updateStrategy",
        "rollingUpdate",
        "partition",
        "loadBalancer",
        "exitCode",
    ),
]
SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "True", "False", "Failed", "x", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


KINDS = sorted({*RULES, *(kind for rules in TABLES.values() for kind in rules)})


@settings(max_examples=150, deadline=None, database=None)
@given(kind=st.sampled_from(KINDS), spec=SCRAPS, status=SCRAPS, metadata=SCRAPS)
def test_no_shape_of_an_object_makes_judging_it_fail(
    kind: tuple[str, str], spec: Any, status: Any, metadata: Any
) -> None:
    group, name = (part.replace("*", "any") for part in kind)
    version = f"{group}/v1" if group else "v1"
    body = {"apiVersion": version, "kind": name, "metadata": metadata, "spec": spec, "status": status}
    assert assess(body) is not None
    by_conditions({**body, "kind": "Unheard"})


@pytest.mark.parametrize(
    "body",
    [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": "x"},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": True}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "status": ["Healthy"]},
        {"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": ["Complete"]}},
        {"apiVersion": "v1", "kind": "Pod", "status": {"phase": 1}},
        {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": []}},
        {"apiVersion": 1, "kind": "Pod"},
        {"apiVersion": "v1", "kind": ["Pod"]},
    ],
)
def test_an_object_of_a_wrong_shape_is_unknown_and_says_where(body: dict[str, Any]) -> None:
    health = assess(body)
    assert health is not None
    assert health.status is UNKNOWN
    assert "must be" in health.message


def test_conditions_nested_without_end_in_an_annotation_are_unknown() -> None:
    body = an_object("horizontalpodautoscaler-v1-healthy")
    body["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/conditions"] = "[" * 100_000
    health = assess(body)
    assert health is not None
    assert health.status is UNKNOWN


def test_what_a_script_says_wins_over_the_rule_but_not_over_the_deletion() -> None:
    said = Health(SUSPENDED, "by hand")
    assert assess(an_object("deployment-degraded"), said) == said
    assert assess(an_object("configmap-plain"), said) == said
    deleting = assess(an_object("deployment-deleting"), said)
    assert deleting is not None
    assert deleting.status is PROGRESSING


def test_a_message_of_a_script_of_any_length_stays_short() -> None:
    health = assess(an_object("configmap-plain"), Health(DEGRADED, "x" * 100_000))
    assert health is not None
    assert len(health.message) < 1100


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, HEALTHY),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, HEALTHY),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "not yet"}]}, PROGRESSING),
        ({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}], "observedGeneration": 1}, None),
        ({"conditions": [{"type": "Available", "status": "Unknown"}]}, PROGRESSING),
        ({"conditions": [{"type": "Reconciling", "status": "True"}]}, PROGRESSING),
        ({"conditions": [{"type": "Stalled", "status": "True", "message": "no such image"}]}, DEGRADED),
        ({"conditions": [{"type": "Degraded", "status": "True"}, {"type": "Ready", "status": "True"}]}, DEGRADED),
        ({"conditions": "none"}, None),
    ],
)
def test_a_kind_without_a_rule_can_be_judged_by_the_usual_conditions(
    status: dict[str, Any], word: HealthStatus | None
) -> None:
    body = {"apiVersion": "example.com/v1", "kind": "Mystery", "metadata": {"generation": 2}, "status": status}
    assert assess(body) is None
    health = by_conditions(body)
    assert (health and health.status) is (PROGRESSING if status.get("observedGeneration") else word)


def test_the_usual_conditions_say_nothing_of_a_kind_with_a_rule() -> None:
    assert by_conditions(an_object("deployment-healthy")) is None
    assert by_conditions({"apiVersion": "cert-manager.io/v1", "kind": "Issuer"}) is None


def test_an_application_is_as_healthy_as_its_worst_object_and_names_it() -> None:
    health = application_health([a_child("service-cluster-ip"), a_child("deployment-degraded"), a_child("job-running")])
    assert health.status is DEGRADED
    assert health.message.startswith("apps/Deployment shop/cart: ReplicaSet")


def test_an_application_of_healthy_objects_and_of_none_is_healthy() -> None:
    assert application_health([a_child("deployment-healthy"), a_child("configmap-plain")]) == Health(HEALTHY)
    assert application_health([]) == Health(HEALTHY)


def test_a_missing_object_does_not_degrade_an_application() -> None:
    wanted = manifest_of(an_object("service-cluster-ip"))
    missing = child_of(wanted.id, None, wanted)
    assert missing.health == Health(MISSING)
    assert application_health([missing, a_child("deployment-healthy")]).status is HEALTHY


def test_an_application_is_missing_when_none_of_its_objects_is_there() -> None:
    wanted = [manifest_of(an_object(state)) for state in ("service-cluster-ip", "deployment-healthy")]
    assert application_health([child_of(manifest.id, None, manifest) for manifest in wanted]).status is MISSING


@pytest.mark.parametrize(
    "annotations",
    [
        {"argocd.argoproj.io/ignore-healthcheck": "true"},
        {"argocd.argoproj.io/hook": "PreSync"},
        {"argocd.argoproj.io/hook": "not-a-hook"},
        {"helm.sh/hook": "pre-install"},
    ],
)
def test_hooks_and_objects_with_ignore_healthcheck_do_not_count(annotations: dict[str, str]) -> None:
    children = [a_child("job-failed", **annotations), a_child("deployment-healthy")]
    assert application_health(children).status is HEALTHY


def test_an_application_of_hooks_alone_is_not_missing() -> None:
    wanted = manifest_of(an_object("job-new", annotations={"argocd.argoproj.io/hook": "PreSync"}))
    assert application_health([child_of(wanted.id, None, wanted)]).status is HEALTHY


def test_an_extraneous_object_that_may_stay_does_not_count_unless_it_is_rendered() -> None:
    body = an_object("deployment-degraded", annotations={"argocd.argoproj.io/compare-options": "X, IgnoreExtraneous"})
    extra, rendered = child_of(identity(body), body), child_of(identity(body), body, manifest_of(body))
    assert application_health([extra]).status is HEALTHY
    assert application_health([rendered]).status is DEGRADED


@pytest.mark.parametrize(
    ("state", "status"),
    [("application-missing", HEALTHY), ("application-unheard-of", HEALTHY), ("application-degraded", DEGRADED)],
)
def test_a_child_application_counts_unless_it_is_missing_or_unknown(state: str, status: HealthStatus) -> None:
    assert application_health([a_child(state)]).status is status


def test_an_application_that_holds_its_own_object_does_not_judge_itself_by_it() -> None:
    child = a_child("application-degraded")
    itself = ObjectId("argoproj.io", "Application", "shop", "cart-prod")
    assert application_health([child], itself).status is HEALTHY


def test_an_object_that_is_being_deleted_keeps_its_application_progressing() -> None:
    assert application_health([a_child("configmap-deleting")]).status is PROGRESSING
