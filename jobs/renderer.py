"""Helm's library as the renderer uses it: YAML with Go's meaning, charts from bytes. Nobody else imports helm_python.

Used only in the sandboxed child processes, and loaded there only: Helm's Go runtime must never be in a process that
forks, and what it is given may loop, allocate or overflow the stack.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from jobs.core.errors import RenderError, shortened
from jobs.core.render_limits import RenderLimits, output_message

MAX_WORDS = 2000
"""Characters of Helm's own words in a message."""
BOM = "\ufeff"

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*' (?=does not match pattern |is not valid )")
_WHY_INVALID = re.compile(r"( is not valid [\w-]+): .*")
_NUMBER = re.compile(r"(multipleOf|minimum|maximum|exclusiveMinimum|exclusiveMaximum): got .*?, (?=want )")


@dataclass(frozen=True, slots=True)
class Release:
    """What templates see as `.Release` and `.Capabilities`."""

    name: str
    namespace: str
    kube_version: str
    api_versions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Output:
    """What Helm gives back: text of every template by path, and the CRD files of the enabled charts."""

    templates: Mapping[str, str]
    crds: Sequence[tuple[str, str]]


def load() -> str:
    """Load the library (0.2 s, 60 MB), once per process; returns the version of Helm in it."""
    import helm_python

    return str(helm_python.helm_sdk_version())


def mapping_of(text: str, place: str) -> dict[str, Any]:
    """A YAML document as Helm and kubectl read it. Raises RenderError naming the place.

    Only the first document is read, numbers are floats, and an empty text is an empty mapping: split before.
    """
    from helm_python import HelmError, _native

    try:
        found: dict[str, Any] = orjson.loads(_native.call_string("helm_values_from_yaml", text.removeprefix(BOM)))
    except (HelmError, orjson.JSONDecodeError) as error:
        raise RenderError(f"{place}: {_without_values(str(error))}") from None
    return found


def render(archive: bytes, values: bytes, release: Release, limits: RenderLimits) -> Output:
    """Render the chart in a .tgz with values as JSON. Raises RenderError with Helm's words, or the limit on output.

    The chart is loaded anew for each render: Helm changes a loaded chart while it renders it.
    """
    import helm_python
    from helm_python import _native

    options = {"name": release.name, "namespace": release.namespace or "default", "is_install": True}
    if release.kube_version:
        options["kube_version"] = release.kube_version
    if release.api_versions:
        options["api_versions"] = list(release.api_versions)
    with _helm_words():
        helm_python.validate_release_name(release.name)
        with helm_python.Chart.load_archive(archive) as chart:
            text = _native.call_string("helm_render", chart._raw(), values.decode(), orjson.dumps(options).decode())
            _limited(text, limits)
            # After the render: only then are the CRDs of disabled subcharts gone.
            crds = [(str(crd["filename"]), str(crd["data"])) for crd in chart.crds]
    return Output(orjson.loads(text), crds)


@contextmanager
def _helm_words() -> Iterator[None]:
    from helm_python import HelmError

    try:
        yield
    except HelmError as error:
        raise RenderError(shortened(schema_words(str(error)), MAX_WORDS)) from None


def schema_words(words: str) -> str:
    """Helm's words about values that their schema refuses, without the values, which may be passwords."""
    if "specifications of the schema" not in words:
        return words
    words = _WHY_INVALID.sub(r"\1", _QUOTED.sub("the value ", words))
    return _NUMBER.sub(r"\1: ", words)


def _limited(text: str, limits: RenderLimits) -> None:
    if len(text) > limits.output_mb << 20:
        raise RenderError(output_message(len(text), limits))


def _without_values(words: str) -> str:
    """A YAML error without the piece of text it quotes, which may be a password."""
    pieces = words.split("`")
    return shortened("`...`".join(pieces[::2]) if len(pieces) > 2 else words, MAX_WORDS)
