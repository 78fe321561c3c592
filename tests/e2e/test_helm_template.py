"""Own charts of rising difficulty, object by object and in order against the real `helm template`."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.core.objects import Manifest
from jobs.core.render_request import RenderRequest, RepoFile, Tool
from jobs.core.source import Parameter
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import a_directory_request, archive, packaged
from tests.oracle import helm

CHARTS = Path(__file__).parent.parent / "charts"


@dataclass(frozen=True)
class Case:
    """One chart and what it is rendered with, for both sides."""

    chart: str
    values: tuple[str, ...] = ()
    """Value files in the chart's folder."""
    inline: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    strings: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    kube_version: str = "v1.36.3"
    api_versions: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """skip_tests, skip_crds, skip_schema_validation."""

    def __str__(self) -> str:
        marks = [*self.values, *(name for name, _ in (*self.parameters, *self.strings)), *self.options]
        return "-".join([self.chart, *marks, *self.api_versions[:1], *(["inline"] if self.inline else [])])


CASES = [
    Case("01-plain"),
    Case("01-plain", values=("values-prod.yaml",), parameters=(("port", "9090"),)),
    Case("02-helpers"),
    Case("02-helpers", inline="hosts: []\ntls: false\nname: a-very-long-name\nannotations: null\n"),
    Case("03-hooks"),
    Case("03-hooks", options=("skip_tests",)),
    Case("04-crds"),
    Case("04-crds", options=("skip_crds",), parameters=(("spare.enabled", "true"), ("sub.enabled", "false"))),
    Case("05-files"),
    Case("06-tpl"),
    Case("06-tpl", inline='domain: "{{ .Release.Namespace }}.example.org"\n'),
    Case("07-globals"),
    Case("07-globals", inline="global: {registry: null, level: {b: null, d: 4}}\nchild: {kept: null}\n"),
    Case("08-dependencies"),
    Case(
        "08-dependencies",
        parameters=(("tags.storage", "true"), ("second.enabled", "false"), ("unused.enabled", "true")),
    ),
    Case("08-dependencies", parameters=(("cache.enabled", "true"), ("tags.messaging", "false"))),
    Case("09-local"),
    Case("10-import-values"),
    Case("10-import-values", inline="source: {deep: {settings: {b: given}}}\n"),
    Case("11-library"),
    Case("12-capabilities"),
    Case(
        "12-capabilities",
        kube_version="v1.29.1",
        api_versions=("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1", "example.com/v1"),
    ),
    Case("13-notes"),
    Case("14-schema"),
    Case("14-schema", inline="port: nothing\nsub: {count: x}\n", options=("skip_schema_validation",)),
    Case("15-quirks"),
    Case("15-quirks", values=("values.yaml",)),
    Case("16-order"),
    Case("17-helm2"),
    Case("17-helm2", parameters=(("old.on", "false"),)),
    Case(
        "18-parameters",
        parameters=(
            ("image.tag", "20261123"),
            ("ports", "{8080,1000000,x}"),
            ("list[0].value", "5000000"),
            ("list[2].name", "c"),
            ("sub.n", "7000000"),
            ("global.g", "6000000"),
            ("gone", "null"),
            ("text", "a\\,b"),
            ("truth", "true"),
        ),
        strings=(("image.pull", "1"), ("sub.s", "true")),
        files=(("ca", "ca.pem"),),
    ),
]


@pytest.fixture(scope="module")
def renderers() -> Iterator[Renderers]:
    pool = Renderers(Settings(renderers=1))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


@pytest.fixture(scope="module")
def binary_renderers() -> Iterator[Renderers]:
    pool = Renderers(Settings(renderers=1, helm_binary=helm()))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts as a repository: folders named `*.package` are packed, as `helm package` would."""
    target = tmp_path_factory.mktemp("charts") / "repository"
    shutil.copytree(CHARTS, target)
    for folder in sorted(target.rglob("*.package")):
        content = {path: data for path, data in _files(folder).items() if path != ".helmignore"}
        name = folder.name.rpartition("-")[0]
        folder.with_suffix(".tgz").write_bytes(packaged(name, content))
        shutil.rmtree(folder)
    return target


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_objects_are_those_of_helm_template(case: Case, repository: Path, renderers: Renderers) -> None:
    ours = await renderers.render(_request(case, repository))
    theirs = await renderers.render(a_directory_request({"deploy/out.yaml": _helm_template(case, repository)}))
    assert _shown(ours.manifests) == _shown(theirs.manifests)


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[7], CASES[13], CASES[-1]], ids=str)
async def test_a_given_helm_binary_renders_the_same(
    case: Case, repository: Path, renderers: Renderers, binary_renderers: Renderers
) -> None:
    request = _request(case, repository)
    built_in, by_binary = await renderers.render(request), await binary_renderers.render(request)
    assert _shown(built_in.manifests) == _shown(by_binary.manifests)
    assert {manifest.origin for manifest in built_in.manifests} == {manifest.origin for manifest in by_binary.manifests}


def test_every_chart_is_compared() -> None:
    """09-shared is rendered as a dependency of 09-local."""
    assert {case.chart for case in CASES} | {"09-shared"} == {path.name for path in CHARTS.iterdir()}


def _shown(manifests: tuple[Manifest, ...]) -> list[tuple[str, Any]]:
    return [(str(manifest.id), manifest.body) for manifest in manifests]


def _request(case: Case, repository: Path) -> RenderRequest:
    return RenderRequest(
        Tool.HELM,
        {"": archive(_files(repository))},
        case.chart,
        release_name="rel",
        namespace="shop",
        kube_version=case.kube_version,
        api_versions=case.api_versions,
        value_files=tuple(RepoFile(f"{case.chart}/{name}") for name in case.values),
        values=case.inline,
        parameters=(
            *(Parameter(name, value) for name, value in case.parameters),
            *(Parameter(name, value, force_string=True) for name, value in case.strings),
        ),
        file_parameters=tuple((name, RepoFile(f"{case.chart}/{path}")) for name, path in case.files),
        skip_crds="skip_crds" in case.options,
        skip_tests="skip_tests" in case.options,
        skip_schema_validation="skip_schema_validation" in case.options,
    )


def _helm_template(case: Case, repository: Path) -> str:
    chart = repository / case.chart
    home = repository.parent / "home"
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    if case.chart == "09-local":
        subprocess.run([helm(), "dependency", "build", chart], check=True, capture_output=True, env=env)
    command = [str(helm()), "template", ".", "--name-template", "rel", "--namespace", "shop", "--include-crds"]
    command += ["--kube-version", case.kube_version, *_flags(case, repository)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=chart, env=env, timeout=60, check=False)
    shutil.rmtree(chart / "charts") if case.chart == "09-local" else None
    assert done.returncode == 0, done.stderr
    return done.stdout


def _flags(case: Case, repository: Path) -> list[str]:
    """What Argo CD would put on the command line."""
    flags = [flag for name in case.values for flag in ("--values", name)]
    if case.inline:
        inline = repository.parent / "inline.yaml"
        inline.write_text(case.inline)
        flags += ["--values", str(inline)]
    flags += [flag for version in case.api_versions for flag in ("--api-versions", version)]
    flags += [flag for name, value in case.parameters for flag in ("--set", f"{name}={value}")]
    flags += [flag for name, value in case.strings for flag in ("--set-string", f"{name}={value}")]
    flags += [flag for name, path in case.files for flag in ("--set-file", f"{name}={path}")]
    flags += [f"--{option.replace('_', '-')}" for option in case.options if option != "skip_crds"]
    if "skip_crds" in case.options:
        flags.append("--include-crds=false")
    return flags


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
