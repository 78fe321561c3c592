"""What Pilothouse does not know yet refuses the sync and is named; nothing that restricts is skipped in silence."""

from typing import Any

import pytest

from jobs.core.restrictions import (
    application_refusals,
    compares_admission,
    object_options,
    object_refusals,
    option_problems,
    unsupported_fields,
)
from jobs.core.wanted import wanted
from tests.builders import a_manifest, an_application


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"source": {"kustomize": {"images": ["a"]}}}, "spec.source.kustomize is not supported yet"),
        (
            {"source": {"directory": {"disableExtensionFilter": True}}},
            "spec.source.directory.disableExtensionFilter is not supported yet",
        ),
        ({"ignoreDifferences": [{"kind": "Deployment"}]}, "spec.ignoreDifferences is not supported yet"),
        ({"sourceHydrator": {"drySource": {}}}, "spec.sourceHydrator is not supported yet"),
        ({"syncPolicy": {"syncOptions": ["Replace=true"]}}, "syncOptions: Replace=true is not supported yet"),
    ],
)
def test_a_field_that_is_not_supported_is_named(over: dict[str, Any], said: str) -> None:
    (found,) = application_refusals(an_application(spec=over))
    assert said in found


SOURCE = {"repoURL": "https://git.example.org/shop.git", "path": "charts/web", "targetRevision": "main"}


@pytest.mark.parametrize(
    ("sync", "named"),
    [
        ({"manifests": ["{}"]}, "operation.sync.manifests"),
        ({"syncOptions": ["Prune=false"]}, "operation.sync.syncOptions"),
        ({"syncStrategy": {"apply": {}}}, "operation.sync.syncStrategy.apply"),
        ({"syncStrategy": {"hook": {"force": True}}}, "operation.sync.syncStrategy.hook.force"),
        ({"syncStrategy": {"hook": {}}, "source": SOURCE, "revision": "v1", "prune": True, "dryRun": True}, ""),
        ({"source": {**SOURCE, "path": "other"}}, ""),
        ({"sources": [SOURCE, SOURCE], "revisions": ["v1", "v2"]}, ""),
    ],
)
def test_an_operation_that_asks_for_more_is_not_done_by_halves(sync: dict[str, Any], named: str) -> None:
    found = application_refusals(an_application(operation={"sync": sync}))
    assert found == ((f"{named} is not supported yet",) if named else ())


def test_a_source_of_an_operation_that_is_not_supported_is_named() -> None:
    asked = an_application(operation={"sync": {"source": {**SOURCE, "kustomize": {"namePrefix": "x"}}}})
    assert application_refusals(wanted(asked)) == ("operation.sync.source.kustomize is not supported yet",)


def test_an_operation_with_one_revision_for_several_sources_is_refused() -> None:
    application = an_application(operation={"sync": {"revision": "v1"}}, spec={"sources": [SOURCE, SOURCE]})
    assert application_refusals(application) == ("operation.sync.revision with several sources is not supported yet",)


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("ServerSideApply=true", ""),
        ("Prune=confirm", ""),
        ("Replace=false", ""),
        ("CreateNamespace=yes", "CreateNamespace=yes is unknown; CreateNamespace takes false, true"),
        ("PrunePropagationPolicy=Foreground", "takes background, foreground, orphan"),
        ("RespectIgnoreDifferences=true", "RespectIgnoreDifferences=true is not supported yet"),
        ("Invented", "Invented is not supported yet"),
        (" Prune = false ", ""),
    ],
)
def test_an_option_is_followed_or_named(option: str, problem: str) -> None:
    found = option_problems([option])
    assert (problem in found[0]) if problem else found == ()


def test_the_options_of_an_object_are_checked_too() -> None:
    manifest = a_manifest(metadata={"annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Force=true"}})
    assert object_refusals(manifest) == (
        "ConfigMap shop/web: annotation argocd.argoproj.io/sync-options: Force=true is not supported yet",
    )


def test_helms_keep_is_delete_false() -> None:
    assert object_options({"helm.sh/resource-policy": "keep"}) == ("Delete=false",)


def test_admission_is_compared_only_when_asked_for() -> None:
    annotation = "argocd.argoproj.io/compare-options"
    assert compares_admission({annotation: "IgnoreExtraneous,IncludeMutationWebhook=true"})
    assert not compares_admission({annotation: "IncludeMutationWebhook=false"})
    assert not compares_admission({})


def test_restricting_fields_of_a_project_that_are_not_enforced_are_named() -> None:
    assert unsupported_fields({"sourceIntegrity": {"git": {}}, "roles": [{}], "signatureKeys": []}) == (
        "sourceIntegrity",
    )
