"""The sources of an Application as they are written: fields and types of every renderer. The rest: written.py."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

Texts = dict[str, str]


class Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of an Application."""


class Pair(Written, frozen=True):
    """A name and its value."""

    name: str
    value: str


class Variable(Pair, frozen=True):
    """A variable of Jsonnet."""

    code: bool = False


class Parameter(Written, frozen=True):
    """One `--set` of Helm."""

    name: str = ""
    value: str = ""
    force_string: bool = False


class FileParameter(Written, frozen=True):
    """One `--set-file` of Helm."""

    name: str = ""
    path: str = ""


class Helm(Written, frozen=True):
    """How a Helm chart is rendered."""

    value_files: Annotated[list[str], Meta(examples=[["values.yaml", "values-prod.yaml"]])] = []
    ignore_missing_value_files: bool = False
    values: Annotated[str, Meta(description="Inline YAML.")] = ""
    values_object: Annotated[dict[str, Any], Meta(description="The same as an object; it beats `values`.")] = {}
    parameters: list[Parameter] = []
    file_parameters: list[FileParameter] = []
    release_name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: list[str] = []
    skip_crds: bool = False
    skip_schema_validation: bool = False
    skip_tests: bool = False
    pass_credentials: bool = False
    version: str = ""


class Replica(Written, frozen=True):
    """A replica count of Kustomize."""

    name: str
    count: int | str


class PatchTarget(Written, frozen=True):
    """What a patch of Kustomize applies to."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotation_selector: str = ""
    label_selector: str = ""


class Patch(Written, frozen=True):
    """A patch of Kustomize."""

    path: str = ""
    patch: str = ""
    options: dict[str, bool] = {}
    target: PatchTarget = PatchTarget()


class Kustomize(Written, frozen=True):
    """How a kustomization is rendered."""

    name_prefix: str = ""
    name_suffix: str = ""
    images: list[str] = []
    replicas: list[Replica] = []
    common_labels: Texts = {}
    common_annotations: Texts = {}
    force_common_labels: bool = False
    force_common_annotations: bool = False
    label_without_selector: bool = False
    label_include_templates: bool = False
    common_annotations_envsubst: bool = False
    namespace: str = ""
    patches: list[Patch] = []
    components: list[str] = []
    ignore_missing_components: bool = False
    version: str = ""
    kube_version: str = ""
    api_versions: list[str] = []


class Jsonnet(Written, frozen=True):
    """Variables and libraries of Jsonnet."""

    ext_vars: list[Variable] = []
    tlas: list[Variable] = []
    libs: list[str] = []


class Directory(Written, frozen=True):
    """How plain YAML files are found."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""
    disable_extension_filter: bool = False
    jsonnet: Jsonnet = Jsonnet()


class PluginParameter(Written, frozen=True):
    """A parameter of a plugin."""

    name: str = ""
    string: str = ""
    array: list[str] = []
    map: Texts = {}


class Plugin(Written, frozen=True):
    """A config management plugin."""

    name: str = ""
    env: list[Pair] = []
    parameters: list[PluginParameter] = []


class Renderers(Written, frozen=True):
    """What may be said to the renderers."""

    helm: Helm = Helm()
    kustomize: Kustomize = Kustomize()
    directory: Directory = Directory()
    plugin: Plugin = Plugin()


class Source(Renderers, kw_only=True, frozen=True):
    """Where manifests come from."""

    repo_url: str = field(name="repoURL")
    path: Annotated[str, Meta(description="Folder in the repository.")] = ""
    target_revision: Annotated[str, Meta(description="Branch, tag, commit or version range; empty: HEAD.")] = ""
    chart: str = ""
    ref: Annotated[str, Meta(description="Lends its files to others as `$ref/...`.")] = ""
    name: str = ""
    tag_prefix: str = ""


class DrySource(Renderers, kw_only=True, frozen=True):
    """What a hydrator renders."""

    repo_url: str = field(name="repoURL")
    target_revision: str
    path: str


class SyncSource(Written, frozen=True):
    """Where a hydrator writes to."""

    target_branch: str
    path: str
    repo_url: str = field(name="repoURL", default="")


class HydrateTo(Written, frozen=True):
    """Where a hydrator writes first."""

    target_branch: str


class SourceHydrator(Written, frozen=True):
    """Rendering into a branch."""

    dry_source: DrySource
    sync_source: SyncSource
    hydrate_to: HydrateTo | None = None
