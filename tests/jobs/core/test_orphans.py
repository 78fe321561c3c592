"""Which objects of a namespace belong to nobody."""

from typing import Any

import pytest

from jobs.core.errors import InvalidSpecError
from jobs.core.inventory import Owner
from jobs.core.orphans import is_asked, orphans, warning
from jobs.core.rules import Rules
from tests.builders import a_body, a_live, a_manifest, an_application, some_rules

TRACKED = {"annotations": {"argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/left"}}


def rules(*ignore: dict[str, str], warn: bool | None = True, **spec: Any) -> Rules:
    allowing = {"destinations": [{"server": "*", "namespace": "*"}]}
    project = {"spec": allowing | spec | {"orphanedResources": {"warn": warn, "ignore": [*ignore]}}}
    return some_rules(project=project, neighbours={"default/pilothouse.web", "default/pilothouse.till"})


def left(body: dict[str, Any] | None = None, **over: Any) -> tuple[str, ...]:
    return orphans([body or a_body("ConfigMap", "left")], rules(**over))


def test_it_is_asked_for_by_the_project_and_needs_a_namespace() -> None:
    assert is_asked(rules())
    assert not is_asked(rules(warn=False))
    assert not is_asked(rules(warn=None))
    assert not is_asked(some_rules())
    nowhere = some_rules(an_application(spec={"destination": {"namespace": None}}), project=rules().project)
    assert not is_asked(nowhere)


def test_an_object_of_nobody_is_an_orphan() -> None:
    assert left() == ("ConfigMap shop/left",)
    assert left(a_body("ConfigMap", "left", metadata=TRACKED)) == ("ConfigMap shop/left",)


OWNER = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web"}]}
GONE, OTHER = Owner("default", "pilothouse", "gone"), Owner("blue", "pilothouse", "web")


@pytest.mark.parametrize(
    ("body", "orphan"),
    [
        (a_live(a_manifest()), False),
        (a_live(a_manifest(owner=Owner("default", "pilothouse", "till"))), False),
        (a_live(a_manifest(owner=OTHER)), False),  # another installation knows its own
        (a_live(a_manifest(owner=GONE)), True),  # its Application is gone
        (a_live(a_manifest(), metadata={"name": "copied"}), True),  # marks that were copied from another object
        (a_body("Pod", "web-1", metadata=OWNER), False),
        (a_body("ConfigMap", "web", metadata={"deletionTimestamp": "2026-11-01T12:00:00Z"}), False),
        (a_body("ConfigMap", "kube-root-ca.crt"), False),
        (a_body("ServiceAccount", "default"), False),
        (a_body("Secret", "t", metadata={"annotations": {"kubernetes.io/service-account.name": "default"}}), False),
        (a_body("Secret", "t", metadata={"annotations": {"kubernetes.io/service-account.name": "bot"}}), True),
        (a_body("Service", "kubernetes", metadata={"namespace": "default"}), False),
        (a_body("Service", "kubernetes"), True),
        (a_body("Endpoints", "web"), False),
        (a_body("Event", "web"), False),
    ],
)
def test_what_belongs_to_somebody_or_to_kubernetes_is_none(body: dict[str, Any], orphan: bool) -> None:
    assert bool(orphans([body], rules())) is orphan


def test_what_the_project_does_not_allow_is_somebody_elses_business() -> None:
    assert left(namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}]) == ()
    assert left(destinations=[{"server": "*", "namespace": "till"}]) == ()


@pytest.mark.parametrize(
    ("entry", "ignored"),
    [
        ({"kind": "ConfigMap", "name": "left"}, True),
        ({"kind": "ConfigMap"}, True),
        ({"name": "le*"}, True),
        ({"kind": "Config*", "name": "other"}, False),
        ({"group": "*", "kind": "ConfigMap"}, True),
        ({"group": "apps", "kind": "ConfigMap"}, False),
        ({}, True),
    ],
)
def test_what_the_project_ignores_is_none(entry: dict[str, str], ignored: bool) -> None:
    assert (orphans([a_body("ConfigMap", "left")], rules(entry)) == ()) is ignored


def test_a_glob_that_makes_no_sense_is_named() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.orphanedResources\.ignore\[0\]: a \[ is not closed"):
        orphans([a_body()], rules({"name": "["}))


def test_the_warning_counts_and_names_the_first() -> None:
    assert warning((), (), rules()) == ""
    assert warning(("ConfigMap shop/a",), (), rules()) == (
        "an object in namespace shop belongs to no Application: ConfigMap shop/a"
    )
    found = tuple(f"ConfigMap shop/{name}" for name in "abcdefg")
    assert warning(found, ("Secret",), rules()) == (
        "7 objects in namespace shop belong to no Application: ConfigMap shop/a, ConfigMap shop/b, ConfigMap shop/c, "
        "ConfigMap shop/d, ConfigMap shop/e and 2 more; not listed: Secret"
    )
