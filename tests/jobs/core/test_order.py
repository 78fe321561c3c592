"""Hooks, waves and kinds in the order of a sync; dependencies first; pruning backwards."""

import random
from typing import Any

import pytest

from jobs.core.errors import InvalidSpecError
from jobs.core.objects import Manifest, manifest_of
from jobs.core.order import (
    KIND_ORDER,
    DeletePolicy,
    Hook,
    Phase,
    Step,
    failure_steps,
    hook_of,
    prune_steps,
    sort_key,
    steps,
    wave_of,
)

PRE, SYNC, POST = Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC
BEFORE = (DeletePolicy.BEFORE_HOOK_CREATION,)


def a_manifest(kind: str = "ConfigMap", name: str = "a", /, version: str = "v1", **given: Any) -> Manifest:
    annotations = given.pop("annotations", {})
    metadata = {"name": name, "namespace": given.pop("namespace", "shop"), "annotations": annotations}
    return manifest_of({"apiVersion": version, "kind": kind, "metadata": metadata, **given})


def argo(**words: str) -> dict[str, str]:
    return {f"argocd.argoproj.io/{name.replace('_', '-')}": value for name, value in words.items()}


def helm(**words: str) -> dict[str, str]:
    return {f"helm.sh/{name.replace('_', '-')}": value for name, value in words.items()}


def a_definition(kind: str, group: str, /, **annotations: str) -> Manifest:
    return a_manifest(
        "CustomResourceDefinition",
        f"{kind.lower()}s.{group}",
        version="apiextensions.k8s.io/v1",
        namespace="",
        annotations=annotations,
        spec={"group": group, "names": {"kind": kind}},
    )


def in_words(found: tuple[Step, ...]) -> list[tuple[str, int, list[str]]]:
    return [(step.phase, step.wave, [f"{m.id.kind} {m.id.name}" for m in step.manifests]) for step in found]


def test_an_object_without_annotations_is_no_hook() -> None:
    assert hook_of(a_manifest()) is None
    assert hook_of(a_manifest(annotations=argo(hook=" , "))) is None


@pytest.mark.parametrize(
    ("written", "phases"),
    [
        ("PreSync", (PRE,)),
        ("PostSync, PreSync", (PRE, POST)),
        ("Sync,Sync", (SYNC,)),
        ("SyncFail", (Phase.SYNC_FAIL,)),
        ("PreDelete,PostDelete", (Phase.PRE_DELETE, Phase.POST_DELETE)),
        ("Skip", ()),
        ("Skip,PostSync", (POST,)),
    ],
)
def test_argo_hooks_are_read_from_a_comma_list(written: str, phases: tuple[Phase, ...]) -> None:
    assert hook_of(a_manifest(annotations=argo(hook=written))) == Hook(phases, BEFORE)


@pytest.mark.parametrize(
    ("written", "phases"),
    [
        ("pre-install", (PRE,)),
        ("pre-upgrade", (PRE,)),
        ("pre-install,pre-upgrade", (PRE,)),
        ("post-install, post-upgrade", (POST,)),
        ("pre-install,post-upgrade,post-rollback", (PRE, POST)),
        ("pre-delete", (Phase.PRE_DELETE,)),
        ("post-delete", (Phase.POST_DELETE,)),
        ("test", ()),
        ("test-success", ()),
        ("pre-rollback,post-rollback", ()),
    ],
)
def test_helm_hooks_become_phases_of_a_sync(written: str, phases: tuple[Phase, ...]) -> None:
    assert hook_of(a_manifest(annotations=helm(hook=written))) == Hook(phases, BEFORE)


def test_a_crd_install_hook_is_an_ordinary_object() -> None:
    assert hook_of(a_manifest(annotations=helm(hook="crd-install"))) is None


def test_an_argo_hook_beats_the_helm_hook_of_the_same_object() -> None:
    both = {**argo(hook="PostSync"), **helm(hook="pre-install", hook_delete_policy="hook-failed")}
    assert hook_of(a_manifest(annotations=both)) == Hook((POST,), (DeletePolicy.HOOK_FAILED,))
    policies = {**both, **argo(hook_delete_policy="HookSucceeded")}
    assert hook_of(a_manifest(annotations=policies)) == Hook((POST,), (DeletePolicy.HOOK_SUCCEEDED,))


@pytest.mark.parametrize(
    ("annotations", "policies"),
    [
        (argo(hook_delete_policy="HookFailed,HookSucceeded"), (DeletePolicy.HOOK_SUCCEEDED, DeletePolicy.HOOK_FAILED)),
        (helm(hook_delete_policy="before-hook-creation,hook-succeeded"), (*BEFORE, DeletePolicy.HOOK_SUCCEEDED)),
        (helm(hook_delete_policy="never"), BEFORE),
        ({}, BEFORE),
    ],
)
def test_delete_policies_of_both_kinds_are_read(
    annotations: dict[str, str], policies: tuple[DeletePolicy, ...]
) -> None:
    hook = hook_of(a_manifest(annotations={**argo(hook="Sync"), **annotations}))
    assert hook is not None
    assert hook.delete_policies == policies


@pytest.mark.parametrize("annotations", [argo(hook="presync"), argo(hook="PreSync", hook_delete_policy="Always")])
def test_an_argo_hook_word_that_does_not_exist_is_refused_with_the_object(annotations: dict[str, str]) -> None:
    with pytest.raises(InvalidSpecError, match=r"batch/Job shop/migrate: annotation argocd\S+ takes .*, not '"):
        hook_of(a_manifest("Job", "migrate", version="batch/v1", annotations=annotations))


@pytest.mark.parametrize(
    ("annotations", "wave"),
    [
        ({}, 0),
        (argo(sync_wave="5"), 5),
        (argo(sync_wave="-3"), -3),
        (argo(sync_wave="+2"), 2),
        (helm(hook_weight="-5"), -5),
        ({**argo(sync_wave="1"), **helm(hook_weight="7")}, 1),
        (helm(hook_weight="heavy"), 0),
    ],
)
def test_the_wave_is_the_annotation_else_helms_weight(annotations: dict[str, str], wave: int) -> None:
    assert wave_of(a_manifest(annotations=annotations)) == wave


@pytest.mark.parametrize(
    "written", ["first", "1.5", "1_000", " 1", "\N{ARABIC-INDIC DIGIT ONE}", "0x1", "--1", "9" * 5000]
)
def test_a_wave_that_is_no_whole_number_is_refused_with_the_object(written: str) -> None:
    with pytest.raises(
        InvalidSpecError, match=r"ConfigMap shop/a: annotation argocd.argoproj.io/sync-wave must be"
    ) as e:
        steps([a_manifest(annotations=argo(sync_wave=written))])
    assert len(e.value.message) < 300


def test_kinds_come_in_argo_cds_order_and_others_after_them() -> None:
    kinds = [*KIND_ORDER, "Anything", "Widget"]
    mixed = [a_manifest(kind) for kind in kinds]
    random.Random(7).shuffle(mixed)
    assert [manifest.id.kind for manifest in sorted(mixed, key=sort_key)] == kinds


def test_the_order_is_phase_then_wave_then_kind_then_name() -> None:
    found = steps(
        [
            a_manifest("Deployment", "b"),
            a_manifest("Deployment", "a"),
            a_manifest("ConfigMap", "z"),
            a_manifest("Job", "late", annotations=argo(sync_wave="2")),
            a_manifest("Job", "early", annotations=argo(sync_wave="-1")),
            a_manifest("Job", "after", annotations=argo(hook="PostSync")),
            a_manifest("Job", "migrate", annotations=helm(hook="pre-upgrade", hook_weight="3")),
            a_manifest("Job", "first", annotations=helm(hook="pre-install", hook_weight="-3")),
        ]
    )
    assert in_words(found) == [
        ("PreSync", -3, ["Job first"]),
        ("PreSync", 3, ["Job migrate"]),
        ("Sync", -1, ["Job early"]),
        ("Sync", 0, ["ConfigMap z", "Deployment a", "Deployment b"]),
        ("Sync", 2, ["Job late"]),
        ("PostSync", 0, ["Job after"]),
    ]


def test_the_order_does_not_depend_on_the_order_of_rendering() -> None:
    manifests = [a_manifest(kind, name) for kind in ("Service", "Widget", "Gadget", "Secret") for name in "abc"]
    manifests.append(a_definition("Gadget", "v1.example.com"))
    expected = steps(manifests)
    for seed in range(5):
        random.Random(seed).shuffle(manifests)
        assert steps(manifests) == expected


def test_a_hook_of_two_phases_is_applied_in_both() -> None:
    found = steps([a_manifest("Job", "check", annotations=argo(hook="PreSync,PostSync"))])
    assert in_words(found) == [("PreSync", 0, ["Job check"]), ("PostSync", 0, ["Job check"])]


def test_skipped_tests_and_deletion_hooks_are_never_part_of_a_sync() -> None:
    left_out = [argo(hook="Skip"), argo(hook="PreDelete"), helm(hook="test"), helm(hook="post-delete")]
    assert steps([a_manifest(annotations=annotations) for annotations in left_out]) == ()


def test_hooks_for_a_failed_sync_are_kept_apart() -> None:
    manifests = [
        a_manifest("Job", "tidy", annotations=argo(hook="SyncFail", sync_wave="1")),
        a_manifest("Job", "tell", annotations=argo(hook="SyncFail")),
        a_manifest("Job", "both", annotations=argo(hook="SyncFail,PostSync")),
        a_manifest("ConfigMap", "a"),
    ]
    assert in_words(steps(manifests)) == [("Sync", 0, ["ConfigMap a"]), ("PostSync", 0, ["Job both"])]
    assert in_words(failure_steps(manifests)) == [
        ("SyncFail", 0, ["Job both", "Job tell"]),
        ("SyncFail", 1, ["Job tidy"]),
    ]


def test_a_namespace_moves_before_the_first_object_in_it() -> None:
    found = steps(
        [
            a_manifest("Namespace", "shop", namespace="", annotations=argo(sync_wave="4")),
            a_manifest("Namespace", "other", namespace="", annotations=argo(sync_wave="4")),
            a_manifest("Job", "migrate", annotations=argo(hook="PreSync", sync_wave="-2")),
            a_manifest("ConfigMap", "a"),
        ]
    )
    assert in_words(found) == [
        ("PreSync", -2, ["Namespace shop", "Job migrate"]),
        ("Sync", 0, ["ConfigMap a"]),
        ("Sync", 4, ["Namespace other"]),
    ]


def test_a_namespace_that_is_early_enough_stays_where_it_is() -> None:
    found = steps([a_manifest("Namespace", "shop", namespace="", annotations=argo(sync_wave="-9")), a_manifest()])
    assert in_words(found) == [("Sync", -9, ["Namespace shop"]), ("Sync", 0, ["ConfigMap a"])]


def test_a_crd_moves_before_the_first_object_of_its_group_and_kind() -> None:
    found = steps(
        [
            a_definition("Widget", "example.com", **argo(sync_wave="3")),
            a_definition("Widget", "example.org", **argo(sync_wave="3")),
            a_manifest("Widget", "w", version="example.com/v1", annotations=argo(sync_wave="-1")),
        ]
    )
    assert in_words(found) == [
        ("Sync", -1, ["CustomResourceDefinition widgets.example.com", "Widget w"]),
        ("Sync", 3, ["CustomResourceDefinition widgets.example.org"]),
    ]


def test_a_crd_moves_before_an_object_whose_kind_sorts_earlier_in_the_same_wave() -> None:
    policy = a_manifest("NetworkPolicy", "deny", version="crd.example.com/v1")
    found = steps([policy, a_definition("NetworkPolicy", "crd.example.com"), a_manifest()])
    assert in_words(found) == [
        ("Sync", 0, ["CustomResourceDefinition networkpolicys.crd.example.com", "NetworkPolicy deny", "ConfigMap a"])
    ]


def test_every_object_is_applied_exactly_once_wherever_it_moved() -> None:
    manifests = [
        a_manifest("Namespace", "shop", namespace="", annotations=argo(sync_wave="1")),
        a_definition("Widget", "example.com", **argo(sync_wave="2")),
        a_manifest("Widget", "w", version="example.com/v1"),
        a_manifest("Widget", "x", version="example.com/v1"),
        a_manifest("Secret", "s"),
    ]
    applied = [manifest.id for step in steps(manifests) for manifest in step.manifests]
    assert sorted(applied) == sorted(manifest.id for manifest in manifests)


def test_a_crd_without_a_readable_spec_moves_nowhere() -> None:
    spoilt = a_manifest("CustomResourceDefinition", "x", version="apiextensions.k8s.io/v1", spec=["none"])
    assert in_words(steps([spoilt])) == [("Sync", 0, ["CustomResourceDefinition x"])]


def test_pruning_goes_backwards_through_waves_and_kinds() -> None:
    found = prune_steps(
        [
            a_manifest("Namespace", "shop", namespace=""),
            a_manifest("ConfigMap", "a"),
            a_manifest("Deployment", "b"),
            a_manifest("Ingress", "c", annotations=argo(sync_wave="2")),
            a_definition("Widget", "example.com"),
            a_manifest("Widget", "w", version="example.com/v1"),
        ]
    )
    assert in_words(found) == [
        ("Sync", 2, ["Ingress c"]),
        (
            "Sync",
            0,
            [
                "Widget w",
                "Deployment b",
                "CustomResourceDefinition widgets.example.com",
                "ConfigMap a",
                "Namespace shop",
            ],
        ),
    ]


def test_a_spoilt_wave_on_a_live_object_does_not_keep_it_from_being_pruned() -> None:
    assert in_words(prune_steps([a_manifest(annotations=argo(sync_wave="x"))])) == [("Sync", 0, ["ConfigMap a"])]


def test_phases_have_argo_cds_positions() -> None:
    assert [phase.position for phase in (PRE, SYNC, POST, Phase.SYNC_FAIL)] == [-1, 0, 1, 2]
