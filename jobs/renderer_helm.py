"""One Helm render, from files and options to documents in Helm's order. Child side; limits: renderer_sandbox.py."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import orjson

from jobs import renderer_binary
from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.helm_integers import MARK, file_name, restoring_template
from jobs.core.helm_order import Document, in_helm_order, is_source, split_file, split_rendered
from jobs.core.helm_values import ValuesError, merged, set_value
from jobs.core.kube_version import require_kube_version
from jobs.core.render_limits import RenderLimits
from jobs.core.render_request import RenderRequest, RepoFile
from jobs.renderer import Output, Release, mapping_of, render
from jobs.renderer_chart import Chart, load_chart, require_closed_schemas, text_of, without_schemas
from jobs.renderer_files import Repository, packed

Repositories = dict[str, Repository]


def documents(request: RenderRequest, limits: RenderLimits) -> list[Document]:
    """CRDs, objects, hooks: each in Helm's order. Raises RenderError or InvalidSpecError."""
    repositories = {name: Repository(archive) for name, archive in request.archives.items()}
    chart = load_chart(repositories[""], request.path, mapping_of)
    _require_installable(chart, request)
    values = _values(request, repositories)
    output = _output(request, _files(chart, request, values), values, limits)
    crds = [] if request.skip_crds else _crds(output)
    templates = [(path, text) for path, text in output.templates.items() if is_source(path) and not path.endswith(MARK)]
    return crds + in_helm_order(_documents(templates), skip_tests=request.skip_tests)


def _require_installable(chart: Chart, request: RenderRequest) -> None:
    if chart.metadata.get("type") == "library":
        raise RenderError(f"{request.path}/Chart.yaml: a library chart renders nothing by itself")
    require_kube_version(str(chart.metadata.get("kubeVersion") or ""), request.kube_version)


def _files(chart: Chart, request: RenderRequest, values: dict[str, Any]) -> dict[str, bytes]:
    files = without_schemas(chart.files) if request.skip_schema_validation else chart.files
    require_closed_schemas(files)
    return {**files, **_integer_templates(files, values)}


def _integer_templates(files: dict[str, bytes], values: dict[str, Any]) -> dict[str, bytes]:
    own, shared = restoring_template(values), restoring_template({"global": values.get("global")})
    name = file_name(files)
    found = {name: own.encode()} if own else {}
    if shared:
        subcharts = [path.removesuffix("Chart.yaml") for path in files if path.endswith("/Chart.yaml")]
        found.update((f"{folder}{name}", shared.encode()) for folder in subcharts if folder.startswith("charts/"))
    return found


def _values(request: RenderRequest, repositories: Repositories) -> dict[str, Any]:
    """Argo CD's precedence: parameters, then the inline values, then the value files, of which the last one wins."""
    values: dict[str, Any] = {}
    for file in request.value_files:
        values = merged(values, mapping_of(_text(file, repositories, "valueFiles"), str(file)))
    if request.values_object is not None:
        values = merged(values, request.values_object)
    elif request.values:
        values = merged(values, mapping_of(request.values, "spec.source.helm.values"))
    return _with_parameters(request, values, repositories)


def _with_parameters(request: RenderRequest, values: dict[str, Any], repositories: Repositories) -> dict[str, Any]:
    """`--set`, then `--set-string`, then `--set-file`: Helm's order, whatever order they were written in."""
    values = orjson.loads(orjson.dumps(values))  # parameters change lists and mappings in place
    try:
        for parameter in request.parameters:
            if not parameter.force_string:
                set_value(values, parameter.name, parameter.value)
        for parameter in request.parameters:
            if parameter.force_string:
                set_value(values, parameter.name, parameter.value, str)
        for name, file in request.file_parameters:
            content = _text(file, repositories, "fileParameters")
            set_value(values, name, "file", partial(_given, content))
    except ValuesError as error:
        raise InvalidSpecError(f"spec.source.helm.parameters: {error}") from None
    return values


def _text(file: RepoFile, repositories: Repositories, field: str) -> str:
    repository = repositories.get(file.archive)
    content = repository.read(file.path) if repository else None
    if content is None:
        raise RenderError(f"spec.source.helm.{field}: {file} is not in the repository")
    return text_of(content, str(file))


def _given(content: str, _: str) -> str:
    return content


def _output(request: RenderRequest, files: dict[str, bytes], values: dict[str, Any], limits: RenderLimits) -> Output:
    release = Release(request.release_name, request.namespace, request.kube_version, request.api_versions)
    try:
        if limits.helm_binary:
            return renderer_binary.render(files, orjson.dumps(values), release, limits)
        return render(packed(files), orjson.dumps(values), release, limits)
    except RenderError as error:
        raise RenderError(f"{request.path or 'the chart'}: {error.message}") from None


def _crds(output: Output) -> list[Document]:
    """CRD files are not templates: they are what they are."""
    found = []
    for path, text in output.crds:
        for number, (line, part) in enumerate(split_file(f"{text}\n"), 1):
            body = mapping_of(part, f"{path} (document {number}, line {line})")
            if body:
                found.append(Document(path, number, line, body))
    return found


def _documents(texts: Iterable[tuple[str, str]]) -> list[Document]:
    found = []
    for path, text in texts:
        for number, part in enumerate(split_rendered(text), 1):
            body = mapping_of(part, f"{path} (document {number})")
            if body:
                found.append(Document(path, number, 0, body))
    return found
