"""What one source of an application renders: the request without the files, and where the files are. Pure.

The caller asks core/chart_files.py what else `paths` lead to, reads the archives, and hands the request on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.core.application import Application
from jobs.core.build_env import BuildFacts, build_env, substituted
from jobs.core.errors import InvalidSpecError
from jobs.core.render_request import OWN, RenderRequest, RepoFile, Tool
from jobs.core.source import DirectoryOptions, HelmOptions, Source
from jobs.core.tool import tool_of
from jobs.core.tree import Tree
from jobs.core.value_files import Lookup, parameter_files, value_files


@dataclass(frozen=True, slots=True)
class Chosen:
    """A render that is decided, but has no files yet."""

    request: RenderRequest
    """Complete but for `archives` and `key`. A revision that an option names is in it, as text; others are not."""
    paths: Mapping[str, tuple[str, ...]]
    """Archive name -> the files and folders that are read there, before links and dependencies are followed."""
    missing: tuple[RepoFile, ...]
    """Value files that are ignored while they are not there: part of the source key, with an empty id."""


def chosen(application: Application, source: Source, trees: Mapping[str, Tree], facts: BuildFacts) -> Chosen:
    """Decide the render of a source. trees: the own repository's under OWN, others' under the `ref` of their source.

    Raises InvalidSpecError naming the field, RenderError if the path or a value file is not there.
    """
    if source.unsupported:
        raise InvalidSpecError(f"{', '.join(source.unsupported)}: not supported yet")
    if tool_of(source, trees[OWN], application.name) is Tool.HELM:
        return _helm(application, source, Lookup(source.path, trees, build_env(facts)), facts)
    return _directory(source)


def _helm(application: Application, source: Source, lookup: Lookup, facts: BuildFacts) -> Chosen:
    helm = source.helm or HelmOptions()
    values = value_files(helm, lookup)
    files = parameter_files(helm.file_parameters, lookup)
    parameters = [replace(item, value=substituted(item.value, lookup.env)) for item in helm.parameters]
    request = RenderRequest(
        tool=Tool.HELM,
        archives={},
        path=source.path,
        release_name=helm.release_name or application.name,
        namespace=helm.namespace or application.destination.namespace,
        kube_version=helm.kube_version or facts.kube_version,
        api_versions=helm.api_versions or tuple(facts.api_versions),
        value_files=values.present,
        values=helm.values,
        values_object=helm.values_object,
        parameters=tuple(parameters),
        file_parameters=files,
        skip_crds=helm.skip_crds,
        skip_tests=helm.skip_tests,
        skip_schema_validation=helm.skip_schema_validation,
    )
    read = [RepoFile(source.path), *values.present, *(file for _, file in files)]
    return Chosen(request, _by_archive(read), values.missing)


def _directory(source: Source) -> Chosen:
    options = source.directory or DirectoryOptions()
    request = RenderRequest(
        tool=Tool.DIRECTORY,
        archives={},
        path=source.path,
        recurse=options.recurse,
        include=options.include,
        exclude=options.exclude,
    )
    return Chosen(request, _by_archive([RepoFile(source.path)]), ())


def _by_archive(files: list[RepoFile]) -> dict[str, tuple[str, ...]]:
    archives = dict.fromkeys(file.archive for file in files)
    return {name: tuple(dict.fromkeys(file.path for file in files if file.archive == name)) for name in archives}
