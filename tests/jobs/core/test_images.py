"""The images of an application."""

from typing import Any

import pytest
from hypothesis import given

from jobs.core.images import images_of
from tests.builders import a_body
from tests.jobs.core.hostile import twisted

POD = {"containers": [{"name": "a", "image": "web:1"}], "initContainers": [{"image": "init:1"}]}


def test_images_of_pods_workloads_and_cron_jobs_are_named_once_and_sorted() -> None:
    bodies = [
        a_body("Pod", spec=POD),
        a_body("Deployment", spec={"template": {"spec": POD}}),
        a_body("CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "job:1"}]}}}}}),
        a_body(),
    ]
    assert images_of(bodies) == ("init:1", "job:1", "web:1")


@given(twisted(a_body("Deployment", spec={"template": {"spec": POD}})))
def test_objects_of_any_shape_are_passed_over(body: dict[str, Any]) -> None:
    assert all(isinstance(image, str) for image in images_of([body]))


@pytest.mark.parametrize("containers", [7, True, "web:1", {"a": 1}, [None, "web:1", {"image": 7}]])
def test_containers_of_another_shape_have_no_images(containers: object) -> None:
    assert images_of([a_body("Pod", spec={"containers": containers})]) == ()
