"""Which change of an Application asks for work."""

from typing import Any

import pytest

from jobs.core.attention import is_left_undone, was_compared, wish
from jobs.core.run import Run
from jobs.core.status import Seen, as_status
from tests.builders import NOON, a_plan, a_run, an_application, an_application_body, merged

BODY: dict[str, Any] = {
    "metadata": {"name": "web", "uid": "1", "resourceVersion": "5", "generation": 2, "annotations": {"note": "x"}},
    "spec": {"project": "default"},
}
REFRESH = {"argocd.argoproj.io/refresh": "hard"}
OPERATION = {"operation": {"sync": {"prune": True}}}


def changed(*, metadata: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return BODY | fields | {"metadata": BODY["metadata"] | (metadata or {})}


ASKING = {
    "a changed spec": changed(spec={"project": "shop"}),
    "an operation": changed(**OPERATION),
    "a refresh": changed(metadata={"annotations": REFRESH}),
    "a finalizer": changed(metadata={"finalizers": ["resources-finalizer.argocd.argoproj.io"]}),
    "a deletion": changed(metadata={"deletionTimestamp": "2026-11-01T12:00:00Z"}),
    "another object of that name": changed(metadata={"uid": "2"}),
    "an approval": changed(metadata={"annotations": {"argocd.argoproj.io/deletion-approved": "now"}}),
}
SILENT = {
    "a status": changed(status={"sync": {"status": "Synced"}}),
    "a resourceVersion and generation": changed(metadata={"resourceVersion": "6", "generation": 3}),
    "the finalizers of its deletion hooks": changed(
        metadata={"finalizers": ["pre-delete-finalizer.argocd.argoproj.io/cleanup"]}
    ),
    "an annotation that means nothing": changed(metadata={"annotations": {"note": "y"}}),
}


@pytest.mark.parametrize("case", ASKING)
def test_what_a_person_asks_for_is_new(case: str) -> None:
    assert wish(ASKING[case]).is_new(wish(BODY))


def test_a_finalizer_that_a_person_takes_off_what_is_being_deleted_is_new() -> None:
    def leaving(*finalizers: str) -> dict[str, Any]:
        return changed(metadata={"deletionTimestamp": "2026-11-01T12:00:00Z", "finalizers": list(finalizers)})

    hook = "post-delete-finalizer.argocd.argoproj.io"
    assert wish(leaving("other")).is_new(wish(leaving("other", hook)))


@pytest.mark.parametrize("case", SILENT)
def test_what_pilothouse_writes_is_not(case: str) -> None:
    assert not wish(SILENT[case]).is_new(wish(BODY))


@pytest.mark.parametrize("case", ["an operation", "a refresh"])
def test_that_something_was_done_is_not_new_but_asking_again_is(case: str) -> None:
    assert not wish(BODY).is_new(wish(ASKING[case]))
    assert wish(ASKING[case]).is_new(wish(BODY))


def test_another_operation_is_new() -> None:
    assert wish(changed(operation={"sync": {}})).is_new(wish(ASKING["an operation"]))


def compared(run: Run) -> dict[str, Any]:
    return an_application_body(status=as_status(an_application(), run, Seen(a_plan()), NOON))


def test_one_whose_status_tells_of_its_spec_has_no_hurry() -> None:
    done = compared(a_run().begun(heal=False).succeeded("", NOON))
    assert was_compared(done)
    assert not was_compared(an_application_body())
    assert not was_compared(compared(a_run().begun(heal=False)))
    for over in (
        {"spec": {"source": {"targetRevision": "v2"}}},
        {"operation": {"sync": {}}},
        {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}},
        {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}},
    ):
        assert not was_compared(merged(done, over))


@pytest.mark.parametrize(
    ("automated", "sync", "left"),
    [
        ({"selfHeal": True}, {"status": "OutOfSync"}, True),
        ({"selfHeal": True}, {"status": "Synced"}, False),
        ({"selfHeal": True}, None, False),
        ({"selfHeal": False}, {"status": "OutOfSync"}, False),
        ({"selfHeal": True, "enabled": False}, {"status": "OutOfSync"}, False),
    ],
)
def test_what_should_have_been_put_back_and_was_not_is_left_undone(
    automated: dict[str, Any], sync: dict[str, Any] | None, left: bool
) -> None:
    policy = {"syncPolicy": {"automated": automated}}
    assert is_left_undone(an_application(spec=policy, status={"sync": sync})) is left
