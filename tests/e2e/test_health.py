"""Health as it holds up a sync and colours an Application: vendors' kinds, scripts, objects nobody waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import yaml

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, crd, deployment, docs, text
from tests.valkey import until

SYNCED = ("Synced", "Healthy", "Succeeded")
WAVE = "argocd.argoproj.io/sync-wave"
IGNORE = "argocd.argoproj.io/ignore-healthcheck"
BROKEN = "registry.example.org/web:broken"
KEY = "resource.customizations.health.ConfigMap"
GATE = """
local ready = obj.metadata.annotations ~= nil and obj.metadata.annotations["gate"] or "shut"
if obj.metadata.name ~= "gate" or ready == "open" then return { status = "Healthy" } end
if ready == "broken" then return { status = "Degraded", message = "somebody broke it" } end
return { status = "Progressing", message = "it is " .. ready }
"""


@asynccontextmanager
async def customized(flow: Flow, name: str = "pilothouse-cm", **data: str) -> AsyncIterator[None]:
    """A ConfigMap in the home namespace while the body runs."""
    path = f"/api/v1/namespaces/{flow.ground.home}/configmaps"
    answer = await flow.ground.kube("POST", path, {"metadata": {"name": name}, "data": data})
    assert answer.status == 201, answer.body
    try:
        yield
    finally:
        await flow.ground.kube("DELETE", f"{path}/{name}")


async def health_of(flow: Flow, name: str) -> dict[str, str]:
    """The health of one object as the status tells it."""
    resources = (await flow.status()).get("resources", [])
    found: dict[str, str] = next((item for item in resources if item["name"] == name), {}).get("health", {})
    return found


async def _is_progressing(flow: Flow, name: str) -> bool:
    return (await health_of(flow, name)).get("status") == "Progressing"


async def set_gate(flow: Flow, word: str) -> None:
    """As a controller would; what kubectl writes, the next sync takes over."""
    await flow.patch("ConfigMap", "gate", {"metadata": {"annotations": {"gate": word}}}, manager="gatekeeper")


def gate_and_after() -> str:
    return docs(config_map("gate"), config_map("after", annotations={WAVE: "1"}))


async def test_a_wave_waits_for_what_a_script_says_of_the_one_before(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": gate_and_after()})
    async with customized(flow, **{KEY: GATE}):
        await flow.create_application()
        await flow.settle(waits=False)
        assert await flow.get("ConfigMap", "after") is None
        assert await health_of(flow, "gate") == {"status": "Progressing", "message": "it is shut"}
        assert (await flow.words())[1:] == ("Progressing", "Running")
        await set_gate(flow, "open")
        await flow.settle()
        assert await flow.get("ConfigMap", "after") is not None
        assert await flow.words() == SYNCED


async def test_a_script_that_says_degraded_fails_the_sync_with_its_words(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": gate_and_after()})
    async with customized(flow, name="argocd-cm", **{KEY: GATE}):
        await flow.create_application()
        await flow.settle(waits=False)
        await set_gate(flow, "broken")
        await flow.settle()
        assert (await flow.words())[1:] == ("Degraded", "Failed")
        assert "somebody broke it" in await flow.said()
        assert await flow.get("ConfigMap", "after") is None


async def test_a_script_that_fails_makes_its_object_unknown_and_says_why(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map("gate")})
    async with customized(flow, **{KEY: "return obj.no.such.field"}):
        await flow.create_application()
        await flow.settle(waits=False)
        assert (await flow.words())[1:] == ("Unknown", "Running")
        assert "attempt to index a nil value" in (await health_of(flow, "gate"))["message"]
    await flow.settle()
    assert await flow.words() == SYNCED


async def test_customizations_that_cannot_be_read_are_a_warning(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    async with customized(flow, **{"resource.customizations": "a: ["}):
        await flow.deploy()
        assert await flow.words() == SYNCED
        assert "SyncWarning: ConfigMap pilothouse-cm, resource.customizations" in await flow.said()


async def test_a_custom_resource_of_a_known_kind_is_waited_for(flow: Flow) -> None:
    definition = yaml.safe_load(crd("certificates", "Certificate", "cert-manager.io"))
    version = definition["spec"]["versions"][0]
    version["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"] = True
    version["subresources"] = {"status": {}}
    certificate = text("cert-manager.io/v1", "Certificate", "web", {"spec": {"size": 1}})
    after = config_map("after", annotations={WAVE: "1"})
    flow.leftovers.append(("CustomResourceDefinition", "certificates.cert-manager.io"))
    flow.repo.push({"app/crd.yaml": yaml.safe_dump(definition), "app/web.yaml": docs(certificate, after)})
    await flow.create_application()
    settling = asyncio.create_task(flow.settle())  # until the kind is served, and then until the certificate is there
    await until(lambda: _is_progressing(flow, "web"), within_s=15)
    assert await flow.get("ConfigMap", "after") is None
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date"}
    path = f"/apis/cert-manager.io/v1/namespaces/{flow.namespace}/certificates/web/status"
    answer = await flow.ground.kube("PATCH", path, {"status": {"conditions": [ready]}})
    assert answer.status == 200, answer.body
    await settling
    assert await flow.words() == SYNCED
    assert await health_of(flow, "web") == {"status": "Healthy", "message": "Certificate is up to date"}


async def test_nobody_waits_for_an_object_that_ignores_its_health(flow: Flow) -> None:
    broken = yaml.safe_load(deployment("slow", BROKEN))
    broken["metadata"]["annotations"] = {IGNORE: "true"}
    flow.repo.push({"app/web.yaml": docs(yaml.safe_dump(broken), config_map("after", annotations={WAVE: "1"}))})
    await flow.deploy()
    assert await flow.words() == SYNCED
    assert (await health_of(flow, "slow"))["status"] == "Progressing"


async def test_a_paused_deployment_suspends_the_application_and_holds_up_nothing(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(deployment("web", paused=True), config_map("after", annotations={WAVE: "1"}))})
    app: dict[str, Any] = await flow.deploy()
    assert await flow.words() == ("Synced", "Suspended", "Succeeded")
    assert "is paused" in app["status"]["health"]["message"]


async def test_a_deployment_that_misses_its_progress_deadline_fails_the_sync(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment("web", BROKEN, progressDeadlineSeconds=1)})
    await flow.deploy()
    assert (await flow.words())[1:] == ("Degraded", "Failed")
    assert "has timed out progressing" in await flow.said()


async def test_kinds_without_a_rule_hold_up_a_sync_only_when_that_is_switched_on(flow: Flow) -> None:
    definition = yaml.safe_load(crd(f"mysteries{flow.token}", f"Mystery{flow.token}", "example.com"))
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"] = True
    waiting = {"conditions": [{"type": "Ready", "status": "False", "message": "thinking"}]}
    mystery = text("example.com/v1", f"Mystery{flow.token}", "web", {"spec": {"size": 1}})
    flow.leftovers.append(("CustomResourceDefinition", f"mysteries{flow.token}.example.com"))
    flow.repo.push({"app/crd.yaml": yaml.safe_dump(definition), "app/web.yaml": mystery})
    await flow.deploy()
    path = f"/apis/example.com/v1/namespaces/{flow.namespace}/mysteries{flow.token}/web"
    assert (await flow.ground.kube("PATCH", path, {"status": waiting})).status == 200
    await flow.sweep()
    assert await flow.words() == SYNCED
    flow.parts.judge._generic = True
    try:
        await flow.sweep()
        assert (await flow.words())[1] == "Progressing"
        assert await health_of(flow, "web") == {"status": "Progressing", "message": "thinking"}
    finally:
        flow.parts.judge._generic = False
