"""The story Pilothouse exists for (design.md, part 1): one chart, staging and prod, told on both API servers."""

from tests.e2e.harness import Flow, automated

CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "charts/shop/values.yaml": "image: {repository: registry.example.org/shop, tag: '1.0'}\nreplicas: 1\n",
    "charts/shop/values-staging.yaml": "image: {tag: '1.0'}\n",
    "charts/shop/values-prod.yaml": "image: {tag: '1.0'}\nreplicas: 2\n",
    "charts/shop/templates/deployment.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: shop, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"}]
""",
    "charts/shop/templates/config.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {tag: "{{ .Values.image.tag }}"}
""",
}
BUMP = {"charts/shop/values-staging.yaml": "image: {tag: '2.0'}\n"}
SYNCED = ("Synced", "Healthy", "Succeeded")


async def shop(flow: Flow, *, heal: bool = True) -> None:
    """Staging and prod from the same chart, deployed."""
    flow.repo.push(CHART)
    for stage in ("staging", "prod"):
        helm = {"valueFiles": [f"values-{stage}.yaml"], "releaseName": stage}
        await flow.create_application(stage, path="charts/shop", helm=helm, syncPolicy=automated(heal=heal))
    await flow.settle()


async def image(flow: Flow, stage: str) -> str:
    body = await flow.live("Deployment", stage)
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


async def versions(flow: Flow) -> tuple[str, int]:
    """What changes when somebody writes prod's objects; a Deployment's resourceVersion moves with its status too."""
    return await flow.version("ConfigMap", "prod"), (await flow.live("Deployment", "prod"))["metadata"]["generation"]


async def test_staging_and_prod_are_deployed_from_one_chart(flow: Flow) -> None:
    await shop(flow)
    assert await flow.words("staging") == SYNCED
    assert await flow.words("prod") == SYNCED
    assert (await flow.live("Deployment", "staging"))["spec"]["replicas"] == 1
    assert (await flow.live("Deployment", "prod"))["spec"]["replicas"] == 2
    assert (await flow.status("prod"))["summary"] == {"images": ["registry.example.org/shop:1.0"]}


async def test_a_new_tag_in_staging_leaves_prod_untouched(flow: Flow) -> None:
    await shop(flow)
    before = await versions(flow)
    revision = await flow.push(BUMP)
    await flow.settle()
    assert await image(flow, "staging") == "2.0"
    assert await flow.words("staging") == SYNCED
    assert (await flow.status("staging"))["sync"]["revision"] == revision
    assert await versions(flow) == before


async def test_a_change_by_hand_is_put_back(flow: Flow) -> None:
    await shop(flow)
    await flow.patch("Deployment", "prod", {"spec": {"replicas": 5}})
    await flow.sweep("prod")
    assert (await flow.live("Deployment", "prod"))["spec"]["replicas"] == 2
    assert (await flow.words("prod"))[0] == "Synced"
    assert any("spec.replicas" in said for said in (await flow.events("prod"))["DriftHealed"])


async def test_a_change_by_hand_is_only_reported_without_self_heal(flow: Flow) -> None:
    await shop(flow, heal=False)
    await flow.patch("Deployment", "prod", {"spec": {"replicas": 5}})
    await flow.sweep("prod")
    assert (await flow.live("Deployment", "prod"))["spec"]["replicas"] == 5
    assert (await flow.words("prod"))[0] == "OutOfSync"


async def test_a_removed_template_is_pruned(flow: Flow) -> None:
    await shop(flow)
    await flow.push({"charts/shop/templates/config.yaml": None})
    await flow.settle()
    await flow.gone("ConfigMap", "staging")
    await flow.gone("ConfigMap", "prod")
    assert await flow.words("staging") == SYNCED
    assert (await flow.results("staging"))["ConfigMap/staging"] == "Pruned: pruned"


async def test_a_revert_brings_the_old_version_back(flow: Flow) -> None:
    await shop(flow)
    await flow.push(BUMP)
    await flow.settle()
    revision = flow.repo.revert()
    await flow.pushed(revision)
    await flow.settle()
    assert await image(flow, "staging") == "1.0"
    status = await flow.status("staging")
    assert status["sync"]["revision"] == revision
    assert [entry["revision"] for entry in status["history"]][-1] == revision


async def test_a_broken_chart_keeps_the_old_version_and_says_where_it_is_broken(flow: Flow) -> None:
    await shop(flow)
    before = await flow.version("ConfigMap", "staging")
    await flow.push({"charts/shop/templates/config.yaml": "kind: ConfigMap\nname: {{ .Values.nowhere.at.all }}\n"})
    await flow.settle()
    assert (await flow.words("staging"))[0] == "Unknown"
    said = await flow.said("staging")
    assert said.startswith("ComparisonError: ")
    assert "templates/config.yaml:2" in said
    assert await flow.version("ConfigMap", "staging") == before
    await flow.push({"charts/shop/templates/config.yaml": CHART["charts/shop/templates/config.yaml"]})
    await flow.settle()
    assert (await flow.words("staging"))[0] == "Synced"
    assert await flow.said("staging") == ""
