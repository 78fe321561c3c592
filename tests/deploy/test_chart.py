"""What the chart renders: settings, security of the pods, who may speak to whom, and what it refuses."""

import re
from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER
from jobs.core.project import application_refusals, destination_refusals, object_refusal
from jobs.settings import Settings
from receiver.settings import ReceiverSettings
from tests.builders import an_application, an_id
from tests.deploy.rendering import CHART, ChartError, Object, Values, crds, notes, one, pod_of, render

WORKLOADS = [("Deployment", "receiver"), ("Deployment", "worker"), ("StatefulSet", "valkey")]
OWN_RULES: Values = {
    "worker": {"clusterAdmin": False, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}]}
}


def workload(part: str, values: Values | None = None) -> Object:
    kind = next(kind for kind, name in WORKLOADS if name == part)
    return one(render(values), kind, f"pilothouse-{part}")


def environment(part: str, values: Values | None = None) -> dict[str, Any]:
    container = pod_of(workload(part, values))["containers"][0]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


def policy(part: str, values: Values | None = None) -> Object:
    spec: Object = one(render(values), "NetworkPolicy", f"pilothouse-{part}")["spec"]
    return spec


@pytest.mark.parametrize("part", ["receiver", "worker"])
def test_each_variable_the_chart_sets_is_a_setting(part: str) -> None:
    fields = ReceiverSettings.model_fields if part == "receiver" else Settings.model_fields
    known = {f"PILOTHOUSE_{name.upper()}" for name in fields}
    assert environment(part).keys() <= known


def test_the_settings_reach_both_processes_as_they_were_written() -> None:
    values = {"settings": {"SWEEP_INTERVAL_S": "30", "LOG_LEVEL": "debug"}, "installation": "blue", "namespaces": ["a"]}
    for part in ("receiver", "worker"):
        found = environment(part, values)
        assert found["PILOTHOUSE_SWEEP_INTERVAL_S"] == "30"
        assert found["PILOTHOUSE_LOG_LEVEL"] == "debug"
        assert found["PILOTHOUSE_INSTALLATION"] == "blue"
        assert found["PILOTHOUSE_NAMESPACES"] == "pilothouse,a"


def test_valkey_writes_every_mark_to_disk_and_forgets_none() -> None:
    args = pod_of(workload("valkey"))["containers"][0]["args"]
    given = dict(zip(args[::2], args[1::2], strict=True))
    assert given["--appendonly"] == "yes"
    assert given["--appendfsync"] == "always"
    assert given["--maxmemory-policy"] == "noeviction"
    assert given["--dir"] == "/data"


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "redis://pilothouse-valkey.pilothouse.svc:6379/0"),
        ({"redis": {"url": "rediss://valkey.example.com:6380/1"}}, "rediss://valkey.example.com:6380/1"),
        ({"redis": {"existingSecret": "queue"}}, {"secretKeyRef": {"name": "queue", "key": "url"}}),
        ({"valkey": {"passwordSecret": "pw"}}, "redis://:$(VALKEY_PASSWORD)@pilothouse-valkey.pilothouse.svc:6379/0"),
    ],
)
def test_the_queue_is_the_charts_own_or_the_one_given(values: Values, url: Any) -> None:
    for part in ("receiver", "worker"):
        assert environment(part, values)["PILOTHOUSE_REDIS_URL"] == url
    own = "redis" not in values
    assert any(body["kind"] == "StatefulSet" for body in render(values)) == own


def test_a_valkey_password_comes_from_its_secret_before_it_is_used() -> None:
    values = {"valkey": {"passwordSecret": "pw"}}
    for part in ("receiver", "worker", "valkey"):
        found = environment(part, values)
        assert found["VALKEY_PASSWORD"] == {"secretKeyRef": {"name": "pw", "key": "password"}}
    names = list(environment("worker", values))
    assert names.index("VALKEY_PASSWORD") < names.index("PILOTHOUSE_REDIS_URL")
    assert "--requirepass" in pod_of(workload("valkey", values))["containers"][0]["args"]


@pytest.mark.parametrize(("kind", "part"), WORKLOADS)
def test_every_pod_keeps_the_restricted_standard_and_its_root_read_only(kind: str, part: str) -> None:
    pod = pod_of(one(render(), kind, f"pilothouse-{part}"))
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["enableServiceLinks"]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["livenessProbe"]
        assert container["readinessProbe"]


def test_probes_ask_what_the_processes_answer() -> None:
    receiver, worker = (pod_of(workload(part))["containers"][0] for part in ("receiver", "worker"))
    assert receiver["ports"] == [{"name": "http", "containerPort": 8080}]
    assert receiver["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert receiver["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert worker["ports"] == [{"name": "metrics", "containerPort": 8081}]
    assert worker["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}


def test_writable_places_are_volumes() -> None:
    worker = pod_of(workload("worker"))
    assert environment("worker")["PILOTHOUSE_DATA_DIR"] in {
        mount["mountPath"] for mount in worker["containers"][0]["volumeMounts"]
    }
    assert all("sizeLimit" in volume["emptyDir"] for volume in worker["volumes"])


def test_only_valkey_has_no_token_of_the_cluster() -> None:
    assert pod_of(workload("valkey"))["automountServiceAccountToken"] is False
    for part in ("receiver", "worker"):
        assert pod_of(workload(part))["serviceAccountName"] == f"pilothouse-{part}"


def test_an_image_by_digest_beats_its_tag() -> None:
    digest = "sha256:" + "a" * 64
    values = {"image": {"repository": "registry.example.com/pilothouse", "digest": digest, "tag": "x"}}
    for part in ("receiver", "worker"):
        assert pod_of(workload(part, values))["containers"][0]["image"] == f"registry.example.com/pilothouse@{digest}"


def test_no_image_is_latest() -> None:
    for part in ("receiver", "worker", "valkey"):
        image = pod_of(workload(part))["containers"][0]["image"]
        assert re.search(r":[0-9]+\.[0-9]+\.[0-9]+$", image)


def test_the_receiver_reaches_the_queue_the_api_server_and_names_only() -> None:
    values = {"networkPolicy": {"apiServerCidrs": ["192.0.2.10/32"]}}
    dns, queue, api = policy("receiver", values)["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert queue["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "valkey"
    assert api["to"] == [{"ipBlock": {"cidr": "192.0.2.10/32"}}]
    assert {port["port"] for port in api["ports"]} == {443, 6443}


def test_valkey_hears_receiver_and_worker_only_and_speaks_to_nobody() -> None:
    found = policy("valkey")
    parts = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in found["ingress"][0]["from"]]
    assert parts == ["receiver", "worker"]
    assert found["policyTypes"] == ["Ingress", "Egress"]
    assert found["egress"] == []


def test_the_worker_hears_nobody_and_never_asks_the_cloud_for_the_nodes_credentials() -> None:
    found = policy("worker")
    assert found["ingress"] == []
    anywhere = found["egress"][-1]["to"]
    assert anywhere[0] == {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}


def test_selectors_of_policies_services_and_budgets_match_the_pods() -> None:
    objects = render({"worker": {"replicas": 2}, "serviceMonitor": {"enabled": True}})
    labels = {
        part: one(objects, kind, f"pilothouse-{part}")["spec"]["template"]["metadata"]["labels"]
        for kind, part in WORKLOADS
    }
    for body in objects:
        spec, part = body.get("spec", {}), body["metadata"]["labels"].get("app.kubernetes.io/component")
        selector = spec.get("podSelector") or spec.get("selector")
        if body["kind"] in ("NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment", "StatefulSet"):
            wanted = selector.get("matchLabels", selector)
            assert wanted.items() <= labels[part].items(), body


def test_a_drained_node_takes_one_pod_at_a_time_but_never_waits_for_a_single_one() -> None:
    budgets = [body["metadata"]["name"] for body in render() if body["kind"] == "PodDisruptionBudget"]
    assert budgets == ["pilothouse-receiver"]


def test_the_worker_is_cluster_admin_only_by_its_switch() -> None:
    def roles(values: Values | None) -> list[str]:
        bound = [body for body in render(values) if body["kind"] == "ClusterRoleBinding"]
        return [body["roleRef"]["name"] for body in bound if "worker" in body["metadata"]["name"]]

    assert roles(None) == ["cluster-admin"]
    assert roles(OWN_RULES) == ["pilothouse-worker.pilothouse"]
    assert roles({"worker": {"clusterAdmin": False}}) == []


def impersonators(values: Values | None) -> set[tuple[str, str]]:
    """Kind and namespace of every role that lets somebody act as others."""
    roles = [body for body in render(values) if body["kind"] in ("Role", "ClusterRole")]
    verbs = [(body, {verb for rule in body["rules"] for verb in rule["verbs"]}) for body in roles]
    return {(body["kind"], body["metadata"].get("namespace", "")) for body, found in verbs if "impersonate" in found}


def test_the_worker_acts_as_others_only_on_request_and_in_named_namespaces() -> None:
    assert impersonators(None) == impersonators(OWN_RULES) == set()
    assert "PILOTHOUSE_IMPERSONATION" not in environment("worker")
    on: Values = {"worker": {"clusterAdmin": False, "impersonation": {"enabled": True}}}
    assert impersonators(on) == {("ClusterRole", "")}
    assert environment("worker", on)["PILOTHOUSE_IMPERSONATION"] == "true"
    assert "PILOTHOUSE_IMPERSONATION" not in environment("receiver", on)
    named: Values = {"worker": {"clusterAdmin": False, "impersonation": {"enabled": True, "namespaces": ["a", "b"]}}}
    assert impersonators(named) == {("Role", "a"), ("Role", "b")}
    binding = one(render(named), "RoleBinding", "pilothouse-worker-impersonator", "a")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "pilothouse-worker", "namespace": "pilothouse"}]


def test_the_default_project_allows_everything_until_it_is_narrowed() -> None:
    spec = one(render({"namespaces": ["team-a"]}), "AppProject", "default", "pilothouse")["spec"]
    application = an_application(metadata={"namespace": "team-a"})
    assert application_refusals({"spec": spec}, application, home="pilothouse") == ()
    assert destination_refusals({"spec": spec}, application, HOME_CLUSTER) == ()
    for target in (an_id(), an_id("web", "ClusterRole", "", "rbac.authorization.k8s.io")):
        assert object_refusal({"spec": spec}, application, target, HOME_CLUSTER) is None

    narrowed = {"sourceRepos": ["https://git.example.org/*"], "sourceNamespaces": []}
    values: Values = {"namespaces": ["team-a"], "defaultProject": {"spec": narrowed}}
    spec = one(render(values), "AppProject", "default")["spec"]
    assert spec["sourceRepos"] == ["https://git.example.org/*"]
    assert application_refusals({"spec": spec}, application, home="pilothouse") == (
        "AppProject default: spec.sourceNamespaces does not allow namespace team-a",
    )
    assert not any(body["kind"] == "AppProject" for body in render({"defaultProject": {"create": False}}))


def test_the_receiver_is_never_bound_to_more_than_its_own_roles() -> None:
    bound = [body for body in render() if body["kind"].endswith("RoleBinding")]
    mine = [body for body in bound if any(subject["name"] == "pilothouse-receiver" for subject in body["subjects"])]
    assert {body["roleRef"]["name"] for body in mine} == {"pilothouse-receiver", "pilothouse-receiver.pilothouse"}


def test_each_served_namespace_gets_roles_but_only_home_shows_secrets() -> None:
    objects = render({"namespaces": ["team-a", "pilothouse"]})
    for part in ("receiver", "worker"):
        resources = {
            body["metadata"]["namespace"]: [name for rule in body["rules"] for name in rule["resources"]]
            for body in objects
            if body["kind"] == "Role" and body["metadata"]["name"] == f"pilothouse-{part}"
        }
        assert resources.keys() == {"pilothouse", "team-a"}
        assert "secrets" in resources["pilothouse"]
        assert "secrets" not in resources["team-a"]


def test_two_releases_share_no_cluster_scoped_name() -> None:
    def names(namespace: str, name: str) -> set[tuple[str, str]]:
        found = render(OWN_RULES, namespace, name)
        return {(body["kind"], body["metadata"]["name"]) for body in found if "namespace" not in body["metadata"]}

    assert names("a", "pilothouse").isdisjoint(names("b", "pilothouse"))
    assert names("a", "pilothouse").isdisjoint(names("a", "other"))


def test_every_object_says_where_it_belongs() -> None:
    scoped = {"ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    for body in render(OWN_RULES):
        assert ("namespace" in body["metadata"]) == (body["kind"] not in scoped)
        assert body["metadata"]["labels"]["app.kubernetes.io/part-of"] == "pilothouse"


def test_an_ingress_shows_the_webhook_and_nothing_else() -> None:
    body = one(
        render({"ingress": {"enabled": True, "host": "hooks.example.com", "tlsSecret": "t"}}), "Ingress", "pilothouse"
    )
    rule = body["spec"]["rules"][0]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/api/webhook", "Exact")]
    assert body["spec"]["tls"] == [{"hosts": ["hooks.example.com"], "secretName": "t"}]
    assert "https://hooks.example.com/api/webhook" in notes(
        {"ingress": {"enabled": True, "host": "hooks.example.com", "tlsSecret": "t"}}
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"recevier": {}}, "recevier"),
        ({"receiver": {"replica": 2}}, "replica"),
        ({"settings": {"SWEEP_INTERVAL_S": 30}}, "want string"),
        ({"settings": {"DATA_DIR": "/x"}}, "DATA_DIR"),
        ({"settings": {"sweep": "1"}}, "sweep"),
        ({"ingress": {"enabled": True}}, "ingress.host is missing"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
        ({"redis": {"url": "http://x"}}, "url"),
        ({"networkPolicy": {"apiServerCidrs": []}}, "apiServerCidrs"),
        ({"namespaces": ["Not_A_Name"]}, "namespaces"),
        ({"worker": {"replicas": 0}}, "replicas"),
    ],
)
def test_wrong_values_are_refused_by_name(values: Values, words: str) -> None:
    with pytest.raises(ChartError, match=re.escape(words)):
        render(values)


def test_the_notes_say_what_is_wide_open() -> None:
    assert "worker is cluster-admin" in notes()
    assert "Valkey has no password" in notes()
    narrow = {**OWN_RULES, "valkey": {"passwordSecret": "p"}, "networkPolicy": {"apiServerCidrs": ["192.0.2.1/32"]}}
    for words in ("cluster-admin", "no password", "any address"):
        assert words not in notes(narrow)


def test_rendering_looks_nothing_up_and_rolls_no_dice() -> None:
    for path in (CHART / "templates").rglob("*.*"):
        text = path.read_text()
        for function in ("lookup", "randAlpha", "genCA", "genSelfSigned", "genSigned", "uuidv4", "now "):
            assert not re.search(rf"\b{function}", text.replace("right now", "")), f"{path.name} uses {function}"


def test_the_chart_brings_both_crds() -> None:
    assert sorted(body["metadata"]["name"] for body in crds()) == [
        "applications.argoproj.io",
        "appprojects.argoproj.io",
    ]
