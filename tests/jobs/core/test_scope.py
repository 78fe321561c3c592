"""What of a cluster may be looked at and changed."""

import pytest

from jobs.core.scope import Scope
from tests.builders import an_id
from tests.jobs.wire import CONFIG_MAPS, NAMESPACES

WHOLE, LIMITED, WITH_CLUSTER = Scope(), Scope(("shop", "till"), cluster_resources=False), Scope(("shop", "till"))
ROLE = an_id("web", "ClusterRole", "", "rbac.authorization.k8s.io")


def test_a_kind_is_listed_in_each_namespace_that_is_named() -> None:
    assert WHOLE.places(CONFIG_MAPS) == WHOLE.places(NAMESPACES) == (None,)
    assert LIMITED.places(CONFIG_MAPS) == WITH_CLUSTER.places(CONFIG_MAPS) == ("shop", "till")
    assert LIMITED.places(NAMESPACES) == ()
    assert WITH_CLUSTER.places(NAMESPACES) == (None,)


@pytest.mark.parametrize("scope", [WHOLE, LIMITED, WITH_CLUSTER])
def test_an_object_in_a_named_namespace_may_be_there(scope: Scope) -> None:
    assert scope.refusal(an_id(), "edge") == ""


def test_any_other_object_is_refused_with_the_way_out() -> None:
    limits = "its Secret limits cluster edge to the namespaces shop, till; "
    assert LIMITED.refusal(an_id(namespace="other"), "edge") == f"{limits}add other there"
    assert LIMITED.refusal(ROLE, "edge") == f"{limits}set clusterResources to true there"
    assert WITH_CLUSTER.refusal(ROLE, "edge") == WHOLE.refusal(ROLE, "edge") == ""
