"""Which commit and which files an Application is rendered from."""

from typing import Any

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, text

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
    "chart/values.yaml": "colour: default\n",
    "chart/templates/web.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {colour: "{{ .Values.colour }}", release: "{{ .Release.Name }}"}
""",
}
SYNCED = ("Synced", "Healthy", "Succeeded")


async def colour(flow: Flow) -> str:
    return str((await flow.live("ConfigMap", "web"))["data"]["colour"])


@pytest.mark.parametrize(
    "how", ["branch", "tag", "annotated tag", "full commit", "short commit", "semver range", "HEAD"]
)
async def test_a_target_revision_of_every_form_is_resolved(sandbox_flow: Flow, how: str) -> None:
    flow = sandbox_flow
    wanted = flow.repo.push({"app/web.yaml": config_map(colour="wanted")})
    flow.repo.tag("v1.2.3")
    flow.repo.tag("release", annotated=True)
    flow.repo.push(branch="feature/blue")
    flow.repo.push({"app/web.yaml": config_map(colour="newer")})
    flow.repo.tag("v2.0.0")
    targets = {
        "branch": "feature/blue",
        "tag": "v1.2.3",
        "annotated tag": "release",
        "full commit": wanted,
        "short commit": wanted[:10],
        "semver range": "1.*",
        "HEAD": "HEAD",
    }
    source = {"repoURL": flow.url, "path": "app", "targetRevision": targets[how]}
    app = await flow.deploy(source=source)
    assert await flow.words() == SYNCED
    assert await colour(flow) == ("newer" if how == "HEAD" else "wanted")
    assert app["status"]["sync"]["revision"] == (flow.repo.head() if how == "HEAD" else wanted)


async def test_a_new_tag_in_a_semver_range_is_deployed(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"app/web.yaml": config_map(colour="one")})
    flow.repo.tag("1.0.0")
    await flow.deploy(source={"repoURL": flow.url, "path": "app", "targetRevision": "1.x"})
    flow.repo.push({"app/web.yaml": config_map(colour="two")})
    await flow.pushed(flow.repo.tag("1.1.0"), ref="refs/tags/1.1.0")
    await flow.settle()
    assert await colour(flow) == "two"


async def test_a_force_push_is_followed(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"app/web.yaml": config_map(colour="one")})
    flow.repo.push({"app/web.yaml": config_map(colour="two")})
    await flow.deploy()
    revision = flow.repo.force_push({"app/web.yaml": config_map(colour="three")})
    await flow.pushed(revision)
    await flow.settle()
    assert await colour(flow) == "three"
    assert (await flow.status())["sync"]["revision"] == revision


async def test_pushes_that_arrive_late_and_twice_deploy_the_branch_tip(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    first = flow.repo.push({"app/web.yaml": config_map(colour="one")})
    await flow.deploy()
    second = flow.repo.push({"app/web.yaml": config_map(colour="two")})
    third = flow.repo.push({"app/web.yaml": config_map(colour="three")})
    for after in (third, first, second, third):
        await flow.pushed(after)
        await flow.settle()
        assert await colour(flow) == "three"
    assert len((await flow.status())["history"]) == 2


async def test_a_deleted_branch_is_told_and_changes_nothing(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"app/web.yaml": config_map(colour="one")})
    await flow.deploy()
    before = await flow.version("ConfigMap", "web")
    flow.repo.delete_branch("main")
    await flow.pushed("0" * 40)
    await flow.settle()
    assert "main" in await flow.said()
    assert await flow.version("ConfigMap", "web") == before


async def test_value_files_of_another_source_are_used(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    values = flow.another_repo("values")
    values.push({"envs/prod.yaml": "colour: of-prod\n"})
    chart = flow.repo.push(CHART)
    chart_source = {"repoURL": flow.url, "path": "chart", "helm": {"valueFiles": ["$values/envs/prod.yaml"]}}
    sources = [chart_source, {"repoURL": flow.url_of(values), "ref": "values", "targetRevision": "main"}]
    app = await flow.deploy(source=None, sources=sources)
    assert await flow.words() == SYNCED
    assert await colour(flow) == "of-prod"
    assert app["status"]["sync"]["revisions"] == [chart, values.head()]
    assert app["status"]["sourceTypes"] == ["Helm"]
    await flow.push({"envs/prod.yaml": "colour: newer\n"}, repo=values)
    await flow.settle()
    assert await colour(flow) == "newer"


async def test_several_sources_are_rendered_into_one_set_and_the_last_wins(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    other = flow.another_repo("other")
    other.push({"app/web.yaml": config_map(colour="last"), "app/own.yaml": text("v1", "ConfigMap", "own")})
    flow.repo.push({"app/web.yaml": config_map(colour="first")})
    paths = [{"repoURL": url, "path": "app"} for url in (flow.url, flow.url_of(other))]
    await flow.deploy(source=None, sources=paths)
    assert await colour(flow) == "last"
    assert await flow.get("ConfigMap", "own") is not None
    assert "RepeatedResourceWarning" in await flow.said()


async def test_one_push_changes_only_the_applications_whose_files_it_touches(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({f"apps/{name}/web.yaml": config_map(name, number="0") for name in "abc"})
    for name in "abc":
        await flow.create_application(name, path=f"apps/{name}")
    await flow.settle()
    done = len(flow.log)
    await flow.push({"apps/b/web.yaml": config_map("b", number="1")})
    await flow.settle()
    worked = [member for member, _ in flow.log[done:]]
    keys = [member for member in worked if member.startswith("application:")]
    assert keys == [f"application:{flow.ground.home}/{flow.name('b')}"]
    assert (await flow.live("ConfigMap", "b"))["data"] == {"number": "1"}


async def test_helm_values_win_over_each_other_in_argo_cds_order(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push(CHART | {"chart/one.yaml": "colour: file-one\n", "chart/two.yaml": "colour: file-two\n"})
    helm: dict[str, Any] = {"valueFiles": ["one.yaml", "two.yaml"], "releaseName": "mine"}
    await flow.deploy(path="chart", helm=helm)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "file-two", "release": "mine"}
    stronger: tuple[tuple[dict[str, Any], str], ...] = (
        ({"values": "colour: values\n"}, "values"),
        ({"valuesObject": {"colour": "object"}}, "object"),
        ({"parameters": [{"name": "colour", "value": "parameter"}]}, "parameter"),
    )
    for more, expected in stronger:
        helm |= more
        await flow.change(spec={"source": {"helm": helm}})
        assert await colour(flow) == expected
