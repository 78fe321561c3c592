"""The files of a chart as Helm would load them: ignored ones gone, packaged and `file://` dependencies put in place.

Child side. Everything is one mapping path -> content, so that what is refused is refused in subcharts too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from jobs.core.chart_files import joined
from jobs.core.errors import RenderError
from jobs.core.helm_ignore import kept, rules_of
from jobs.core.kube_version import allows
from jobs.renderer_files import MAX_UNPACKED, Repository, unpacked

MAX_NESTING = 10
"""Charts inside charts."""
PACKAGE = re.compile(r"(?:charts/[^/]+/)*charts/[^/_.][^/]*\.tgz")
SUBCHART = re.compile(r"charts/([^/_.][^/]*)/Chart\.yaml")
SCHEMA = re.compile(r"(?:charts/[^/]+/)*values\.schema\.json")
REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
KNOWN_SCHEMA = re.compile(r"https?://json-schema\.org/(?:draft-0[4-7]|draft/20(?:19-09|20-12))/schema#?")

Files = dict[str, bytes]
ReadYaml = Callable[[str, str], dict[str, Any]]
"""YAML text and its place in messages -> mapping."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that has all it needs."""

    files: Files
    metadata: Mapping[str, Any]
    """Chart.yaml."""


def load_chart(repository: Repository, path: str, read_yaml: ReadYaml, above: tuple[str, ...] = ()) -> Chart:
    """The chart in a folder of a repository. Raises RenderError: no chart, a dependency is missing, a limit."""
    place = path or "the root of the repository"
    if path in above or len(above) > MAX_NESTING:
        raise RenderError(f"{place}: its file:// dependencies go in a circle: {' -> '.join((*above, path))}")
    files = _visible(dict(repository.walk(path)))
    if "Chart.yaml" not in files:
        raise RenderError(f"{place} has no Chart.yaml, so it is no Helm chart")
    files = _flat(files)
    metadata = read_yaml(text_of(files["Chart.yaml"], f"{path}/Chart.yaml"), f"{path}/Chart.yaml")
    present = _subcharts(files, read_yaml)
    for dependency in _dependencies(files, metadata, path, read_yaml):
        if dependency.get("name") not in present:
            _add_local(files, dependency, _Place(repository, path, (*above, path)), read_yaml)
    return Chart(files, metadata)


@dataclass(frozen=True, slots=True)
class _Place:
    repository: Repository
    path: str
    above: tuple[str, ...]


def _visible(files: Files) -> Files:
    ignore = files.get(".helmignore")
    rules = rules_of(text_of(ignore, ".helmignore") if ignore else "")
    return {path: files[path] for path in kept(files, rules)}


def _flat(files: Files, depth: int = 0) -> Files:
    """The files with every packaged dependency unpacked beside its place, so that subcharts are looked at too."""
    flat: Files = {}
    for path, content in files.items():
        if not PACKAGE.fullmatch(path):
            flat[path] = content
            continue
        if depth > MAX_NESTING:
            raise RenderError(f"{path}: more than {MAX_NESTING} chart archives inside each other")
        inner = _flat(unpacked(content, path), depth + 1)
        flat.update((f"{path}.d/{name}", data) for name, data in inner.items())
    if sum(map(len, flat.values())) > MAX_UNPACKED:
        raise RenderError(f"the chart unpacks to more than {MAX_UNPACKED >> 20} MB, the limit of a chart archive")
    return flat


def _subcharts(files: Files, read_yaml: ReadYaml) -> set[str]:
    """Names of the charts in charts/, by their own Chart.yaml."""
    found = {path: SUBCHART.fullmatch(path) for path in files}
    return {str(read_yaml(text_of(files[path], path), path).get("name")) for path, match in found.items() if match}


def _dependencies(files: Files, metadata: Mapping[str, Any], path: str, read_yaml: ReadYaml) -> list[dict[str, Any]]:
    """As Chart.yaml or, for charts of Helm 2, requirements.yaml lists them."""
    listed = metadata.get("dependencies")
    if "requirements.yaml" in files and not listed:
        place = f"{path}/requirements.yaml"
        listed = read_yaml(text_of(files["requirements.yaml"], place), place).get("dependencies")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _add_local(files: Files, dependency: Mapping[str, Any], place: _Place, read_yaml: ReadYaml) -> None:
    """Put a `file://` dependency into charts/, as `helm dependency build` would."""
    name, url = str(dependency.get("name")), str(dependency.get("repository") or "")
    if not url.startswith("file://"):
        raise RenderError(
            f"{place.path}/Chart.yaml: dependency {name!r} ({url or 'no repository'}) is not vendored: run"
            " `helm dependency update` and commit the charts/ folder"
        )
    target = joined(place.path, url.removeprefix("file://"))
    if target is None:
        raise RenderError(f"{place.path}/Chart.yaml: dependency {name!r} ({url}) leads out of the repository")
    chart = load_chart(place.repository, target, read_yaml, place.above)
    version = str(chart.metadata.get("version") or "")
    wanted = str(dependency.get("version") or "")
    if chart.metadata.get("name") != name or (wanted and not allows(wanted, version)):
        raise RenderError(
            f"{place.path}/Chart.yaml wants dependency {name!r} {wanted} from {url},"
            f" but {target}/Chart.yaml is {chart.metadata.get('name')!r} {version}"
        )
    files.update((f"charts/{name}-{version}.tgz.d/{inner}", content) for inner, content in chart.files.items())


def text_of(content: bytes, place: str) -> str:
    """A file as text. Raises RenderError if it is no UTF-8."""
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise RenderError(f"{place} is no UTF-8 text") from None


def without_schemas(files: Files) -> Files:
    """The files of a chart whose values are not to be checked (`skipSchemaValidation`)."""
    return {path: content for path, content in files.items() if not SCHEMA.fullmatch(path)}


def require_closed_schemas(files: Mapping[str, bytes]) -> None:
    """Raise RenderError if a schema refers to anything outside itself.

    Helm's library fetches such a URL and reads such a file, so a chart could reach the worker's network and files.
    """
    for path, content in files.items():
        if SCHEMA.fullmatch(path):
            _require_closed(path, content)


def _require_closed(path: str, content: bytes) -> None:
    try:
        schema = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise RenderError(f"{path} is no JSON: {error}") from None
    todo: list[Any] = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                _require_inside(path, key, value)
            todo += node.values()
        elif isinstance(node, list):
            todo += node


def _require_inside(path: str, key: str, value: object) -> None:
    leads_out = (key in REFERENCES and not str(value).startswith("#")) or (
        key == "$schema" and isinstance(value, str) and not KNOWN_SCHEMA.fullmatch(value)
    )
    if leads_out and isinstance(value, str):
        raise RenderError(
            f"{path}: {key} {value[:200]!r} leads out of the schema; only references that start with # are allowed"
        )
