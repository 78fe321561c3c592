"""Whatever an Application object holds, the core answers or raises a StageError: a bug would end every run of it."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.affected import compared_revisions, effect
from jobs.core.announce import announcements
from jobs.core.application import Application, application_of, unreadable
from jobs.core.attention import was_compared, wish
from jobs.core.deadline import limits_of
from jobs.core.deletion import deletion_run, rungs, wanted_finalizers
from jobs.core.deployed import deployed_of
from jobs.core.errors import InvalidSpecError, PlanError
from jobs.core.intent import intent, wants_hooks
from jobs.core.kinds import kinds_of, kinds_text
from jobs.core.order import Phase
from jobs.core.outcome import later
from jobs.core.project import application_refusals as project_refusals
from jobs.core.restrictions import application_refusals
from jobs.core.run import Aim, resumed, running_key
from jobs.core.status import MAX_STATUS, Seen, as_status, revision_fields
from jobs.release import farewell
from jobs.view import View
from tests.builders import COMMIT, NOON, a_change, a_manifest, a_plan
from tests.jobs.core.hostile import APPLICATION, APPLICATIONS, JSON

THOROUGH = settings(max_examples=150)


def readable(body: Any) -> Application | None:
    try:
        return application_of(body)
    except InvalidSpecError:
        return None


@THOROUGH
@given(st.dictionaries(st.sampled_from([*APPLICATION]), JSON) | APPLICATIONS)
def test_any_json_object_is_an_application_or_an_invalid_spec(body: dict[str, Any]) -> None:
    application = readable(body)
    assert application is None or application.key == f"{application.namespace}/{application.name}"
    assert isinstance(unreadable(body), Application)


@THOROUGH
@given(APPLICATIONS, st.sampled_from(["k" * 32, "other"]))
def test_every_decision_about_a_readable_application_is_made(body: dict[str, Any], key: str) -> None:
    for application in (readable(body), unreadable(body)):
        if application is None:
            continue
        aim, todo = Aim((COMMIT,), key), a_plan(a_change(a_manifest()))
        run = resumed(application, aim, "token", NOON)
        deployed = deployed_of(application.annotations)
        wants_hooks(application, run, deployed)
        intent(application, run, todo, deployed)
        for ended in (run, run.begun(heal=True).succeeded("", NOON), run.failed(PlanError("no"), NOON)):
            later(application, ended, NOON)
            announcements(application, ended, ())
            as_status(application, ended, Seen(todo), NOON)
            as_status(application, ended, Seen(None), NOON)
        effect(application, aim)
        compared_revisions(application)
        running_key(application)
        revision_fields(application, (COMMIT,))
        with suppress(InvalidSpecError):  # the run tells it on the status
            application_refusals(application)
        project_refusals(None, application, home="pilothouse")
        rungs(application.finalizers)
        wanted_finalizers(application.finalizers, Phase)
        deletion_run(application, "token", NOON)
        farewell(application)
        with suppress(InvalidSpecError):
            limits_of(application.annotations, 600.0)
        assert kinds_text(kinds_of(application.annotations)) is not None


@THOROUGH
@given(APPLICATIONS)
def test_the_view_takes_in_any_object_and_lets_it_go(body: dict[str, Any]) -> None:
    view = View()
    view.put(body)
    for key in view:
        application = view.get(key)
        if application:
            view.wanted_elsewhere(application)
    for key in view:
        view.drop(key)
    assert len(view) == 0
    assert view.repositories() == ()


@THOROUGH
@given(APPLICATIONS)
def test_what_asks_for_work_can_be_told_of_any_object(body: dict[str, Any]) -> None:
    assert wish(body) == wish(body)
    assert was_compared(body) in (True, False)


@THOROUGH
@given(APPLICATIONS)
def test_a_status_written_over_any_other_is_readable_again(body: dict[str, Any]) -> None:
    application = readable(body)
    if application is None:
        return
    run = resumed(application, Aim((COMMIT,), "k" * 32), "token", NOON).begun(heal=False).succeeded("well", NOON)
    status = as_status(application, run, Seen(a_plan(a_change(a_manifest()))), NOON)
    again = application_of({**body, "status": status})
    assert again.status == status
    assert len(str(status)) < MAX_STATUS
