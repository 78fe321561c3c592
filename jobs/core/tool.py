"""Which tool renders a source: what its spec says, else what its folder holds.

https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/
"""

from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import Tool
from jobs.core.source import Source
from jobs.core.tree import Tree

KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})


def tool_of(source: Source, tree: Tree, application: str) -> Tool:
    """The tool for a source at one commit. application: its name, for `.argocd-source-<name>.yaml`.

    Raises RenderError if the path is not there or holds what is not supported, InvalidSpecError if two tools are asked.
    """
    place = f"spec.source.path {source.path!r}"
    entry = tree.get(source.path)
    if entry is None or not (entry.type == "tree" or entry.is_symlink):
        problem = "is no folder" if entry else "does not exist"
        raise RenderError(f"{place} {problem} in {source.repo_url} at this revision")
    if entry.is_symlink and source.helm is None and source.directory is None:
        raise RenderError(f"{place} is a symbolic link: name the folder it leads to, so that its tool can be told")
    names = frozenset(tree.names(source.path))
    overrides = sorted(names & {".argocd-source.yaml", f".argocd-source-{application}.yaml"})
    if overrides:
        # Never skipped in silence: it may change every option of the source.
        raise RenderError(
            f"{place} holds {overrides[0]}, which is not supported: move its contents into the Application"
        )
    return _asked(source) or _found(names, place)


def _asked(source: Source) -> Tool | None:
    if source.helm is not None and source.directory is not None:
        raise InvalidSpecError("spec.source has both helm and directory: keep one of them")
    if source.helm is not None:
        return Tool.HELM
    return Tool.DIRECTORY if source.directory is not None else None


def _found(names: frozenset[str], place: str) -> Tool:
    if "Chart.yaml" in names:
        return Tool.HELM
    if names & KUSTOMIZATIONS:
        raise RenderError(f"{place} holds a kustomization; Kustomize is not supported yet")
    return Tool.DIRECTORY
