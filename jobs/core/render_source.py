"""From a source in the spec to what its render takes: tool, files, options, with the build environment filled in."""

from collections.abc import Mapping

from jobs.core.application import Application
from jobs.core.build_env import BuildFacts, build_env, substituted
from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import OWN, RenderRequest, Tool
from jobs.core.source import DirectoryOptions, HelmOptions, Parameter, Source
from jobs.core.source_key import Facts
from jobs.core.tree import Tree
from jobs.core.value_files import Lookup, ValueFiles, parameter_files, value_files

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def tool_of(source: Source, tree: Tree) -> Tool:
    """An explicit block wins, else what lies in the folder; https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/

    Raises RenderError when the folder is not there, InvalidSpecError for a tool that is not supported.
    """
    where = tree.get(source.path)
    if where is None or where.type != "tree":
        raise RenderError(f"spec.source.path: there is no folder {source.path or '.'} at this revision")
    if source.helm is not None:
        return Tool.HELM
    if source.directory is not None:
        return Tool.DIRECTORY
    names = tree.names(source.path)
    if "Chart.yaml" in names:
        return Tool.HELM
    if any(name in names for name in KUSTOMIZATIONS):
        raise InvalidSpecError(
            f"spec.source.path: {source.path or '.'} holds a kustomization, which is not supported yet"
        )
    return Tool.DIRECTORY


def request_of(
    application: Application, source: Source, revision: str, trees: Mapping[str, Tree], facts: Facts
) -> tuple[RenderRequest, ValueFiles]:
    """The render of a source, without its files, and its value files. Raises InvalidSpecError, RenderError.

    trees: by archive name.
    """
    tool = tool_of(source, trees[OWN])
    if tool is Tool.DIRECTORY:
        options = source.directory or DirectoryOptions()
        plain = RenderRequest(
            tool, {}, source.path, recurse=options.recurse, include=options.include, exclude=options.exclude
        )
        return plain, ValueFiles((), ())
    helm = source.helm or HelmOptions()
    env = _env(application, source, revision, facts)
    lookup = Lookup(source.path, trees, env)
    files = value_files(helm, lookup)
    parameters = (Parameter(item.name, substituted(item.value, env), item.force_string) for item in helm.parameters)
    request = RenderRequest(
        tool,
        {},
        source.path,
        release_name=helm.release_name or application.name,
        namespace=helm.namespace or application.destination.namespace,
        kube_version=helm.kube_version or facts.kube_version,
        api_versions=helm.api_versions or facts.api_versions,
        value_files=files.present,
        values=helm.values,
        values_object=helm.values_object,
        parameters=tuple(parameters),
        file_parameters=parameter_files(helm.file_parameters, lookup),
        skip_crds=helm.skip_crds,
        skip_tests=helm.skip_tests,
        skip_schema_validation=helm.skip_schema_validation,
    )
    return request, files


def _env(application: Application, source: Source, revision: str, facts: Facts) -> dict[str, str]:
    return build_env(
        BuildFacts(
            name=application.name,
            namespace=application.destination.namespace,
            project=application.project,
            revision=revision,
            path=source.path,
            repo_url=source.repo_url,
            target_revision=source.target_revision,
            kube_version=facts.kube_version,
            api_versions=facts.api_versions,
        )
    )
