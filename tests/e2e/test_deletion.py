"""A deleted Application takes its objects along if its finalizer says so, and only what is its own."""

import asyncio
from typing import Any

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, deployment, docs

FINALIZER = "resources-finalizer.argocd.argoproj.io"
OPTIONS = "argocd.argoproj.io/sync-options"
APPROVED = {"argocd.argoproj.io/deletion-approved": "2026-11-01T12:00:00Z"}


WAVE = "argocd.argoproj.io/sync-wave"
HELD = {"metadata": {"finalizers": ["test.pilothouse.dev/held"]}}
LET_GO: dict[str, Any] = {"metadata": {"finalizers": None}}


async def delete(flow: Flow, *, waits: bool = True) -> None:
    """Delete the Application, work off what follows."""
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle(waits=waits)


async def marks(flow: Flow, kind: str, name: str) -> set[str]:
    """Which marks of ours an object carries."""
    metadata = (await flow.live(kind, name))["metadata"]
    return {
        name for name in (*metadata.get("labels", {}), *metadata.get("annotations", {})) if "pilothouse.dev" in name
    }


@pytest.mark.parametrize("finalizer", [FINALIZER, f"{FINALIZER}/background", f"{FINALIZER}/foreground"])
async def test_with_the_finalizer_the_objects_go_and_then_the_application(flow: Flow, finalizer: str) -> None:
    flow.repo.push({"app/web.yaml": docs(deployment(), config_map())})
    await flow.deploy(finalizers=(finalizer,))
    await flow.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}})
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("Deployment", "web") is None
    assert await flow.get("ConfigMap", "web") is None
    assert await flow.get("ConfigMap", "foreign") is not None


async def test_without_a_finalizer_the_objects_stay_and_lose_our_marks(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), deployment())})
    await flow.deploy()
    pods = (await flow.live("Deployment", "web"))["spec"]["template"]
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    for kind in ("ConfigMap", "Deployment"):
        assert (await flow.live(kind, "web"))["metadata"].get("deletionTimestamp") is None
        assert await marks(flow, kind, "web") == set()
    assert (await flow.live("Deployment", "web"))["spec"]["template"] == pods


async def test_an_application_that_comes_again_takes_its_objects_up_as_they_are(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.delete("Application", flow.name("app"))
    await flow.create_application()
    before = await flow.version("ConfigMap", "web")
    await flow.settle()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert await flow.version("ConfigMap", "web") == before


async def test_what_others_own_keeps_its_marks(flow: Flow) -> None:
    """The label alone proves nothing: it finds candidates."""
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    label = (await flow.live("ConfigMap", "web"))["metadata"]["labels"]
    await flow.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign", "labels": label}})
    await delete(flow)
    assert await marks(flow, "ConfigMap", "web") == set()
    assert await marks(flow, "ConfigMap", "foreign") == {"pilothouse.dev/application"}


async def test_later_waves_are_gone_before_earlier_ones_go(flow: Flow) -> None:
    names = ["wave-0", "wave-1", "wave-2"]
    waves = [config_map(name, annotations={WAVE: name[-1]}) for name in names]
    flow.repo.push({"app/web.yaml": docs(*waves)})
    await flow.deploy(finalizers=(FINALIZER,))
    for name in names:
        await flow.patch("ConfigMap", name, HELD, manager="some-controller")
    await delete(flow, waits=False)
    for name in names[::-1]:
        await flow.sweep(settle=False)
        await flow.settle(waits=False)
        left = [other for other in names if await flow.get("ConfigMap", other)]
        going = [other for other in left if (await flow.live("ConfigMap", other))["metadata"].get("deletionTimestamp")]
        assert (left[-1], going) == (name, [name])
        await flow.patch("ConfigMap", name, LET_GO, manager="some-controller")
        await flow.gone("ConfigMap", name)
    await flow.settle()
    await flow.gone("Application", flow.name("app"))


async def test_what_holds_a_deletion_for_too_long_is_named_and_waited_for_all_the_same(flow: Flow) -> None:
    flow.with_settings(wave_timeout_s=0.1)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(finalizers=(FINALIZER,))
    await flow.patch("ConfigMap", "web", HELD, manager="some-controller")
    await delete(flow, waits=False)
    assert (await flow.status())["operationState"]["message"] == "deleting: 1 objects are still there"
    await asyncio.sleep(0.1)
    await flow.sweep(settle=False)
    await flow.settle(waits=False)
    said = await flow.said()
    assert "DeletionError: deleting: 1 objects are still there: " in said
    assert f"ConfigMap {flow.namespace}/web (finalizers: " in said
    assert "test.pilothouse.dev/held" in said
    await flow.patch("ConfigMap", "web", LET_GO, manager="some-controller")
    await flow.settle()
    await flow.gone("Application", flow.name("app"))


async def test_deletion_needs_neither_git_nor_a_render(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(finalizers=(FINALIZER,))
    flow.repo.delete_branch("main")
    await flow.push({"app/web.yaml": "{{ broken"})
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    await flow.gone("ConfigMap", "web")


@pytest.mark.parametrize("keep", [{OPTIONS: "Delete=false"}, {"helm.sh/resource-policy": "keep"}])
async def test_an_object_that_is_to_be_kept_stays_without_marks(flow: Flow, keep: dict[str, str]) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("kept", annotations=keep))})
    await flow.deploy(finalizers=(FINALIZER,))
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    await flow.gone("ConfigMap", "web")
    metadata = (await flow.live("ConfigMap", "kept"))["metadata"]
    assert "pilothouse.dev/application" not in metadata.get("labels", {})
    assert "pilothouse.dev/tracking-id" not in metadata["annotations"]


async def test_delete_confirm_waits_for_the_approval(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("asks", annotations={OPTIONS: "Delete=confirm"}))})
    await flow.deploy(finalizers=(FINALIZER,))
    await delete(flow)
    assert await flow.get("ConfigMap", "web") is not None, "nothing goes before it is approved"
    assert "DeletionError: deletion waits for the annotation argocd.argoproj.io/deletion-approved" in await flow.said()
    await flow.patch("Application", flow.name("app"), {"metadata": {"annotations": APPROVED}})
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
    await flow.gone("ConfigMap", "asks")


async def test_an_object_that_will_not_go_holds_the_application(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(finalizers=(FINALIZER,))
    held = {"metadata": {"finalizers": ["test.pilothouse.dev/held"]}}
    await flow.patch("ConfigMap", "web", held, manager="some-controller")
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle(waits=False)
    assert await flow.get("Application", flow.name("app")) is not None
    await flow.patch("ConfigMap", "web", {"metadata": {"finalizers": None}}, manager="some-controller")
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
