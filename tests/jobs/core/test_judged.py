"""Which change of a live object's metadata means that something of ours may have been changed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.judged import (
    UNSURE,
    Trace,
    as_data,
    from_data,
    is_as_judged,
    is_older,
    missing,
    newest,
    suspicion,
    trace_of,
)
from jobs.core.objects import ObjectId
from tests.builders import an_id

Json = dict[str, Any]

OURS = {
    "manager": "pilothouse",
    "operation": "Apply",
    "apiVersion": "apps/v1",
    "time": "2026-11-27T18:26:55Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:spec": {"f:template": {}}},
}
STATUS = OURS | {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "subresource": "status",
    "fieldsV1": {"f:status": {}},
}
SCALE = OURS | {"manager": "hpa", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {}}}
EDIT = OURS | {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}}
OTHER = OURS | {"manager": "some-controller", "operation": "Update", "fieldsV1": {"f:metadata": {}}}


def an_object(version: int = 10, generation: int | None = 1, *entries: Json, **fields: Any) -> Json:
    """A Deployment as the API server (1.36) shows it after one apply and the first status."""
    metadata = {"uid": "one", "resourceVersion": str(version), "managedFields": [OURS, STATUS, *entries]}
    metadata |= {"generation": generation} if generation else {}
    return {"kind": "Deployment", "metadata": metadata | fields.pop("metadata", {}), "spec": {"replicas": 1} | fields}


JUDGED = trace_of(an_object())


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (an_object(11), ""),
        (an_object(11, 1, OTHER), ""),
        (an_object(11, 2, SCALE), ""),
        (an_object(11, 2), "generation moved"),
        (an_object(11, 2, SCALE, OTHER), "generation moved"),
        (an_object(11, 3, SCALE), "generation moved"),  # scaled, and something else
        (an_object(11, 1, EDIT), "fields changed"),
        (an_object(11, 2, EDIT), "fields changed"),
        (an_object(11, metadata={"managedFields": [STATUS]}), "fields changed"),
        (an_object(11, metadata={"managedFields": [OURS | {"time": "later"}, STATUS]}), "fields changed"),
        (an_object(11, metadata={"uid": "two"}), "replaced"),
        (an_object(11, metadata={"deletionTimestamp": "2026-11-27T18:27:00Z"}), "being deleted"),
    ],
)
def test_only_what_may_touch_a_field_of_ours_is_suspected(now: Json, why: str) -> None:
    assert suspicion(JUDGED, trace_of(now)) == why


def test_an_event_that_comes_late_says_nothing() -> None:
    assert suspicion(JUDGED, trace_of(an_object(9, 1, EDIT))) == ""
    assert suspicion(JUDGED, trace_of(an_object(9)), gone=True) == ""


def test_an_object_that_was_never_judged_is_unknown_but_not_missed() -> None:
    assert suspicion(None, JUDGED) == "unknown"
    assert suspicion(None, JUDGED, gone=True) == ""


def test_a_deletion_counts_for_the_very_object_that_was_judged() -> None:
    assert suspicion(JUDGED, trace_of(an_object(11)), gone=True) == "gone"
    assert suspicion(JUDGED, trace_of(an_object(11, metadata={"uid": "before"})), gone=True) == ""
    assert suspicion(JUDGED, missing(JUDGED, "11"), gone=True) == "gone"
    assert suspicion(JUDGED, missing(JUDGED, "9"), gone=True) == "", "the list was made before it was put back"


def test_without_a_generation_every_write_counts() -> None:
    """An edit of `stringData` leaves our entry of `data` as it was, and a status is written without a trace too."""
    judged = trace_of(an_object(10, None))
    assert suspicion(judged, trace_of(an_object(11, None))) == "written"
    assert suspicion(judged, trace_of(an_object(11, None, OTHER))) == "written"
    assert {"written", "generation moved"} == UNSURE, "a look at the whole object tells"


def test_a_look_at_the_whole_object_tells_scaling_and_status_from_an_edit() -> None:
    now = trace_of(an_object(11, 2, replicas=3) | {"status": {"replicas": 3}})
    assert is_as_judged(JUDGED, now)
    assert not is_as_judged(JUDGED, trace_of(an_object(11, 2, replicas=3, paused=True)))
    assert not is_as_judged(JUDGED, replace(now, content=""))
    assert not is_as_judged(JUDGED, replace(now, ours="moved"))


def test_nothing_of_a_secret_is_kept_not_even_hashed() -> None:
    """Whoever reads Valkey must not be able to try passwords out against a digest."""
    secret = an_object(10, None) | {"kind": "Secret", "data": {"pin": "MTIzNA=="}}
    assert trace_of(secret) == trace_of(secret | {"data": {"pin": "NDMyMQ=="}})
    assert trace_of(secret).content == ""
    assert not is_as_judged(trace_of(secret), trace_of(secret)), "so it is compared each time"


def test_the_newer_of_two_states_counts() -> None:
    later = trace_of(an_object(11))
    assert newest(JUDGED, later) is later
    assert newest(later, JUDGED) is later
    assert newest(JUDGED, None) is JUDGED
    assert is_older(JUDGED, later)
    assert is_older(JUDGED, JUDGED)
    assert not is_older(later, JUDGED)
    assert not is_older(missing(JUDGED, ""), later), "nobody knows since when it is gone"


def test_metadata_alone_and_the_whole_object_are_one_state() -> None:
    whole = an_object()
    assert suspicion(JUDGED, trace_of({"kind": "Deployment", "metadata": whole["metadata"]})) == ""


traces = st.builds(Trace, *[st.text(max_size=5)] * 2, st.integers(-1, 9), *[st.text()] * 4, st.booleans())


@given(st.dictionaries(st.builds(an_id, st.text(max_size=5)), traces, max_size=4))
def test_what_is_written_is_read_again(found: dict[ObjectId, Trace]) -> None:
    assert from_data(as_data(found)) == found


@pytest.mark.parametrize("data", [[["", "Pod"]], [1], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]]])
def test_what_another_version_wrote_is_no_trace(data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_data(data)
