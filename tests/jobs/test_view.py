"""The worker's view of all Applications."""

from typing import Any

from jobs.core.application import KINDS
from jobs.core.objects import ObjectId
from jobs.view import View
from tests.builders import an_application, an_application_body, an_id

SHOP = "git.example.org/shop"
UNREADABLE = an_application_body(spec={"source": None})


def a_view(*bodies: dict[str, Any]) -> View:
    view = View()
    for body in bodies:
        view.put(body)
    return view


def named(name: str, **over: Any) -> dict[str, Any]:
    return an_application_body(**{"metadata": {"name": name}} | over)


def test_a_new_application_asks_for_work_and_the_same_again_does_not() -> None:
    view = View()
    assert view.put(named("a"))
    assert not view.put(named("a"))
    assert view.put(named("a", spec={"source": {"targetRevision": "v2"}}))


def test_applications_are_found_by_the_one_name_of_their_repository() -> None:
    other = named("b", spec={"source": {"repoURL": "git@git.example.org:shop.git"}})
    view = a_view(named("a"), other)
    assert [application.name for application in view.using(SHOP)] == ["a", "b"]
    assert view.repositories() == (SHOP,)


def test_a_changed_repository_is_forgotten_and_the_new_one_known() -> None:
    view = a_view(named("a"))
    view.put(named("a", spec={"source": {"repoURL": "https://git.example.org/other.git"}}))
    assert view.using(SHOP) == []
    assert view.repositories() == ("git.example.org/other",)


def test_a_deleted_application_is_gone() -> None:
    view = a_view(named("a"), named("b"))
    view.drop("pilothouse/a")
    view.drop("pilothouse/never-there")
    assert [*view] == ["pilothouse/b"]
    assert len(view.using(SHOP)) == 1


def test_an_unreadable_application_is_known_by_name_only() -> None:
    view = a_view(UNREADABLE)
    assert [*view] == ["pilothouse/web"]
    assert view.get("pilothouse/web") is None
    assert "default/pilothouse.web" in view.tracked("default")
    assert "default/pilothouse.gone" not in view.tracked("default")
    assert "another/pilothouse.web" not in view.tracked("default")


def status_of(*objects: ObjectId) -> dict[str, Any]:
    return {"resources": [{"kind": item.kind, "namespace": item.namespace, "name": item.name} for item in objects]}


def test_what_others_at_the_same_destination_want_is_told() -> None:
    elsewhere = {"spec": {"destination": {"server": "https://far.example.org"}}}
    view = a_view(
        named("web", status=status_of(an_id("mine"))),
        named("b", status=status_of(an_id("b"))),
        named("far", status=status_of(an_id("far")), **elsewhere),
    )
    found = {target for target in (an_id("mine"), an_id("b"), an_id("far")) if is_wanted(view, target)}
    assert found == {an_id("b")}


def is_wanted(view: View, target: ObjectId) -> bool:
    return target in view.wanted_elsewhere(an_application())


def test_a_view_is_complete_when_every_namespace_was_listed() -> None:
    assert View().complete.is_set()
    view = View(["a", "b"])
    view.listed("a")
    view.listed("a")
    assert not view.complete.is_set()
    view.listed("b")
    assert view.complete.is_set()


def test_an_application_shares_limits_with_all_of_its_cluster_and_of_its_repository() -> None:
    view = a_view(named("a"), named("b", spec={"source": None}))
    groups = "cluster:https://kubernetes.default.svc repo:git.example.org/shop"
    assert view.limit_groups("pilothouse/a") == groups
    assert view.limit_groups("pilothouse/b") == view.limit_groups("pilothouse/none") == ""


def test_the_kinds_that_an_application_ever_applied_are_known() -> None:
    kinds = {"metadata": {"annotations": {KINDS: "ConfigMap,Deployment.apps"}}}
    view = a_view(an_application_body(**kinds))
    assert view.kinds("pilothouse/web") == {("", "ConfigMap"), ("apps", "Deployment")}
    assert view.kinds("pilothouse/gone") == frozenset()
