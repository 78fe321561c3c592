"""A deleted Application takes its objects along if its finalizer says so, and only what is its own."""

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, deployment, docs

FINALIZER = "resources-finalizer.argocd.argoproj.io"
OPTIONS = "argocd.argoproj.io/sync-options"
APPROVED = {"argocd.argoproj.io/deletion-approved": "2026-11-01T12:00:00Z"}


async def delete(flow: Flow) -> None:
    """Delete the Application, work off what follows."""
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle()


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


async def test_without_a_finalizer_the_objects_stay(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    assert (await flow.live("ConfigMap", "web"))["metadata"].get("deletionTimestamp") is None


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
    assert "deletion waits for the annotation argocd.argoproj.io/deletion-approved" in await flow.said()
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
