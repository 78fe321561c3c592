"""Label and field selectors."""

import pytest

from deploy.sandbox import selectors
from deploy.sandbox.errors import ApiError

POD = {
    "metadata": {"name": "p", "namespace": "n", "labels": {"app": "web", "tier": "front", "n": "5"}},
    "spec": {"nodeName": "one", "hostNetwork": False},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app = web , tier", True),
        ("app in (web, api),!gone", True),
        ("app notin (web)", False),
        ("gone notin (x)", True),
        ("gone!=x", True),
        ("gone", False),
        ("n>4,n<6", True),
        ("app>1", False),
        ("app=", False),
        ("gone=", False),
    ],
)
def test_labels(text: str, takes: bool) -> None:
    test = selectors.labels(text)
    assert test is not None
    assert test(POD) is takes


@pytest.mark.parametrize("text", ["a b", "a in b", "=x", "a in (b", "a=b=c", "!"])
def test_a_broken_label_selector_is_400(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.labels(text)
    assert caught.value.code == 400


@pytest.mark.parametrize("text", ["", " ", ","])
def test_an_empty_selector_asks_for_nothing(text: str) -> None:
    assert selectors.labels(text) is None
    assert selectors.fields(text, "/pods") is None


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("metadata.name=p,metadata.namespace=n", True),
        ("metadata.name!=p", False),
        ("status.phase=Running,spec.nodeName!=two", True),
        ("spec.hostNetwork=false", True),
        ("status.podIP=", True),
    ],
)
def test_fields(text: str, takes: bool) -> None:
    test = selectors.fields(text, "/pods")
    assert test is not None
    assert test(POD) is takes


def test_an_unknown_field_is_400() -> None:
    with pytest.raises(ApiError, match="is not a known field selector"):
        selectors.fields("spec.nodeName=one", "/configmaps")


def test_an_events_source_is_its_component() -> None:
    test = selectors.fields("source=kubelet,involvedObject.name=p", "/events")
    assert test is not None
    assert test({"source": {"component": "kubelet"}, "involvedObject": {"name": "p"}})


def test_label_selector_objects() -> None:
    expressions = [{"key": "tier", "operator": "In", "values": ["front"]}, {"key": "gone", "operator": "DoesNotExist"}]
    assert selectors.of_label_selector({"matchLabels": {"app": "web"}, "matchExpressions": expressions})(POD)
    assert not selectors.of_label_selector(
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}
    )(POD)
    assert not selectors.of_label_selector({"matchExpressions": [{"key": "gone", "operator": "Exists"}]})(POD)
    assert selectors.of_label_selector({})(POD)
    assert not selectors.of_label_selector(None)(POD)
