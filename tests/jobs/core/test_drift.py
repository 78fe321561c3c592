"""Which differences count."""

from typing import Any

import pytest

from jobs.core.drift import differences
from tests.builders import a_body

DEPLOYMENT = a_body(
    "Deployment", spec={"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "1"}]}}}
)


def paths(live: dict[str, Any], predicted: dict[str, Any], manifest: dict[str, Any], **how: bool) -> list[str]:
    return [str(item) for item in differences(live, predicted, manifest, **how)]


def over(**fields: Any) -> dict[str, Any]:
    return a_body("Deployment", **{"spec": DEPLOYMENT["spec"], **fields})


def test_equal_objects_do_not_differ() -> None:
    assert paths(DEPLOYMENT, DEPLOYMENT, DEPLOYMENT) == []


def test_what_the_manifest_sets_counts() -> None:
    live = over(spec={**DEPLOYMENT["spec"], "replicas": 5})
    (found,) = differences(live, DEPLOYMENT, DEPLOYMENT)
    assert (str(found), found.live, found.wanted) == (".spec.replicas", 5, 2)


def test_what_admission_adds_is_no_drift_unless_it_is_asked_for() -> None:
    predicted = over(spec={**DEPLOYMENT["spec"], "paused": True})
    assert paths(DEPLOYMENT, predicted, DEPLOYMENT) == []
    assert paths(DEPLOYMENT, predicted, DEPLOYMENT, admission=True) == [".spec.paused"]


def test_a_difference_in_a_list_that_the_manifest_sets_counts() -> None:
    live = over(spec={"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "2"}]}}})
    assert paths(live, DEPLOYMENT, DEPLOYMENT) == [".spec.template.spec.containers[0].image"]
    live = over(spec={"replicas": 2, "template": {"spec": {"containers": []}}})
    assert paths(live, DEPLOYMENT, DEPLOYMENT) == [".spec.template.spec.containers"]


@pytest.mark.parametrize("name", ["resourceVersion", "generation", "uid", "managedFields", "creationTimestamp"])
def test_bookkeeping_never_counts(name: str) -> None:
    assert paths(over(metadata={name: "1"}), over(metadata={name: "2"}), over(metadata={name: "3"})) == []


def test_status_never_counts() -> None:
    assert paths(over(status={"a": 1}), DEPLOYMENT, over(status={"a": 2})) == []


def by(manager: str) -> dict[str, Any]:
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}}
    return a_body(data={"a": "1", "b": "2"}, metadata={"managedFields": [entry]})


def test_a_field_that_kubectl_added_counts_and_one_of_another_controller_does_not() -> None:
    (found,) = differences(by("kubectl-edit"), by("kubectl-edit"), a_body())
    assert (str(found), found.wanted) == (".data.b", None)
    assert paths(by("some-controller"), by("some-controller"), a_body()) == []


def test_nothing_is_taken_over_on_an_object_that_is_not_ours() -> None:
    assert paths(by("kubectl-edit"), by("kubectl-edit"), a_body(), takes_over=False) == []
