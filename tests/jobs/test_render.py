"""Charts and folders through the real pool of renderer processes."""

import asyncio
import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import RepoFile
from jobs.core.source import Parameter
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import Link, a_chart_request, a_config_map, a_directory_request, archive, packaged
from tests.jobs.child import imported


@pytest.fixture(scope="module")
def renderers() -> Iterator[Renderers]:
    pool = Renderers(Settings(renderers=1, render_timeout_s=20))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


def values_chart(defaults: str = "", **given: Any) -> Any:
    files: dict[str, Any] = {
        "web/values.yaml": defaults,
        "web/templates/all.yaml": a_config_map("all", "{all: {{ toJson .Values | quote }}}"),
        "web/values-prod.yaml": "image: {tag: prod}\nonly: prod\n",
        "common.yaml": "image: {tag: common, repo: common}\n",
    }
    return a_chart_request(files, **given)


async def values_of(renderers: Renderers, request: Any) -> dict[str, Any]:
    rendered = await renderers.render(request)
    return dict(json.loads(rendered.manifests[0].body["data"]["all"]))


async def test_a_chart_becomes_manifests_that_know_their_file(renderers: Renderers) -> None:
    request = a_chart_request(
        {
            "web/templates/a.yaml": a_config_map("{{ .Release.Name }}", "{ns: {{ .Release.Namespace }}}"),
            "web/templates/NOTES.txt": "Thank you for installing {{ .Release.Name }}",
            "web/templates/_helpers.tpl": '{{ define "x" }}x{{ end }}',
        }
    )
    rendered = await renderers.render(request)
    (manifest,) = rendered.manifests
    assert str(manifest.id) == "ConfigMap web"
    assert manifest.origin == "web/templates/a.yaml"
    assert manifest.body["data"] == {"ns": "shop"}
    assert rendered.warnings == ()


async def test_later_value_files_win_and_parameters_win_over_all(renderers: Renderers) -> None:
    request = values_chart(
        "image: {tag: chart, repo: chart, pull: chart}\n",
        value_files=(RepoFile("common.yaml"), RepoFile("web/values-prod.yaml")),
        values="image: {pull: inline}\nonly: inline\n",
        parameters=(Parameter("only", "parameter"),),
    )
    found = await values_of(renderers, request)
    assert found["image"] == {"tag": "prod", "repo": "common", "pull": "inline"}
    assert found["only"] == "parameter"


async def test_the_values_object_replaces_inline_values(renderers: Renderers) -> None:
    found = await values_of(renderers, values_chart(values="a: 1\nb: 1\n", values_object={"a": 2}))
    assert found == {"a": 2}


async def test_a_null_deletes_a_default_of_the_chart(renderers: Renderers) -> None:
    found = await values_of(renderers, values_chart("a: 1\nb: 2\n", values="a: null\n"))
    assert found == {"b": 2}


async def test_files_of_another_repository_can_be_values_and_parameters(renderers: Renderers) -> None:
    request = values_chart(
        value_files=(RepoFile("prod.yaml", "env"),), file_parameters=(("ca", RepoFile("ca", "env")),)
    )
    other = archive({"prod.yaml": "tag: other\n", "ca": "one, two\n"})
    request = values_chart_with(request, other)
    assert await values_of(renderers, request) == {"tag": "other", "ca": "one, two\n"}


def values_chart_with(request: Any, other: bytes) -> Any:
    return dataclasses.replace(request, archives={**request.archives, "env": other})


async def test_numbers_of_parameters_are_printed_as_they_were_written(renderers: Renderers) -> None:
    """Helm's `--set` makes integers; as floats a build number would become 2.0261123e+07."""
    request = a_chart_request(
        {
            "web/templates/a.yaml": a_config_map(
                "a",
                '{tag: "{{ .Values.image.tag }}", port: "{{ index .Values.ports 1 }}", all: "{{ .Values.global.n }}"}',
            ),
            "web/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
            "web/charts/sub/templates/b.yaml": a_config_map(
                "b", '{all: "{{ .Values.global.n }}", m: "{{ .Values.m }}", same: "{{ eq .Values.m 7000000 }}"}'
            ),
        },
        parameters=(
            Parameter("image.tag", "20261123"),
            Parameter("ports", "{1,8000000}"),
            Parameter("global.n", "6000000"),
            Parameter("sub.m", "7000000"),
        ),
    )
    rendered = await renderers.render(request)
    data = {manifest.id.name: manifest.body["data"] for manifest in rendered.manifests}
    assert data["a"] == {"tag": "20261123", "port": "8000000", "all": "6000000"}
    assert data["b"] == {"all": "6000000", "m": "7000000", "same": "true"}


async def test_a_forced_string_stays_text(renderers: Renderers) -> None:
    request = values_chart(parameters=(Parameter("a", "1"), Parameter("b", "1", force_string=True)))
    assert await values_of(renderers, request) == {"a": 1, "b": "1"}


async def test_a_template_error_names_file_and_line(renderers: Renderers) -> None:
    request = a_chart_request({"web/templates/a.yaml": "a: 1\nb: {{ .Values.missing.key }}\n"})
    with pytest.raises(RenderError, match=r"(?s)^web: web/templates/a\.yaml:2:\d+.*nil pointer"):
        await renderers.render(request)


async def test_broken_output_names_the_document_and_keeps_quoted_text_to_itself(renderers: Renderers) -> None:
    request = a_chart_request({"web/templates/a.yaml": f"{a_config_map()}---\n- hunter2\n"})
    with pytest.raises(RenderError, match=r"web/templates/a\.yaml \(document 2\)") as caught:
        await renderers.render(request)
    assert "hunter2" not in caught.value.message


async def test_a_packaged_dependency_is_rendered_unless_its_condition_is_off(renderers: Renderers) -> None:
    sub = packaged(
        "sub", {"Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n", "templates/s.yaml": a_config_map("s")}
    )
    files: dict[str, Any] = {
        "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"
        "dependencies: [{name: sub, version: 1.x, repository: 'https://charts.example.com', condition: sub.enabled}]\n",
        "web/charts/sub-1.0.0.tgz": sub,
    }
    assert len((await renderers.render(a_chart_request(files))).manifests) == 1
    off = a_chart_request(files, parameters=(Parameter("sub.enabled", "false"),))
    assert (await renderers.render(off)).manifests == ()


async def test_a_dependency_that_is_not_vendored_is_named(renderers: Renderers) -> None:
    chart = (
        "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x, repository: 'https://c'}]\n"
    )
    with pytest.raises(RenderError, match=r"dependency 'db' \(https://c\) is not vendored.*commit the charts/ folder"):
        await renderers.render(a_chart_request({"web/Chart.yaml": chart}))


async def test_file_dependencies_are_put_in_place_through_several_floors(renderers: Renderers) -> None:
    files = {
        "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"
        "dependencies: [{name: lib, version: '>=1', repository: 'file://../lib'}]\n",
        "lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.2.0\n"
        "dependencies: [{name: base, version: '*', repository: 'file://../base'}]\n",
        "lib/templates/l.yaml": a_config_map("l"),
        "base/Chart.yaml": "apiVersion: v2\nname: base\nversion: 0.1.0\n",
        "base/templates/b.yaml": a_config_map("b"),
    }
    rendered = await renderers.render(a_chart_request(files))
    assert sorted(manifest.id.name for manifest in rendered.manifests) == ["b", "l"]


async def test_file_dependencies_must_stay_inside_match_and_end(renderers: Renderers) -> None:
    def chart(url: str, version: str = "1.x") -> str:
        return (
            "apiVersion: v2\nname: web\nversion: 1.0.0\n"
            f"dependencies: [{{name: web, version: {version}, repository: '{url}'}}]\n"
        )

    for url, words in (
        ("file://../../etc", "leads out of the repository"),
        ("file:///etc", "leads out of the repository"),
        ("file://../web", "go in a circle"),
        ("file://../nothing", "no Chart.yaml"),
    ):
        with pytest.raises(RenderError, match=words):
            await renderers.render(a_chart_request({"web/Chart.yaml": chart(url)}))
    files = {"web/Chart.yaml": chart("file://../b", "2.x"), "b/Chart.yaml": chart("file://x").split("dep")[0]}
    with pytest.raises(RenderError, match=r"wants dependency 'web' 2\.x .* but b/Chart\.yaml is 'web' 1\.0\.0"):
        await renderers.render(a_chart_request(files))


async def test_what_helm_would_refuse_is_refused(renderers: Renderers) -> None:
    for files, given, words in (
        ({"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ntype: library\n"}, {}, "library chart"),
        (
            {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: '>=1.40'\n"},
            {},
            "needs kubeVersion >=1.40",
        ),
        ({}, {"release_name": "No_Name"}, "release name"),
        ({"web/Chart.yaml": "name: web\n"}, {}, "web: validation: chart.metadata.version"),
        ({"web/values.yaml": "a: [\n"}, {}, "values.yaml"),
        ({"web/values.schema.json": '{"required": ["must"]}'}, {}, "must"),
        ({}, {"path": "elsewhere"}, "elsewhere has no Chart.yaml"),
        ({}, {"values": "- a\n"}, r"spec\.source\.helm\.values"),
        ({}, {"value_files": (RepoFile("no.yaml"),)}, r"valueFiles: no\.yaml is not in the repository"),
    ):
        with pytest.raises(RenderError, match=words):
            await renderers.render(a_chart_request(files, **given))
    with pytest.raises(InvalidSpecError, match="list must terminate"):
        await renderers.render(a_chart_request({}, parameters=(Parameter("a", "{b\\"),)))


async def test_a_schema_can_be_skipped_in_subcharts_too(renderers: Renderers) -> None:
    files = {
        "web/values.schema.json": '{"required": ["must"]}',
        "web/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "web/charts/sub/values.schema.json": '{"required": ["must"]}',
        "web/templates/a.yaml": a_config_map(),
    }
    rendered = await renderers.render(a_chart_request(files, skip_schema_validation=True))
    assert len(rendered.manifests) == 1


async def test_crds_come_first_and_can_be_skipped(renderers: Renderers) -> None:
    crd = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\n"
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: d.b.c}\n"
    )
    files = {"web/crds/a.yaml": crd, "web/templates/a.yaml": a_config_map()}
    names = [manifest.id.name for manifest in (await renderers.render(a_chart_request(files))).manifests]
    assert names == ["a.b.c", "d.b.c", "a"]
    skipped = await renderers.render(a_chart_request(files, skip_crds=True))
    assert [manifest.id.name for manifest in skipped.manifests] == ["a"]


async def test_hooks_stay_objects_and_tests_can_be_skipped(renderers: Renderers) -> None:
    def hook(name: str, event: str) -> str:
        return a_config_map(name, extra=f"  annotations: {{helm.sh/hook: '{event}'}}\n")

    files = {
        "web/templates/a.yaml": "---\n".join(
            [
                hook("pre", "pre-install,pre-upgrade"),
                hook("test", "test"),
                hook("odd", "crd-install"),
                a_config_map("plain"),
            ]
        )
    }
    names = [manifest.id.name for manifest in (await renderers.render(a_chart_request(files))).manifests]
    assert names == ["plain", "pre", "test"]
    skipped = await renderers.render(a_chart_request(files, skip_tests=True))
    assert [manifest.id.name for manifest in skipped.manifests] == ["plain", "pre"]


async def test_ignored_files_are_invisible_to_templates(renderers: Renderers) -> None:
    files = {
        "web/.helmignore": "# comment\n*.secret\n/docs/\n",
        "web/a.secret": "x",
        "web/docs/b.txt": "x",
        "web/c.txt": "x",
        "web/templates/a.yaml": a_config_map(
            data='{names: "{{ range $path, $_ := .Files.Glob "**" }}{{ $path }} {{ end }}"}'
        ),
    }
    rendered = await renderers.render(a_chart_request(files))
    assert rendered.manifests[0].body["data"]["names"].split() == [".helmignore", "c.txt"]


async def test_symlinks_inside_the_repository_are_followed(renderers: Renderers) -> None:
    files: dict[str, Any] = {
        "web/values.yaml": Link("../shared/values.yaml"),
        "web/templates": Link("../shared/templates"),
        "shared/values.yaml": "a: shared\n",
        "shared/templates/a.yaml": a_config_map(data="{a: {{ .Values.a }}}"),
    }
    rendered = await renderers.render(a_chart_request(files))
    assert rendered.manifests[0].body["data"] == {"a": "shared"}


async def test_lists_are_unrolled_and_repeated_objects_warned_about(renderers: Renderers) -> None:
    files = {
        "deploy/a.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n",
        "deploy/b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {from: b}}\n",
    }
    rendered = await renderers.render(a_directory_request(files))
    (manifest,) = rendered.manifests
    assert manifest.body["metadata"]["labels"] == {"from": "b"}
    assert rendered.warnings == ("Secret s is rendered more than once, by a.yaml and b.yaml: the last one wins",)


async def test_a_folder_is_read_by_its_patterns(renderers: Renderers) -> None:
    files = {
        "deploy/a.yaml": f"{a_config_map('a')}---\n# nothing\n---\n{a_config_map('b')}",
        "deploy/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
        "deploy/skipped.yml": f"# +argocd:skip-file-rendering\n{a_config_map('no')}",
        "deploy/README.md": "- no manifest",
        "deploy/sub/d.yaml": a_config_map("d"),
        "deploy/sub/e.yml": a_config_map("e"),
        "other/f.yaml": a_config_map("f"),
    }

    async def names(**given: Any) -> list[str]:
        rendered = await renderers.render(a_directory_request(files, **given))
        return [manifest.id.name for manifest in rendered.manifests]

    assert await names() == ["a", "b", "c"]
    assert await names(recurse=True) == ["a", "b", "c", "d", "e"]
    assert await names(recurse=True, include="*.yaml") == ["a", "b", "d"]
    assert await names(recurse=True, exclude="{sub/*,*.json}") == ["a", "b"]
    with pytest.raises(InvalidSpecError, match=r"directory\.include"):
        await names(include="[")


async def test_what_is_no_object_is_refused_by_file_and_document(renderers: Renderers) -> None:
    for text, words in (
        (f"{a_config_map()}---\n- a\n", r"a\.yaml \(document 2, line 6\)"),
        ("kind: ConfigMap\nmetadata: {name: a}\n", "needs apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\n", "has no metadata"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "metadata.name .* is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "metadata.name .* is not text"),
        ("apiVersion: v1\nkind: Job\nmetadata: {generateName: a-}\n", "metadata.name .* is missing"),
    ):
        with pytest.raises(RenderError, match=words):
            await renderers.render(a_directory_request({"deploy/a.yaml": text}))


async def test_a_hook_may_leave_its_name_to_the_server(renderers: Renderers) -> None:
    text = (
        "apiVersion: batch/v1\nkind: Job\n"
        "metadata: {generateName: a-, annotations: {argocd.argoproj.io/hook: PreSync}}\n"
    )
    rendered = await renderers.render(a_directory_request({"deploy/a.yaml": f"{text}---\n{text}"}))
    assert [manifest.id.name for manifest in rendered.manifests] == ["", ""]


async def test_an_equal_source_key_is_answered_from_the_cache(renderers: Renderers) -> None:
    template = {"web/templates/a.yaml": a_config_map(data="{r: {{ randAlphaNum 20 }}}")}
    first = await renderers.render(a_chart_request(template, key="k1"))
    assert (await renderers.render(a_chart_request(template, key="k1"))) == first
    assert (await renderers.render(a_chart_request(template, key="k2"))) != first
    assert (await renderers.render(a_chart_request(template))) != (await renderers.render(a_chart_request(template)))


async def test_renderers_that_die_while_idle_are_replaced() -> None:
    pool = Renderers(Settings(renderers=1))
    await pool.start()
    try:
        for process in Path(pool._scratch).glob("*.err"):
            os.kill(int(process.stem), signal.SIGKILL)
        rendered = await pool.render(a_chart_request({"web/templates/a.yaml": a_config_map()}))
        assert len(rendered.manifests) == 1
    finally:
        await pool.close()
    assert not Path(pool._scratch).exists()


async def test_too_little_memory_fails_the_start_with_the_settings_name() -> None:
    with pytest.raises(RenderError, match=r"no renderer can start within 512 MB \(PILOTHOUSE_RENDER_MEMORY_MB\)"):
        await Renderers(Settings(renderers=1, render_memory_mb=512)).start()


async def test_a_renderer_knows_nothing_of_the_workers_libraries(renderers: Renderers) -> None:
    """Each module it imported would cost memory once per renderer."""
    modules = set(await renderers.run(imported, timeout_s=20))
    assert "jobs.renderer" in modules
    assert not modules & {"aiohttp", "pytest", "kubernetes_asyncio", "arq", "pydantic", "jobs.settings", "wcmatch"}


async def test_names_and_nests_that_cannot_be_told_are_refused(renderers: Renderers) -> None:
    with pytest.raises(RenderError, match="is no UTF-8"):
        await renderers.render(a_directory_request({"deploy/\udcff.yaml": a_config_map()}))
    with pytest.raises(RenderError, match="is no UTF-8"):
        await renderers.render(a_directory_request({"deploy/a.yaml": b"a: \xff"}))
    deep = f"apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: {'[' * 400}{']' * 400}\n"
    with pytest.raises(RenderError, match="nested too deeply"):
        await renderers.render(a_directory_request({"deploy/a.yaml": deep}))
