"""The error tree: what is told, how long it may be, and which condition it becomes."""

import pytest

from jobs.core import errors
from jobs.core.errors import MAX_MESSAGE, PlanError, StageError, shortened


def test_a_message_is_cut_to_its_limit_and_says_how_much_is_missing() -> None:
    error = StageError("x" * (MAX_MESSAGE + 5))
    assert error.message == "x" * MAX_MESSAGE + "... (5 characters left out)"
    assert str(error) == error.message
    assert shortened("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("kind", "condition", "stage"),
    [
        (errors.StageError, "ComparisonError", "run"),
        (errors.InvalidSpecError, "InvalidSpecError", "spec"),
        (errors.FetchError, "ComparisonError", "fetch"),
        (errors.RenderError, "ComparisonError", "render"),
        (errors.PlanError, "SyncError", "plan"),
        (errors.KubeError, "ComparisonError", "cluster"),
        (errors.LostClaim, "ComparisonError", "claim"),
    ],
)
def test_each_stage_has_its_condition(kind: type[StageError], condition: str, stage: str) -> None:
    error = kind("no", retry_after_s=2.0) if kind is not PlanError else kind("no")
    assert (error.condition, error.stage) == (condition, stage)


def test_a_plan_error_carries_every_refusal() -> None:
    assert PlanError("no", refusals=["a", "b"]).refusals == ("a", "b")
