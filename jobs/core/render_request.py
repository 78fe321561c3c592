"""What a render takes and gives: plain data that crosses to the sandboxed renderer and back.

How it is done is in jobs/render.py (outside) and jobs/renderer*.py (inside).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jobs.core.objects import Manifest
from jobs.core.source import Parameter

OWN = ""
"""The archive of the source's own repository; others are named by the `ref` of their source."""


class Tool(StrEnum):
    """What turns a source's files into manifests."""

    HELM = "Helm"
    DIRECTORY = "Directory"


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file of one of the archives, by its path from the root of that repository."""

    path: str
    archive: str = OWN

    def __str__(self) -> str:
        """As a person would write it in `valueFiles`."""
        return f"${self.archive}/{self.path}" if self.archive else self.path


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """Everything one render reads. Build environment variables are substituted already."""

    tool: Tool
    archives: Mapping[str, bytes] = field(repr=False)
    """Archive name -> uncompressed tar of the needed files as they are in that repository, symlinks as symlinks."""
    path: str
    """Folder of the chart or of the plain files, from the root of the own repository; empty: the root."""
    release_name: str = ""
    namespace: str = ""
    kube_version: str = ""
    """Of the target cluster, e.g. `v1.36.3`; empty: the one Helm was built with."""
    api_versions: tuple[str, ...] = ()
    value_files: tuple[RepoFile, ...] = ()
    """Existing files only, the last one wins."""
    values: str = field(default="", repr=False)
    """Inline YAML; not read when `values_object` is there."""
    values_object: Mapping[str, Any] | None = field(default=None, repr=False)
    parameters: tuple[Parameter, ...] = field(default=(), repr=False)
    file_parameters: tuple[tuple[str, RepoFile], ...] = ()
    """`--set-file`: name and file, in order."""
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False
    recurse: bool = False
    include: str = ""
    exclude: str = ""
    key: str = ""
    """The source key: equal keys render equally, so the answer may come from the cache. Empty: never cached."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came out, in the order Helm would install it."""

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for the condition RepeatedResourceWarning."""


def without_repeats(manifests: tuple[Manifest, ...]) -> Rendered:
    """The manifests with each object once: the last one wins, as in Argo CD, with a warning per repeated object."""
    last = {manifest.id: index for index, manifest in enumerate(manifests)}
    kept = tuple(manifest for index, manifest in enumerate(manifests) if _stays(manifest, index, last))
    warnings = []
    for index, manifest in enumerate(manifests):
        if not _stays(manifest, index, last):
            winner = manifests[last[manifest.id]]
            warnings.append(
                f"{manifest.id} is rendered more than once, by {manifest.origin} and {winner.origin}: the last one wins"
            )
    return Rendered(kept, tuple(dict.fromkeys(warnings)))


def _stays(manifest: Manifest, index: int, last: Mapping[Any, int]) -> bool:
    # Hooks with generateName have no name yet, so they are never the same object.
    return not manifest.id.name or last[manifest.id] == index
