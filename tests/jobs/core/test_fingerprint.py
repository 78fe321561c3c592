"""What of a live object a comparison reads."""

from typing import Any

import pytest

from jobs.core.fingerprint import digest, fingerprint
from tests.builders import a_live, a_manifest

LIVE = a_live(a_manifest())


@pytest.mark.parametrize(
    "over",
    [
        {"status": {"ready": True}},
        {"metadata": {"resourceVersion": "2"}},
        {"metadata": {"generation": 3}},
    ],
)
def test_a_write_of_the_status_changes_nothing(over: dict[str, Any]) -> None:
    assert fingerprint(a_live(a_manifest(), **over)) == fingerprint(LIVE)


def test_who_wrote_the_status_when_changes_nothing() -> None:
    entries = [*LIVE["metadata"]["managedFields"], {"manager": "kubelet", "subresource": "status", "time": "now"}]
    assert fingerprint(a_live(a_manifest(), metadata={"managedFields": entries})) == fingerprint(LIVE)


@pytest.mark.parametrize(
    "over",
    [
        {"data": {"a": "2"}},
        {"metadata": {"labels": {"b": "c"}}},
        {"metadata": {"managedFields": []}},
        {"metadata": {"uid": "another"}},
        {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}},
    ],
)
def test_all_else_counts(over: dict[str, Any]) -> None:
    assert fingerprint(a_live(a_manifest(), **over)) != fingerprint(LIVE)


def test_the_order_of_keys_does_not_count() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})


def test_what_is_nested_deeper_than_json_is_written_has_a_digest_too() -> None:
    deep: Any = "end"
    for _ in range(400):
        deep = {"a": deep}
    assert digest(deep) == digest(deep) != digest({"a": deep})
