"""The key of all that rendering reads: equal keys render equally and need no render (design.md, part 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from jobs.core.fingerprint import digest
from jobs.core.render_request import RenderRequest

FORMAT = "1"
"""Raised when Pilothouse renders differently from the same input."""


@dataclass(frozen=True, slots=True)
class SourceInputs:
    """What the render of one source reads, beside the cluster's versions."""

    request: RenderRequest
    """Without files. The build environment is filled in: a revision that an option names is in it, others are not."""
    objects: Mapping[str, str]
    """Path -> object id of each folder and file; a value file that may be missing and is has an empty id."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What rendering knows of the destination cluster."""

    kube_version: str
    api_versions: tuple[str, ...]


def source_key(application: str, sources: Sequence[SourceInputs], facts: Facts, renderer: str) -> str:
    """The key: 32 hexadecimal signs.

    application: `namespace/name`. renderer: version of the built-in Helm, or the path of another one.
    """
    read = [[_options(item.request, facts), item.objects] for item in sources]
    return digest([FORMAT, application, read, facts.kube_version, _digest(facts.api_versions), renderer]).hex()[:32]


def _options(request: RenderRequest, facts: Facts) -> RenderRequest:
    """The cluster's own versions stand once in the key, not in each source: there are some hundreds."""
    return replace(request, api_versions=()) if request.api_versions == facts.api_versions else request


@lru_cache(maxsize=64)
def _digest(api_versions: tuple[str, ...]) -> str:
    return digest(sorted(api_versions)).hex()
