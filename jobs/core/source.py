"""One source of an Application: a repository, a place in it, how it is rendered. Read from the spec, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.fields import Fields


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `--set`, in the order it was written."""

    name: str
    value: str
    force_string: bool = False


@dataclass(frozen=True, slots=True)
class FileParameter:
    """One `--set-file`: the value is the content of a file of the repository."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """`spec.source.helm`; empty text means the field is absent."""

    value_files: tuple[str, ...] = ()
    ignore_missing_value_files: bool = False
    values: str = ""
    """Inline YAML text."""
    values_object: Mapping[str, Any] | None = None
    """Inline mapping; None: absent. It beats `values`."""
    parameters: tuple[Parameter, ...] = ()
    file_parameters: tuple[FileParameter, ...] = ()
    release_name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """`spec.source.directory`: plain YAML files."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of `spec.sources`, or `spec.source`."""

    repo_url: str
    path: str
    """Folder in the repository, without leading or trailing slash; empty: the root."""
    target_revision: str
    """As written; empty means HEAD."""
    chart: str = ""
    ref: str = ""
    name: str = ""
    tag_prefix: str = ""
    helm: HelmOptions | None = None
    directory: DirectoryOptions | None = None
    unsupported: tuple[str, ...] = ()
    """Full paths of fields that change what is rendered and that Pilothouse does not know yet: they refuse the sync."""
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The source as it stands in the spec, for `comparedTo` and history."""


UNSUPPORTED = ("kustomize", "plugin")
"""Renderers that are not there yet."""


def source_of(fields: Fields) -> Source:
    """A source from its mapping. Raises InvalidSpecError naming the field."""
    url = fields.text("repoURL")
    if not url:
        fields.refuse("repoURL", "is missing")
    helm, directory = fields.inner("helm"), fields.inner("directory")
    return Source(
        repo_url=url,
        path=_inside(fields, "path"),
        target_revision=fields.text("targetRevision"),
        chart=fields.text("chart"),
        ref=fields.text("ref"),
        name=fields.text("name"),
        tag_prefix=fields.text("tagPrefix"),
        helm=_helm(helm) if fields.has("helm") else None,
        directory=_directory(directory) if fields.has("directory") else None,
        unsupported=_unsupported(fields, directory),
        written=fields.values,
    )


def _unsupported(fields: Fields, directory: Fields) -> tuple[str, ...]:
    found = [fields.at(name) for name in UNSUPPORTED if fields.mapping(name)]
    found += [directory.at("disableExtensionFilter")] if directory.flag("disableExtensionFilter") else []
    jsonnet = directory.mapping("jsonnet")
    return (*found, directory.at("jsonnet")) if any(jsonnet.values()) else tuple(found)


def _inside(fields: Fields, name: str) -> str:
    """A relative path that stays in the repository. Hostile: `..` would read another application's files."""
    path = fields.text(name)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path or "\n" in path:
        fields.refuse(name, f"must be a relative path inside the repository, not {path!r}")
    return "/".join(parts)


def _helm(fields: Fields) -> HelmOptions:
    return HelmOptions(
        value_files=fields.texts("valueFiles"),
        ignore_missing_value_files=fields.flag("ignoreMissingValueFiles"),
        values=fields.text("values"),
        values_object=fields.mapping("valuesObject") if fields.has("valuesObject") else None,
        parameters=tuple(_parameter(item) for item in fields.each("parameters")),
        file_parameters=tuple(
            FileParameter(item.text("name"), item.text("path")) for item in fields.each("fileParameters")
        ),
        release_name=fields.text("releaseName"),
        namespace=fields.text("namespace"),
        kube_version=fields.text("kubeVersion"),
        api_versions=fields.texts("apiVersions"),
        skip_crds=fields.flag("skipCrds"),
        skip_tests=fields.flag("skipTests"),
        skip_schema_validation=fields.flag("skipSchemaValidation"),
    )


def _parameter(fields: Fields) -> Parameter:
    if not fields.text("name"):
        fields.refuse("name", "is missing")
    return Parameter(fields.text("name"), fields.text("value"), fields.flag("forceString"))


def _directory(fields: Fields) -> DirectoryOptions:
    return DirectoryOptions(fields.flag("recurse"), fields.text("include"), fields.text("exclude"))
