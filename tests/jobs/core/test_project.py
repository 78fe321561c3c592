"""What an AppProject allows: sources, destinations, kinds."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER, Cluster, ClusterCredentials
from jobs.core.objects import ObjectId
from jobs.core.project import application_refusals, destination_refusals, object_refusal
from jobs.core.scope import Scope
from tests.builders import an_application

CONFIG, ROLE = ObjectId("", "ConfigMap", "shop", "web"), ObjectId("rbac.authorization.k8s.io", "ClusterRole", "", "web")
EVERYWHERE = [{"server": "*", "namespace": "*"}]
EDGE = Cluster("edge", ClusterCredentials("https://10.0.0.1:6443"))


def refused(target: ObjectId, cluster: Cluster = HOME_CLUSTER, **spec: Any) -> str | None:
    return object_refusal({"spec": {"destinations": EVERYWHERE} | spec}, an_application(), target, cluster)


def test_without_a_project_object_only_default_is_allowed() -> None:
    assert application_refusals(None, an_application(), home="pilothouse") == ()
    assert object_refusal(None, an_application(), CONFIG, HOME_CLUSTER) is None
    assert destination_refusals(None, an_application(), HOME_CLUSTER) == ()
    named = an_application(spec={"project": "shop"})
    assert application_refusals(None, named, home="pilothouse") == (
        "spec.project: there is no AppProject shop in namespace pilothouse",
    )


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        (["*"], True),
        (["https://git.example.org/*"], True),
        (["git@git.example.org:shop.git"], True),  # another form of the same address
        (["https://other.example.org/*"], False),
        ([], False),
        (["*", "!https://git.example.org/shop"], False),
        (["!https://git.example.org/shop.git", "*"], False),
        (["!https://other.example.org/*"], False),  # a denial allows nothing
        (["https://git.example.org/sho?.git"], True),
    ],
)
def test_the_repository_must_be_among_the_projects_sources(patterns: list[str], allowed: bool) -> None:
    found = application_refusals({"spec": {"sourceRepos": patterns}}, an_application(), home="pilothouse")
    assert (found == ()) is allowed


def test_a_refusal_never_repeats_a_password() -> None:
    application = an_application(spec={"source": {"repoURL": "https://ada:hunter2@git.example.org/shop.git"}})
    (said,) = application_refusals({"spec": {}}, application, home="pilothouse")
    assert said == "AppProject default: spec.sourceRepos does not allow https://git.example.org/shop.git"


def test_an_application_outside_home_needs_the_projects_leave() -> None:
    application = an_application(metadata={"namespace": "team-a"})
    spec = {"sourceRepos": ["*"]}
    assert application_refusals({"spec": spec}, application, home="pilothouse") != ()
    for patterns, allowed in ((["team-*"], True), (["team-*", "!team-a"], False)):
        found = application_refusals({"spec": {**spec, "sourceNamespaces": patterns}}, application, home="pilothouse")
        assert (found == ()) is allowed


@pytest.mark.parametrize(
    ("destinations", "allowed"),
    [
        (EVERYWHERE, True),
        ([{"server": "https://kubernetes.default.svc", "namespace": "shop"}], True),
        ([{"name": "in-cluster", "namespace": "sh*"}], True),
        ([{"server": "https://other", "namespace": "*"}], False),
        ([{"server": "*", "namespace": "other"}], False),
        ([{"namespace": "*"}], False),
        ([*EVERYWHERE, {"server": "*", "namespace": "!shop"}], False),
        ([*EVERYWHERE, {"server": "!https://kubernetes.default.svc", "namespace": "*"}], False),
        ([], False),
    ],
)
def test_the_destination_of_an_object_must_be_allowed(destinations: list[dict[str, str]], allowed: bool) -> None:
    assert (refused(CONFIG, destinations=destinations) is None) is allowed


@pytest.mark.parametrize("by", ["server", "name"])
def test_a_cluster_that_is_denied_by_one_name_is_not_reached_by_another(by: str) -> None:
    named = {"server": EDGE.server, "name": EDGE.name}[by]
    assert refused(CONFIG, EDGE, destinations=[{by: named, "namespace": "*"}]) is None
    assert refused(CONFIG, EDGE, destinations=[*EVERYWHERE, {by: f"!{named}", "namespace": "*"}]) is not None


def test_a_cluster_may_not_call_itself_by_the_address_of_another() -> None:
    posing = replace(EDGE, name="https://kubernetes.default.svc")
    destinations = [{"server": "https://kubernetes.default.svc", "namespace": "*"}]
    assert refused(CONFIG, posing, destinations=destinations) is not None


def test_the_clusters_of_a_project_are_its_destinations_unless_denied() -> None:
    own = replace(EDGE, project="default", scope=Scope(("shop",), cluster_resources=False))
    assert refused(CONFIG, own, destinations=[]) is None
    assert refused(replace(CONFIG, namespace="other"), own, destinations=[]) is not None
    assert refused(CONFIG, own, destinations=[{"name": "edge", "namespace": "!shop"}]) is not None
    assert refused(CONFIG, replace(own, project="till"), destinations=[]) is not None


def test_a_project_may_permit_its_own_clusters_only() -> None:
    only = {"spec": {"destinations": EVERYWHERE, "permitOnlyProjectScopedClusters": True}}
    assert destination_refusals(only, an_application(), replace(EDGE, project="default")) == ()
    assert destination_refusals({"spec": {"destinations": EVERYWHERE}}, an_application(), EDGE) == ()
    for cluster, name in ((EDGE, "edge"), (HOME_CLUSTER, "in-cluster")):
        assert destination_refusals(only, an_application(), cluster) == (
            f"AppProject default: spec.permitOnlyProjectScopedClusters does not allow cluster {name}, "
            "whose Secret does not name the project",
        )


def test_the_destination_itself_must_be_allowed_not_only_where_the_objects_go() -> None:
    """Its namespace is where an impersonated account is looked for."""
    spec = {"destinations": [{"server": "*", "namespace": "team-*"}]}
    assert destination_refusals({"spec": spec}, an_application(), HOME_CLUSTER) == (
        "AppProject default: spec.destinations does not allow namespace shop there",
    )
    allowed = an_application(spec={"destination": {"namespace": "team-a"}})
    assert destination_refusals({"spec": spec}, allowed, HOME_CLUSTER) == ()


def test_a_refusal_says_which_global_projects_had_a_say() -> None:
    project = {"spec": {"destinations": []}, "inheritsFrom": ["base"]}
    assert destination_refusals(project, an_application(), HOME_CLUSTER) == (
        "AppProject default (with base): spec.destinations does not allow namespace shop there",
    )


def test_a_denied_namespace_denies_no_object_without_one() -> None:
    destinations = [*EVERYWHERE, {"server": "*", "namespace": "!kube-system"}]
    listed = [{"group": "*", "kind": "*"}]
    assert refused(ROLE, destinations=destinations, clusterResourceWhitelist=listed) is None


@pytest.mark.parametrize(
    ("target", "spec", "allowed"),
    [
        (CONFIG, {}, True),
        (CONFIG, {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}, False),
        (CONFIG, {"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}, False),
        (CONFIG, {"namespaceResourceWhitelist": []}, False),
        (ROLE, {}, False),
        (ROLE, {"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, True),
        (ROLE, {"clusterResourceWhitelist": [{"group": "*", "kind": "*", "name": "other"}]}, False),
        (
            ROLE,
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "*", "kind": "ClusterRole"}],
            },
            False,
        ),
    ],
)
def test_kinds_are_allowed_by_the_lists_for_their_scope(target: ObjectId, spec: dict[str, Any], allowed: bool) -> None:
    assert (refused(target, **spec) is None) is allowed


def test_a_restriction_that_is_not_enforced_refuses() -> None:
    project = {"spec": {"sourceRepos": ["*"], "signatureKeys": [{"keyID": "4AEE18F83AFDEB23"}]}}
    assert application_refusals(project, an_application(), home="pilothouse") == (
        "AppProject default: spec.signatureKeys is not supported yet",
    )
